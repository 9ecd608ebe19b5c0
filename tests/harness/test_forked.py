"""A run of a fork server is like a run of the program: arguments, folder, environment, input, output, exit code."""

import os
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.cluster.forked import ForkServer

BARE = {"PATH": os.environ["PATH"]}
PROGRAM = """
import os, sys

def main():
    word = sys.argv[1]
    if word == "say":
        print(sys.argv[2:], os.getcwd(), sys.stdin.read(), os.environ["WORD"])
    if word == "keep":
        os.environ["KEPT"] = "1"
    if word == "kept":
        return int("KEPT" in os.environ)
    if word == "raise":
        raise ValueError("broken")
    if word == "exit":
        sys.exit("gone")
    if word == "plug-in":
        return os.system("cat; echo from below; exit 3") >> 8
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    folder = tmp_path_factory.mktemp("program")
    (folder / "forked_program.py").write_text(PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        with ForkServer(Path("/bin/program"), "forked_program") as running:
            yield running


def run(server: ForkServer, *arguments: str, stdin: str = "") -> CompletedProcess[str]:
    return server.run(arguments, BARE | {"WORD": "héllo"}, Path("/tmp"), stdin)


def test_a_run_has_its_own_surroundings(server: ForkServer) -> None:
    done = run(server, "say", "a", "b", stdin="given")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['a', 'b'] /tmp given héllo\n"


def test_a_run_leaves_nothing_to_the_next(server: ForkServer) -> None:
    assert run(server, "keep").returncode == 0
    assert run(server, "kept").returncode == 0


def test_an_end_by_an_error_is_that_of_a_program(server: ForkServer) -> None:
    raised, gone = run(server, "raise"), run(server, "exit")

    assert raised.returncode == gone.returncode == 1
    assert raised.stderr.endswith("ValueError: broken\n")
    assert gone.stderr == "gone\n"


def test_what_a_run_starts_has_its_input_and_output(server: ForkServer) -> None:
    done = run(server, "plug-in", stdin="given\n")

    assert (done.returncode, done.stdout) == (3, "given\nfrom below\n")
