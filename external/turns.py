"""One piece of work in the sandbox at a time for each namespace; nobody stands in a line that does not move.

The sandbox itself runs one call of a namespace after the other. A worker that waited there for a tenant's slow
templates would be missing for everybody else.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from external.clients import FAILED, Pending

LONG = 0.3  # seconds after which those who come are sent away; a thousand ordinary renders take as long
LATER = 10.0  # seconds until they come again


class _Turn:
    """The lock of a namespace, and since when it is held."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.since = 0.0


class Turns:
    """Whose turn it is."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, namespace: str) -> AsyncIterator[None]:
        """Wait for the namespace's turn, but not long. Raises Pending."""
        turn = self._turns.get(namespace)
        if turn is None:
            self._turns[namespace] = turn = _Turn()
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(LONG if not turn.lock.locked() else max(0.0, turn.since + LONG - now())):
                await turn.lock.acquire()
        except TimeoutError:
            text = "the templates and paths of this namespace take long; they are worked on one after the other"
            raise Pending(FAILED, text, delay=LATER) from None
        turn.since = now()
        try:
            yield
        finally:
            turn.lock.release()
