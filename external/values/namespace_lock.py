"""One piece of work in the sandbox at a time for each namespace; nobody stands in a line that does not move.

The sandbox itself runs one call of a namespace after the other. A worker that waited there for a tenant's slow
templates would be missing for everybody else.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from external.errors import FAILED, Pending
from manager.core.errors import TemplateDelayed

MAX_WAIT_SECONDS = 0.5  # seconds that anybody waits; a thousand ordinary renders take as long
SLOW_AFTER_SECONDS = (
    0.05  # seconds after which no more than WAITING may stand in line; an ordinary render takes one hundredth
)
MAX_WAITING = 4
RETRY_SECONDS = 5.0  # seconds until those who were sent away come again


class _Lock:
    """The lock of a namespace, and since when it is held."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.since = 0.0
        self.waiting = 0

    async def take(self) -> None:
        """Wait for the lock. Raises TimeoutError."""
        held = asyncio.get_running_loop().time() - self.since if self.lock.locked() else 0.0
        if held > SLOW_AFTER_SECONDS and self.waiting >= MAX_WAITING:
            raise TimeoutError
        self.waiting += 1
        try:
            async with asyncio.timeout(max(0.0, MAX_WAIT_SECONDS - held)):
                await self.lock.acquire()
        finally:
            self.waiting -= 1
        self.since = asyncio.get_running_loop().time()


class NamespaceLock:
    """Whose turn it is."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, _Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, namespace: str) -> AsyncIterator[None]:
        """Wait for the namespace's turn, but not long. Raises Pending, also where the sandbox is being compiled."""
        turn = self._turns.get(namespace)
        if turn is None:
            self._turns[namespace] = turn = _Lock()
        try:
            await turn.take()
        except TimeoutError:
            text = "the templates and paths of this namespace take long; they are worked on one after the other"
            raise Pending(FAILED, text, delay=RETRY_SECONDS) from None
        try:
            yield
        except TemplateDelayed as error:
            raise Pending(FAILED, str(error), delay=RETRY_SECONDS) from None
        finally:
            turn.lock.release()
