"""Deletes that wait because too much was to be deleted at a time, as Events tell them. Pure."""

from collections.abc import Iterable, Iterator

from manager.core.clock import parse_rfc3339
from manager.kube.resources import Body

SELECTOR = "reason=DeletesPaused"
"""The field selector of such Events."""
RECENT_SECONDS = 600.0  # an older Event is history
CURE = "if they are meant, wait or raise modules.deletes_per_minute; otherwise restore what was withdrawn"


def paused_deletes(events: Iterable[Body], now: float) -> Iterator[tuple[str, str]]:
    """Yield (object, message) of recent Events that say that deletes are paused.

    Args:
        events: those that the selector finds.
        now: Unix time.

    """
    for event in events:
        created = event["metadata"].get("creationTimestamp")
        at = parse_rfc3339(event.get("lastTimestamp") or event.get("eventTime") or created)
        if at is not None and now - at.timestamp() <= RECENT_SECONDS:
            about = event.get("involvedObject") or {}
            name = f"{about.get('kind')} {about.get('namespace')}/{about.get('name')}"
            yield name, str(event.get("message") or "")
