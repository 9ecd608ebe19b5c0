"""Find the compiled sandbox, or compile it to machine code in a separate process.

`template.wasm` lies beside this file: `make template` and the build of a wheel put it there. Compiling it to machine
code takes ten seconds and 300 MB, so that is done once and never by the process that renders: for the baseline CPU when
an image is built (`python -P -m manager.gotemplate.artefact`, into the package), otherwise by a child process
(`preparation.py`), into the user's cache.
"""

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from manager.core.errors import SandboxUnavailable
from manager.gotemplate.model import Limits

if TYPE_CHECKING:
    import wasmtime

ARTEFACT: Final = Path(__file__).with_name("template.wasm")
INSTALLED: Final = ARTEFACT.with_suffix(".cwasm")
BUILD_COMMAND: Final = "make template"
CACHE: Final = "--cache"
DESCRIPTORS: Final = Path("/proc/self/fd")


def engine(limits: Limits, target: str = "") -> "wasmtime.Engine":
    """Return the engine that runs instances; it loads only code that was compiled with the same configuration."""
    import wasmtime

    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = limits.stack_bytes
    if target:
        config.target = target
    return wasmtime.Engine(config)


class NotCompiled(SandboxUnavailable):
    """There is no machine code for this artefact and this machine yet."""


def load(machine: "wasmtime.Engine", extra: Path | None = None) -> "wasmtime.Module":
    """Return the module from machine code that was made before.

    Args:
        extra: where machine code may be beside the package and the user's cache.

    Raises:
        NotCompiled: there is none for this artefact and machine.
        SandboxUnavailable: there is no artefact; the message names the cure.
    """
    import wasmtime

    for place in _places(extra):
        try:
            return wasmtime.Module.deserialize_file(machine, str(place))
        except wasmtime.WasmtimeError:
            continue  # compiled by another wasmtime or for another CPU
    raise NotCompiled("the template sandbox is not compiled for this machine")


def compiled() -> bool:
    """Return True if there is machine code; code for another wasmtime or CPU may not load."""
    return ARTEFACT.exists() and any(_places(None))


def cache_place() -> Path:
    """Return the path of the machine code in the user's cache."""
    return _cache() / _cached_name()


def _places(extra: Path | None) -> Iterator[Path]:
    if not ARTEFACT.exists():
        raise SandboxUnavailable(f"the template sandbox is not built: {ARTEFACT} is missing; run `{BUILD_COMMAND}`")
    yield from (place for place in (INSTALLED, cache_place()) if _usable(place))
    if extra is not None:
        yield extra


def compile_to(place: Path, *, baseline: bool) -> None:
    """Compile, and write the machine code to a path.

    Args:
        baseline: for the oldest CPU of this architecture, so that an image runs on every one; otherwise for this one.

    Raises:
        SandboxUnavailable: the artefact is missing or damaged.
        OSError: the path cannot be written.
    """
    import wasmtime

    target = f"{platform.machine().replace('arm64', 'aarch64')}-unknown-linux-gnu" if baseline else ""
    try:
        code = bytes(wasmtime.Module.from_file(engine(Limits(), target), str(ARTEFACT)).serialize())
    except (wasmtime.WasmtimeError, OSError) as error:
        kind = type(error).__name__
        raise SandboxUnavailable(f"{ARTEFACT} cannot be compiled ({kind}); run `{BUILD_COMMAND}`") from None
    if place.parent == DESCRIPTORS:  # a file in memory that the parent reads
        place.write_bytes(code)
    else:
        _keep(code, place)


def _cached_name() -> str:
    """Return a file name made from all that the machine code depends on: module, wasmtime and settings."""
    stat = ARTEFACT.stat()
    parts = (str(ARTEFACT), stat.st_size, stat.st_mtime_ns, metadata.version("wasmtime"), Limits().stack_bytes)
    return f"template-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.cwasm"


def _cache() -> Path:
    """Return the user's folder; a user of an image may have no home."""
    home = os.environ.get("HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    return Path(cache, "coffer", "sandbox") if cache else Path(tempfile.gettempdir(), f"coffer-{os.getuid()}")


def _usable(place: Path) -> bool:
    """Return True if the code is of this artefact and only this user or root could write it: it runs unchecked."""
    try:
        made = [each.stat() for each in (place, place.parent)]
        newer = made[0].st_mtime_ns >= ARTEFACT.stat().st_mtime_ns
    except OSError:
        return False
    return newer and all(each.st_uid in {0, os.getuid()} and not each.st_mode & 0o022 for each in made)


def _keep(code: bytes, place: Path) -> None:
    """Write a temporary file and rename it, so that no process loads an incomplete file."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as fresh:
        fresh.write(code)
    Path(fresh.name).chmod(0o644)
    Path(fresh.name).replace(place)


def main() -> int:
    """Compile into the user's cache (`--cache`) or the package (default). An error ends the build of an image."""
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        place = cache_place() if named == CACHE else Path(named) if named else INSTALLED
        if named != CACHE or not compiled():
            compile_to(place, baseline=not named)
    except (SandboxUnavailable, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
