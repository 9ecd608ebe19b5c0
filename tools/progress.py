"""Long steps say what they do and for how long, on a terminal and in a CI log alike."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

REMIND_SECONDS = 30.0  # a CI log gets a line this often; a terminal is rewritten in place


class Progress:
    """One step under way."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.began = self.reported = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._say("", "\r" if self._terminal else "\n")

    def tick(self, detail: str = "") -> None:
        """Report, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self.reported >= (0.5 if self._terminal else REMIND_SECONDS):
            self.reported = now
            self._say(f"{self.elapsed} {detail}", "\r" if self._terminal else "\n")

    @property
    def elapsed(self) -> str:
        """Minutes and seconds since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        return f"{minutes}:{seconds:02}"

    def end(self, outcome: str) -> None:
        """Close the line."""
        self._say(f"{outcome} after {self.elapsed}", "\n")

    def _say(self, text: str, end: str) -> None:
        clear = "\033[K" if self._terminal else ""
        sys.stderr.write(f"{self.what} ... {text}{clear}{end}")
        sys.stderr.flush()


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Report the beginning and the end of a step, however it ends."""
    step = Progress(what)
    try:
        yield step
    except BaseException:
        step.end("failed")
        raise
    step.end("done")
