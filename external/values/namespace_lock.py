"""One piece of work in the sandbox at a time for each namespace, with a short wait.

The sandbox runs one call of a namespace after the other. A worker that waited there for a tenant's slow templates
would not serve other tenants.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from external.errors import FAILED, Pending
from manager.core.errors import TemplateDelayed

MAX_WAIT_SECONDS = 0.5  # a thousand ordinary renders take as long
SLOW_AFTER_SECONDS = 0.05  # an ordinary render takes a hundredth of it
MAX_WAITING = 4  # for a lock that has been held longer than SLOW_AFTER_SECONDS
RETRY_SECONDS = 5.0  # after Pending


class _Lock:
    """The lock of a namespace and the time since which it is held."""

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
    """The locks of all namespaces."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, _Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, namespace: str) -> AsyncIterator[None]:
        """Hold the lock of a namespace; wait briefly. Raises Pending, also while the sandbox is compiled."""
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
