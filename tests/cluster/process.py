"""Programs that tests start, with their log, and a guard that stops them if the tests are killed."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

TAIL_LINES = 30

_GUARD = """
import os, shutil, signal, sys
pids, folders = set(), set()
for line in sys.stdin:
    verb, what = line.rstrip("\\n").split(" ", 1)
    held = folders if verb[1] == "d" else pids
    held.add(what) if verb[0] == "+" else held.discard(what)
for pid in pids:
    try:
        os.killpg(int(pid), signal.SIGKILL)
    except OSError:
        pass
for folder in folders:
    shutil.rmtree(folder, ignore_errors=True)
"""


class ProcessDied(Exception):
    """A program that should run has ended; the message contains the end of its log."""


class Guard:
    """A small process that waits until our process ends.

    It reads our process groups and folders from a pipe. When the pipe closes, it kills the groups and removes the
    folders. (The kernel's parent-death signal fires when the *thread* that started a program ends, so a test that
    starts a program from a thread would lose it.)
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def tell(self, verb: str, what: object) -> None:
        """Register (`+p`, `+d`) or release (`-p`, `-d`) a process group or a folder."""
        if self._process is None:
            command = [sys.executable, "-S", "-E", "-c", _GUARD]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
            atexit.register(self.close)
        pipe = self._process.stdin
        if pipe:
            pipe.write(f"{verb} {what}\n")
            pipe.flush()

    def close(self) -> None:
        """Close the pipe and wait until the guard has cleaned up everything that is still registered."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()
            self._process = None


GUARD = Guard()


class Folder:
    """A private folder that is removed when our process ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        GUARD.tell("+d", path)

    def remove(self) -> None:
        """Remove it now."""
        shutil.rmtree(self.path, ignore_errors=True)
        GUARD.tell("-d", self.path)


class Process:
    """One running program in its own process group, with its output in a file."""

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.log = name, log
        with log.open("a") as output:
            self._popen = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # otherwise Ctrl-C in a terminal stops the API server before the tests end
            )
        self.pid = self._popen.pid
        GUARD.tell("+p", self.pid)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal, None while it runs."""
        return self._popen.poll()

    def signal(self, number: int) -> None:
        """Send a signal to the program alone."""
        self._popen.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Wait until it ends and return the exit code. Raises TimeoutError with the end of the log."""
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {timeout} s; {self.tail()}") from None
        GUARD.tell("-p", self.pid)
        return code

    def stop(self, grace: float = 5.0) -> None:
        """Send SIGTERM, then kill it and everything that it started."""
        if self.alive:
            self.signal(signal.SIGTERM)
            with suppress(TimeoutError):
                self.wait(grace)
        self.kill()

    def kill(self) -> None:
        """Kill it and everything that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(10)

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the end of its log."""
        text = "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return f"the end of {self.log.name}:\n{text}"

    def check(self) -> None:
        """Raise ProcessDied if it has ended."""
        if not self.alive:
            raise ProcessDied(f"{self.name} ended with {self.exit_code}; {self.tail()}")
