"""Measure the time of renders only, without compiling the sandbox and waiting for other renders."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class RenderTime:
    """Seconds for which instances worked for one task."""

    seconds: float = 0.0


_current: ContextVar[RenderTime | None] = ContextVar("render_time", default=None)


@contextmanager
def measured() -> Iterator[RenderTime]:
    """Measure the renders of the current task in the body."""
    spent = RenderTime()
    token = _current.set(spent)
    try:
        yield spent
    finally:
        _current.reset(token)


def charge(seconds: float) -> None:
    """Add to the measurement of the current task, if there is one."""
    spent = _current.get()
    if spent is not None:
        spent.seconds += seconds
