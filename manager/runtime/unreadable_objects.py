"""Tells of objects that are not taken in: once at the object, in the log, and as a number."""

import asyncio
from collections.abc import Callable

import structlog

from manager.core.errors import CofferError
from manager.kube.events import EventRecorder
from manager.kube.resources import Key

REASON = "NotTakenIn"
COMPONENT = "coffer"
MOST_AT_ONCE = 16  # Events under way; of more objects at a moment the log and the number tell

log = structlog.get_logger(__name__)


class UnreadableObjects:
    """Posts Events beside whatever is going on; none of them holds up a list or a watch.

    Args:
        events: says the same once in ten minutes.
        count: called with the plural name of the resource.
    """

    def __init__(self, events: EventRecorder, count: Callable[[str], None]) -> None:
        self._events = events
        self._count = count
        self._posting: set[asyncio.Task[None]] = set()

    def note(self, key: Key, uid: str, why: str) -> None:
        """Tell what is wrong with an object."""
        self._count(key.resource.plural)
        log.warning("object not taken in", object=str(key), problem=why)
        if len(self._posting) >= MOST_AT_ONCE:
            return
        task = asyncio.get_running_loop().create_task(self._post(key, uid, why), name="refusal")
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def _post(self, key: Key, uid: str, why: str) -> None:
        message = f"Coffer does not take this object in: {why}; make it simpler. What was known of it before stands"
        try:
            await self._events.warning(key, uid, REASON, message, component=COMPONENT)
        except CofferError as error:  # another replica leads by now, and tells it
            log.debug("event not posted", object=str(key), error=type(error).__name__)
