"""Structured logs that cannot carry a secret: our own lines are filtered, foreign ones reduced to places."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from manager.runtime.controller import describe

LONGEST_VALUE = 1000  # characters; a condition's text fits, a Secret's document does not
SIMPLE = (str, int, float, bool, type(None))


def redact(_logger: WrappedLogger, _name: str, event: EventDict) -> Mapping[str, Any]:
    """Let only short, simple values through; anything else is named by its type (reliability.md L1)."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST_VALUE:
            event[name] = f"{value[:LONGEST_VALUE]}… ({len(value)} characters)"
        elif not isinstance(value, SIMPLE):
            event[name] = f"<{type(value).__name__}>"
    return event


class PlacesOnly(logging.Handler):
    """Prints a foreign library's record as logger, place and error class: its text may quote bodies or values."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the record on without its message."""
        raised = record.exc_info[1] if record.exc_info else None
        error = describe(raised) if raised is not None else ""
        log = structlog.get_logger(record.name)
        log.log(record.levelno, "library message", at=f"{record.name}:{record.lineno}", error=error)


def setup(level: str, form: str) -> None:
    """Send all logs to standard output as JSON lines or as text.

    Args:
        level: DEBUG, INFO, WARNING or ERROR; libraries never log below WARNING.
        form: json or text.

    """
    number = getattr(logging, level.upper(), logging.INFO)
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[PlacesOnly()], level=logging.WARNING, force=True)
