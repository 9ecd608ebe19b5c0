"""The sandbox is compiled by a child process, once for all who wait, and nobody's template is blamed for it."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from manager.core.errors import SandboxUnavailable, TemplateDelayed
from manager.gotemplate import artefact, preparation
from manager.gotemplate.render_time import measured
from tests.unit.manager.gotemplate.conftest import Make, eso

WAITING = "import sys, time\nwhile True: time.sleep(0.01)\n"


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The command line of every child that was started."""
    found: list[tuple[str, ...]] = []
    original = asyncio.create_subprocess_exec

    async def noted(*command: str, **options: Any) -> Any:
        found.append(command)
        return await original(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    return found


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user for whom nothing was compiled yet; returns the folder of the cache."""
    monkeypatch.setattr(artefact, "INSTALLED", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """Let another program stand in for the compiler, which takes ten seconds."""
    (tmp_path / "compiler.py").write_text(text)
    monkeypatch.setattr(preparation, "MODULE", "compiler")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def copying(kept: Path) -> str:
    """Return a program that delivers what was compiled before."""
    return f"import sys, pathlib\npathlib.Path(sys.argv[1]).write_bytes(pathlib.Path({str(kept)!r}).read_bytes())\n"


async def test_a_cold_sandbox_is_compiled_once_by_a_child(
    make: Make, children: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    warm = make()
    await eso(warm, "x")
    kept = next(place for place in (artefact.INSTALLED, artefact.cache_place()) if place.exists())
    monkeypatch.setattr(artefact, "INSTALLED", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compiler(monkeypatch, tmp_path, copying(kept))
    cold = make()

    answers = await asyncio.gather(*(eso(cold, "{{ 1 }}", namespace) for namespace in "abcd"))

    assert answers == ["1"] * 4
    assert [command[0] for command in children] == [sys.executable]
    assert children[0][1] == "-P", "a checkout in the working directory must not be imported instead"


async def test_where_no_folder_can_be_written_the_code_stays_in_memory(
    make: Make, children: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await eso(make(), "x")
    kept = next(place for place in (artefact.INSTALLED, artefact.cache_place()) if place.exists())
    monkeypatch.setattr(artefact, "INSTALLED", tmp_path / "none")
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compiler(monkeypatch, tmp_path, copying(kept))

    assert await eso(make(), "{{ 2 }}") == "2"
    assert children[0][-1].startswith("/proc/self/fd/")


async def test_a_template_that_waits_for_the_compiler_is_delayed_and_not_blamed(
    make: Make, cold: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, children: list[tuple[str, ...]]
) -> None:
    compiler(monkeypatch, tmp_path, WAITING)
    monkeypatch.setattr(preparation, "PATIENCE_SECONDS", 0.0)
    sandbox = make()

    with measured() as spent:
        for _ in range(3):
            with pytest.raises(TemplateDelayed, match="is being compiled"):
                await eso(sandbox, "x")

    assert spent.seconds == 0.0
    await sandbox.close()
    assert len(children) <= 1, "one compiler for all who wait"


async def test_what_was_begun_ahead_is_used(
    make: Make, cold: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, children: list[tuple[str, ...]]
) -> None:
    compiler(monkeypatch, tmp_path, WAITING)
    monkeypatch.setattr(preparation, "PATIENCE_SECONDS", 0.0)
    sandbox = make()
    for _ in range(3):
        sandbox.prepare()
    while not children:
        await asyncio.sleep(0)

    with pytest.raises(TemplateDelayed):
        await eso(sandbox, "x")

    assert len(children) == 1


async def test_where_it_is_compiled_nothing_is_begun_ahead(make: Make, children: list[tuple[str, ...]]) -> None:
    sandbox = make()
    await eso(sandbox, "x")

    sandbox.prepare()
    make().prepare()
    await asyncio.sleep(0)

    assert children == []


@pytest.mark.parametrize("text", ["raise SystemExit(1)\n", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"])
async def test_a_compiler_that_fails_is_told_with_the_cure(
    make: Make, cold: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, children: list[tuple[str, ...]]
) -> None:
    compiler(monkeypatch, tmp_path, text)
    sandbox = make()

    for _ in range(2):
        with pytest.raises(SandboxUnavailable, match=r"ended with code .*; run `make template`, or give the Pod"):
            await eso(sandbox, "x")

    assert len(children) == 1, "tried again after a while, not by every template"


async def test_a_sandbox_that_is_not_built_says_so_and_the_next_one_tries_again(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(artefact, "ARTEFACT", tmp_path / "template.wasm")
    sandbox = make()
    sandbox.prepare()

    for _ in range(2):
        with pytest.raises(SandboxUnavailable, match="make template"):
            await eso(sandbox, "x")


async def test_only_the_render_itself_is_measured(make: Make) -> None:
    sandbox = make()
    await eso(sandbox, "x")

    with measured() as first:
        await eso(sandbox, "{{ range until 50000 }}a{{ end }}")
    with measured() as second:
        pass

    assert first.seconds > 0
    assert second.seconds == 0
