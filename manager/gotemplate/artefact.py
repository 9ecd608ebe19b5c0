"""Finds the compiled sandbox, precompiles it for this machine once, and loads it.

`template.wasm` lies beside this file: `make template` and the build of a wheel put it there. Compiling it to machine
code takes seconds, so that is done once: for the baseline CPU when an image is built (`python -m
manager.gotemplate.artefact`, into the package), otherwise at the first template, into the user's cache.
"""

import hashlib
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from manager.errors import SandboxUnavailable
from manager.gotemplate.model import Limits

if TYPE_CHECKING:
    import wasmtime

ARTEFACT: Final = Path(__file__).with_name("template.wasm")
INSTALLED: Final = ARTEFACT.with_suffix(".cwasm")
BUILD_COMMAND: Final = "make template"


def engine(limits: Limits, target: str = "") -> "wasmtime.Engine":
    """Return the machine that runs instances; what is precompiled by one of other settings does not load."""
    import wasmtime

    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = limits.stack_bytes
    if target:
        config.target = target
    return wasmtime.Engine(config)


def load(machine: "wasmtime.Engine") -> "wasmtime.Module":
    """Return the module: precompiled where it can be, compiled (and kept, where that is possible) where it must be.

    Raises:
        SandboxUnavailable: there is no artefact, or it is of no use here; the message names the cure.
    """
    import wasmtime

    if not ARTEFACT.exists():
        raise SandboxUnavailable(f"the template sandbox is not built: {ARTEFACT} is missing; run `{BUILD_COMMAND}`")
    name = _cached_name()
    for place in (INSTALLED, _cache() / name):
        if _usable(place):
            try:
                return wasmtime.Module.deserialize_file(machine, str(place))
            except wasmtime.WasmtimeError:
                continue  # of another wasmtime or CPU: compiled anew below
    try:
        module = wasmtime.Module.from_file(machine, str(ARTEFACT))
    except (wasmtime.WasmtimeError, OSError) as error:
        kind = type(error).__name__
        raise SandboxUnavailable(f"{ARTEFACT} cannot be compiled ({kind}); run `{BUILD_COMMAND}`") from None
    _keep(bytes(module.serialize()), _cache() / name)
    return module


def precompile(place: Path = INSTALLED) -> Path:
    """Compile for the baseline of this architecture, so that the file runs on every CPU of it."""
    import platform

    import wasmtime

    machine = engine(Limits(), f"{platform.machine().replace('arm64', 'aarch64')}-unknown-linux-gnu")
    _keep(bytes(wasmtime.Module.from_file(machine, str(ARTEFACT)).serialize()), place)
    return place


def _cached_name() -> str:
    """Name what the machine code depends on: the module, wasmtime and the settings."""
    stat = ARTEFACT.stat()
    parts = (str(ARTEFACT), stat.st_size, stat.st_mtime_ns, metadata.version("wasmtime"), Limits().stack_bytes)
    return f"template-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.cwasm"


def _cache() -> Path:
    """Return the user's folder; a user of an image may have no home."""
    home = os.environ.get("HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    return Path(cache, "coffer", "sandbox") if cache else Path(tempfile.gettempdir(), f"coffer-{os.getuid()}")


def _usable(place: Path) -> bool:
    """Whether it is of this artefact, and nobody but this user or root can have written it: it is run as it lies."""
    try:
        made = [each.stat() for each in (place, place.parent)]
        newer = made[0].st_mtime_ns >= ARTEFACT.stat().st_mtime_ns
    except OSError:
        return False
    return newer and all(each.st_uid in {0, os.getuid()} and not each.st_mode & 0o022 for each in made)


def _keep(code: bytes, place: Path) -> None:
    """Write beside the place, then rename. A file system that refuses costs a compilation at each start, no more."""
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as fresh:
            fresh.write(code)
        Path(fresh.name).chmod(0o644)
        Path(fresh.name).replace(place)
    except OSError:
        return


if __name__ == "__main__":
    sys.stdout.write(f"{precompile()}\n")
