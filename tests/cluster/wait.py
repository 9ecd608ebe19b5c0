"""Waits for a condition: polls quickly, and on failure shows the last result."""

import json
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.2


def wait_until(probe: Callable[[], T], until: Callable[[T], object] = bool, timeout: float = 30.0, what: str = "") -> T:
    """Call `probe` until `until` holds for its result, and return that result.

    An exception of either counts as "not yet": the object may not exist, or the API server may be down.

    Raises:
        TimeoutError: after `timeout` seconds, with the last result or exception.
    """
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE
    while True:
        try:
            state: object = (result := probe())
            if until(result):
                return result
        except Exception as error:
            state = error
        if time.monotonic() >= deadline:
            raise TimeoutError(
                f"waited {timeout:g} s in vain for {what or 'a condition'}; last state:\n{_shown(state)}"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _shown(state: object) -> str:
    if isinstance(state, Exception):
        return f"{type(state).__name__}: {state}"
    try:
        return json.dumps(state, indent=1)
    except (TypeError, ValueError):
        return repr(state)
