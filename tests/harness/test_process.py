"""A program that a test starts is stopped with its children, and an unexpected end is explained."""

import signal
import sys
from pathlib import Path

import pytest

from tests.cluster.process import Process, ProcessDied
from tests.cluster.wait import wait_until


def test_a_dead_process_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    process = Process("victim", [sys.executable, "-c", "print('bad flag'); exit(3)"], tmp_path / "victim.log")
    assert process.wait(10) == 3
    with pytest.raises(ProcessDied, match=r"(?s)victim ended with 3; the end of victim.log:\nbad flag"):
        process.check()


def test_a_stopped_process_may_say_goodbye(tmp_path: Path) -> None:
    script = "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(7))\nprint('ready', flush=True)\nsignal.pause()"
    process = Process("polite", [sys.executable, "-c", script], tmp_path / "log", {"A": "b"})
    wait_until(lambda: "ready" in process.tail())
    process.check()
    process.stop()
    assert (process.alive, process.exit_code) == (False, 7)


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """Its children are killed too."""
    script = (
        "import signal, subprocess, sys\nsignal.signal(15, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\nprint(child.pid, flush=True)\nsignal.pause()"
    )
    process = Process("deaf", [sys.executable, "-c", script], tmp_path / "log")
    child = wait_until(lambda: process.log.read_text().strip())
    with pytest.raises(TimeoutError, match="deaf still runs"):
        process.wait(0.01)
    process.stop(grace=0.1)
    assert process.exit_code == -signal.SIGKILL
    state = Path(f"/proc/{child}/stat")
    wait_until(lambda: not state.exists() or state.read_text().split()[2] == "Z")
