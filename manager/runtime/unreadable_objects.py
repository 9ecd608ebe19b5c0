"""Report objects that are not cached: in an Event, the log and a metric."""

import asyncio
from collections.abc import Callable

import structlog

from manager.core.errors import CofferError
from manager.kube.events import EventRecorder
from manager.kube.resources import Key

REASON = "NotTakenIn"
COMPONENT = "coffer"
MAX_EVENTS_IN_FLIGHT = 16  # beyond these only the log and the metric report

log = structlog.get_logger(__name__)


class UnreadableObjects:
    """Posts Events in tasks, so that none delays a list or a watch.

    Args:
        events: posts equal Events once in ten minutes.
        count: called with the plural name of the resource.
    """

    def __init__(self, events: EventRecorder, count: Callable[[str], None]) -> None:
        self._events = events
        self._count = count
        self._posting: set[asyncio.Task[None]] = set()

    def note(self, key: Key, uid: str, why: str) -> None:
        """Report what is wrong with an object."""
        self._count(key.resource.plural)
        log.warning("object not taken in", object=str(key), problem=why)
        if len(self._posting) >= MAX_EVENTS_IN_FLIGHT:
            return
        task = asyncio.get_running_loop().create_task(self._post(key, uid, why), name="refusal")
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def _post(self, key: Key, uid: str, why: str) -> None:
        message = f"Coffer does not take this object in: {why}; make it simpler. What was known of it before stands"
        try:
            await self._events.warning(key, uid, REASON, message, component=COMPONENT)
        except CofferError as error:  # another replica leads by now and reports it
            log.debug("event not posted", object=str(key), error=type(error).__name__)
