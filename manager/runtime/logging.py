"""Structured logs that cannot carry a secret: our lines are filtered, of libraries' lines only the place is kept."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from manager.runtime.controller import describe

MAX_VALUE_CHARACTERS = 1000  # a condition's text fits, the document of a Secret does not
SIMPLE = (str, int, float, bool, type(None))


def redact(_logger: WrappedLogger, _name: str, event: EventDict) -> Mapping[str, Any]:
    """Keep short, simple values; replace any other by its type: an object may print a secret."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > MAX_VALUE_CHARACTERS:
            event[name] = f"{value[:MAX_VALUE_CHARACTERS]}… ({len(value)} characters)"
        elif not isinstance(value, SIMPLE):
            event[name] = f"<{type(value).__name__}>"
    return event


class PlacesOnly(logging.Handler):
    """Logs a library's record as logger, place and error class, because its text may quote values."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record without its message."""
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
