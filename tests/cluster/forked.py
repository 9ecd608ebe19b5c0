"""Runs one of our programs many times without its start: a process that has imported it forks for each run.

Starting Python and importing takes ten times the processor time of a run of kubeseal. A run has its own arguments,
folder, environment, input and output, as a started program has; only what Python reads at its start (its own
variables, the locale) is that of the server. Tests of the start use the real program.
"""

import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from tests.cluster.process import GUARD

ROOT = Path(__file__).parents[2]
MAX_REQUEST_BYTES = 1 << 20


class ForkServer:
    """A process that holds a program ready. Use it as a context manager.

    Args:
        program: the name in argv.
        module: the module with the program's `main`.
        packages: their modules are imported beforehand, including those that the program imports late.
    """

    def __init__(self, program: Path, module: str, *packages: str) -> None:
        self._program, self._arguments = program, (module, *packages)

    def __enter__(self) -> Self:
        self._channel, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno()), *self._arguments]
            self._server = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], start_new_session=True)
        GUARD.tell("+p", self._server.pid)
        self._answers = self._channel.makefile()
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._channel.close()
        self._server.wait(10)
        GUARD.tell("-p", self._server.pid)

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, stdin: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run the program once; a second run waits for the end of the first."""
        argv = [str(self._program), *arguments]
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            told = {"argv": argv, "folder": str(folder), "environment": dict(environment)}
            socket.send_fds(self._channel, [json.dumps(told).encode()], [each.fileno() for each in (given, out, err)])
            code = int(self._answers.readline())
            return subprocess.CompletedProcess(argv, code, _content(out), _content(err))


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _serve(channel: socket.socket, module: str, *packages: str) -> None:
    for name in packages:
        for each in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(each.name)
    program = importlib.import_module(module).main
    while True:
        text, given, _, _ = socket.recv_fds(channel, MAX_REQUEST_BYTES, 3)
        if not text:
            return
        child = os.fork()
        if not child:
            channel.close()
            _become(json.loads(text), given)
            os._exit(_outcome(program))
        for fd in given:
            os.close(fd)
        _, status = os.waitpid(child, 0)
        channel.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(told: Mapping[str, Any], given: Sequence[int]) -> None:
    """Take on the arguments, folder, environment, input and output of one run."""
    for number, fd in enumerate(given):
        os.dup2(fd, number)
    sys.stdin, sys.stdout, sys.stderr = _opened(0, "r"), _opened(1, "w"), _opened(2, "w")
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    sys.argv = told["argv"]


def _opened(number: int, mode: str) -> Any:
    return os.fdopen(number, mode, encoding="utf-8", errors="surrogateescape", closefd=False)


def _outcome(program: Callable[[], object]) -> int:
    """Run the program and return its exit code, as the interpreter determines it."""
    try:
        code: object = program()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as own:
        _serve(own, *sys.argv[2:])
