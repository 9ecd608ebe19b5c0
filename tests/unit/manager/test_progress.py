"""A command that takes long says so on a terminal, and nowhere else."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import rich.console

from manager import progress
from manager.core.errors import CofferError


class Timer:
    """Fires when the test says so."""

    daemon = False

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        assert seconds == progress.SILENT_SECONDS
        self.fire, self.over = work, False
        MADE.append(self)

    def start(self) -> None:
        pass

    def cancel(self) -> None:
        self.over = True

    def join(self) -> None:
        assert self.over


MADE: list[Timer] = []


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []

    class Status:
        def __init__(self, text: str) -> None:
            self.text = text

        def start(self) -> None:
            told.append(f"+ {self.text}")

        def stop(self) -> None:
            told.append("-")

    monkeypatch.setattr(rich.console.Console, "status", lambda _console, text: Status(text))
    monkeypatch.setattr(threading, "Timer", Timer)
    MADE.clear()
    return told


async def answer() -> int:
    for timer in MADE:
        timer.fire()
    return 7


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_is_told(monkeypatch: pytest.MonkeyPatch, shown: list[str], terminal: bool) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)

    assert progress.run(answer(), "counting") == 7
    assert shown == (["+ counting …", "-"] if terminal else [])


def test_an_error_ends_what_is_shown(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    async def fails() -> Any:
        raise CofferError("no")

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with pytest.raises(CofferError, match="no"):
        progress.run(fails())
    assert shown == ["-"]
    assert all(each.over for each in MADE)
