"""The compiled sandbox is found, precompiled once, kept where nobody else can write, and missed with a clear word."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from manager.errors import SandboxUnavailable
from manager.gotemplate import artefact
from manager.gotemplate.instance import Instance, Machine
from manager.gotemplate.model import Limits
from manager.gotemplate.sandbox import Sandbox
from tests.unit.gotemplate.conftest import eso

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


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every compilation, by the path of what was compiled."""
    import wasmtime

    found: list[str] = []
    original = wasmtime.Module.from_file

    def compiling(machine: wasmtime.Engine, path: str) -> wasmtime.Module:
        found.append(path)
        return original(machine, path)

    monkeypatch.setattr(wasmtime.Module, "from_file", staticmethod(compiling))
    return found


def load() -> None:
    artefact.load(artefact.engine(Limits()))


def cache(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.cwasm"))


def test_it_is_compiled_once_for_a_user(compiled: list[str], tmp_path: Path) -> None:
    load()
    load()

    assert len(compiled) == 1
    assert len(cache(tmp_path)) == 1


def test_another_artefact_is_compiled_anew(compiled: list[str], place: Path) -> None:
    load()
    (place / "template.wasm").write_bytes(EMPTY + b"\0\5\4name")
    load()

    assert len(compiled) == 2


def test_what_was_precompiled_into_the_package_comes_first(compiled: list[str], tmp_path: Path, place: Path) -> None:
    artefact.precompile(place / "template.cwasm")
    compiled.clear()

    load()

    assert compiled == []
    assert cache(tmp_path) == []


def test_what_was_precompiled_from_an_older_artefact_is_left_alone(compiled: list[str], place: Path) -> None:
    artefact.precompile(place / "template.cwasm")
    compiled.clear()
    later = (place / "template.cwasm").stat().st_mtime_ns + 1_000_000_000
    os.utime(place / "template.wasm", ns=(later, later))

    load()

    assert compiled == [str(place / "template.wasm")]


def test_a_user_without_a_home_has_a_cache_too(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    load()
    load()

    assert len(compiled) == 1
    assert [file.parent.name for file in tmp_path.rglob("template-*.cwasm")] == [f"coffer-{os.getuid()}"]


def test_a_module_that_is_not_the_sandbox_says_so(compiled: list[str]) -> None:
    machine = Machine(Limits())

    with pytest.raises(SandboxUnavailable, match="does not start"):
        Instance(machine)
    machine.close()


@pytest.mark.parametrize("content", [b"", b"not machine code"])
def test_a_file_that_does_not_load_is_replaced(compiled: list[str], tmp_path: Path, content: bytes) -> None:
    load()
    cache(tmp_path)[0].write_bytes(content)

    load()
    load()

    assert len(compiled) == 2


@pytest.mark.parametrize("writable", ["file", "folder"])
def test_machine_code_that_others_may_write_is_not_run(compiled: list[str], tmp_path: Path, writable: str) -> None:
    load()
    kept = cache(tmp_path)[0]
    (kept if writable == "file" else kept.parent).chmod(0o777)

    load()

    assert len(compiled) == 2


def test_a_cache_that_cannot_be_written_costs_a_compilation_only(compiled: list[str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")

    load()
    load()

    assert len(compiled) == 2


def test_a_missing_artefact_names_what_builds_it(place: Path) -> None:
    (place / "template.wasm").unlink()

    with pytest.raises(SandboxUnavailable, match=r"template\.wasm is missing; run `make template`"):
        load()


def test_a_damaged_artefact_names_what_builds_it(place: Path) -> None:
    (place / "template.wasm").write_bytes(b"damaged")

    with pytest.raises(SandboxUnavailable, match=r"cannot be compiled .*; run `make template`"):
        load()


async def test_a_render_without_a_sandbox_says_so_and_the_next_one_tries_again(place: Path) -> None:
    (place / "template.wasm").unlink()
    sandbox = Sandbox()
    for _ in range(2):
        with pytest.raises(SandboxUnavailable, match="make template"):
            await eso(sandbox, "x")
    await sandbox.close()


def test_nothing_is_loaded_before_the_first_template() -> None:
    code = "import manager.gotemplate.sandbox as s, sys; s.Sandbox(); print('wasmtime' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
