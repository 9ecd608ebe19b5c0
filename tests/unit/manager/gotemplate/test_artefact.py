"""The compiled sandbox is found where nobody else can write, compiled on demand, and missed with a clear word."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from manager.core.errors import SandboxUnavailable
from manager.gotemplate import artefact
from manager.gotemplate.artefact import NotCompiled, cache_place, compile_to, compiled
from manager.gotemplate.instance import Instance, Machine
from manager.gotemplate.model import Limits

EMPTY = b"\0asm\1\0\0\0"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with an artefact that compiles at once, and a cache of its own."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "template.wasm").write_bytes(EMPTY)
    monkeypatch.setattr(artefact, "ARTEFACT", package / "template.wasm")
    monkeypatch.setattr(artefact, "INSTALLED", package / "template.cwasm")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return package


def load(extra: Path | None = None) -> None:
    artefact.load(artefact.engine(Limits()), extra)


def compile_here() -> Path:
    compile_to(cache_place(), baseline=False)
    return cache_place()


def test_nothing_is_compiled_by_who_loads() -> None:
    assert not compiled()
    with pytest.raises(NotCompiled):
        load()


def test_what_was_compiled_for_a_user_is_loaded() -> None:
    compile_here()

    assert compiled()
    load()


def test_another_artefact_needs_another_compilation(place: Path) -> None:
    compile_here()
    (place / "template.wasm").write_bytes(EMPTY + b"\0\5\4name")

    assert not compiled()


def test_what_was_precompiled_into_the_package_is_loaded(place: Path, tmp_path: Path) -> None:
    compile_to(place / "template.cwasm", baseline=True)

    load()

    assert not list((tmp_path / "cache").rglob("*"))


def test_what_was_precompiled_from_an_older_artefact_is_left_alone(place: Path) -> None:
    compile_to(place / "template.cwasm", baseline=True)
    later = (place / "template.cwasm").stat().st_mtime_ns + 1_000_000_000
    os.utime(place / "template.wasm", ns=(later, later))

    assert not compiled()


def test_a_user_without_a_home_has_a_cache_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert compile_here().parent == tmp_path / f"coffer-{os.getuid()}"
    load()


def test_a_module_that_is_not_the_sandbox_says_so() -> None:
    compile_here()
    machine = Machine(Limits())

    with pytest.raises(SandboxUnavailable, match="does not start"):
        Instance(machine)
    machine.close()


@pytest.mark.parametrize("content", [b"", b"not machine code"])
def test_a_file_that_does_not_load_counts_as_not_compiled(content: bytes) -> None:
    compile_here().write_bytes(content)

    with pytest.raises(NotCompiled):
        load()


@pytest.mark.parametrize("writable", ["file", "folder"])
def test_machine_code_that_others_may_write_is_not_run(writable: str) -> None:
    kept = compile_here()
    (kept if writable == "file" else kept.parent).chmod(0o777)

    assert not compiled()
    with pytest.raises(NotCompiled):
        load()


def test_machine_code_may_lie_in_memory() -> None:
    descriptor = os.memfd_create("test")
    try:
        place = artefact.DESCRIPTORS / str(descriptor)
        compile_to(place, baseline=False)
        load(place)
    finally:
        os.close(descriptor)


def test_a_missing_artefact_names_what_builds_it(place: Path) -> None:
    (place / "template.wasm").unlink()

    with pytest.raises(SandboxUnavailable, match=r"template\.wasm is missing; run `make template`"):
        load()


def test_a_damaged_artefact_names_what_builds_it(place: Path) -> None:
    (place / "template.wasm").write_bytes(b"damaged")

    with pytest.raises(SandboxUnavailable, match=r"cannot be compiled .*; run `make template`"):
        compile_here()


@pytest.mark.parametrize("wrong", ["artefact", "folder"])
def test_the_command_that_builds_an_image_fails_where_it_delivers_nothing(
    wrong: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["artefact"])
    if wrong == "artefact":
        (place / "template.wasm").unlink()
    else:
        monkeypatch.setattr(artefact, "INSTALLED", place / "template.wasm" / "template.cwasm")

    assert artefact.main() == 1
    assert capsys.readouterr().err


def test_nothing_is_loaded_before_the_first_template() -> None:
    code = "import manager.gotemplate.sandbox as s, sys; s.Sandbox(); print('wasmtime' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
