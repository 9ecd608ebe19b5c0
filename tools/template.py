"""Builds the template sandbox: `make template` compiles manager/gotemplate/go to WebAssembly by this module.

The result lies beside the Python that runs it and in the cache, under the hash of all it is made of: the same sources
are compiled once on a machine, whatever checkout asks.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from tools.golang import BuildFailed, cache_root, compile_package, toolchain

SOURCES = Path(__file__).parents[1] / "manager" / "gotemplate" / "go"
ARTEFACT = SOURCES.parent / "template.wasm"
STAMP = ARTEFACT.with_suffix(".inputs")
ARGUMENTS = ["-buildmode=c-shared", "-buildvcs=false", "-ldflags", "-s -w"]
TARGET = {"GOOS": "wasip1", "GOARCH": "wasm"}


def inputs() -> str:
    """Return the hash of everything that the artefact depends on."""
    digest = hashlib.sha256(repr((ARGUMENTS, TARGET)).encode())
    for file in sorted(SOURCES.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(SOURCES)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def build() -> Path:
    """Return the path of the artefact, after compiling it where its sources have changed. Raises BuildFailed."""
    wanted = inputs()
    if ARTEFACT.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return ARTEFACT
    cached = cache_root() / f"gotemplate-{wanted[:16]}" / ARTEFACT.name
    if not cached.exists():
        _compile(cached)
    fresh = ARTEFACT.with_suffix(f".{os.getpid()}")
    shutil.copyfile(cached, fresh)
    fresh.replace(ARTEFACT)
    STAMP.write_text(wanted)
    return ARTEFACT


def _compile(cached: Path) -> None:
    """Write beside the place, then rename: an interrupted run leaves nothing that looks finished."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    fresh = cached.with_suffix(f".{os.getpid()}")
    try:
        go = toolchain(SOURCES, SOURCES / "go.txt", same_release=True)
        command = [*ARGUMENTS, "-o", str(fresh), "."]
        compile_package("template sandbox", go, command, SOURCES, cached.with_suffix(".log"), **TARGET)
        fresh.replace(cached)
    finally:
        fresh.unlink(missing_ok=True)


def main() -> int:
    """Build, and print where the artefact is."""
    try:
        sys.stdout.write(f"{build()}\n")
    except BuildFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
