"""Say what a command waits for, once it takes longer than a person expects."""

import asyncio
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

SILENT_SECONDS = 2.0  # that a command may take before it says that it works
READING = "reading the cluster"
Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result], what: str = READING) -> Result:
    """Run work to its end; a person who waits at a terminal sees what it does."""
    with waiting(what):
        return asyncio.run(work)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show what is done on a terminal's standard error, from two seconds on until the end; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    shown = Console(stderr=True).status(f"{what} …")
    begin = threading.Timer(SILENT_SECONDS, shown.start)
    begin.daemon = True
    begin.start()
    try:
        yield
    finally:
        begin.cancel()
        begin.join()  # otherwise it could begin after the end
        shown.stop()
