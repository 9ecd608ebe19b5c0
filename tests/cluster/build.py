"""Fetches or builds the control plane's binaries: `python -m tests.cluster.build [NAME…]` prints the path of each.

Sources, in order: the folder in KUBEBUILDER_ASSETS, the machine's own kubectl, the cache, the publisher's site. If
nothing can be downloaded, Go compiles the program.
"""

import argparse
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import golang, release
from tests.cluster.programs import CONTROL_PLANE, PROGRAMS, Program, cache_folder
from tools.golang import BuildFailed


def binary(name: str) -> Path:
    """Return the path of a program; fetch or build it if it is missing.

    Raises:
        BuildFailed: no source has it; the message ends with the compiler's last lines.
        ChecksumMismatch: a site served other bytes than it published.
    """
    program = PROGRAMS[name]
    assets = Path(os.environ.get("KUBEBUILDER_ASSETS") or os.devnull) / name
    if assets.is_file():
        return assets
    system = shutil.which(name) if name == "kubectl" else None
    if system:
        return Path(system)
    cached = cache_folder(program) / name
    if not cached.exists():
        with _locked(cached):
            if not cached.exists():
                _bring(program, cached)
    return cached


def control_plane() -> dict[str, Path]:
    """Return the paths of etcd, kube-apiserver and kube-controller-manager."""
    return {name: binary(name) for name in CONTROL_PLANE}


def _bring(program: Program, cached: Path) -> None:
    """Write to a temporary path, then rename: an interrupted run leaves no file that looks complete."""
    fresh = cached.with_name(f".{cached.name}.{os.getpid()}")
    try:
        try:
            release.download(program, fresh)
        except release.Unreachable as reason:
            print(f"{program.name}: no download ({reason})", file=sys.stderr)
            golang.build(program, fresh, cached.with_suffix(".log"))
        fresh.replace(cached)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _locked(cached: Path) -> Iterator[None]:
    """Let one process at a time fetch a program; the others wait and then use it."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    with cached.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{cached.name}: waiting for another process that is bringing it", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Fetch the named programs, or the control plane and kubectl."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(PROGRAMS)}")
    names = parser.parse_args().names or [*CONTROL_PLANE, "kubectl"]
    unknown = sorted(set(names) - set(PROGRAMS))
    if unknown:
        parser.error(f"unknown program {unknown[0]}; there are {', '.join(PROGRAMS)}")
    try:
        for name in names:
            print(binary(name))
    except (BuildFailed, release.ChecksumMismatch) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
