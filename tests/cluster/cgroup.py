"""A memory limit for a program, as the kubelet sets it, on machines that allow cgroups."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

V1 = Path("/sys/fs/cgroup/memory")
V2 = Path("/sys/fs/cgroup")


class NoCgroups(Exception):
    """This machine does not let us create a cgroup."""


class Cgroup:
    """One group; the programs in it and their children share the limit."""

    def __init__(self, folder: Path, old: bool) -> None:
        self._folder, self._old = folder, old

    def put(self, pid: int) -> None:
        """Move a program into the group."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def killed(self) -> int:
        """Return how many programs were killed because memory ran out."""
        text = (self._folder / ("memory.oom_control" if self._old else "memory.events")).read_text()
        return sum(int(number) for name, number in map(str.split, text.splitlines()) if name == "oom_kill")


@contextmanager
def limited(limit: int) -> Iterator[Cgroup]:
    """Make a group with a memory limit in bytes. Raises NoCgroups."""
    old = (V1 / "memory.limit_in_bytes").exists()
    folder = (V1 if old else V2) / f"coffer-{uuid4().hex[:8]}"
    try:
        folder.mkdir()
        (folder / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(limit))
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()
        raise NoCgroups(str(error)) from None
    try:
        yield Cgroup(folder, old)
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(OSError):
                ((V1 if old else V2) / "cgroup.procs").write_text(pid)
        with suppress(OSError):
            folder.rmdir()
