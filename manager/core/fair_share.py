"""Shares of what all tenants use together: places, and the turns in which they are given.

Every pool, queue, brake and budget of the process that tenants fill is divided by one of these.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from manager.core.clock import Clock

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items in order of arrival within a group, such as a namespace; of the groups each gives one in turn."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, deque[T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def append(self, group: str, item: T) -> None:
        """Put an item at the end of its group."""
        self._groups.setdefault(group, deque()).append(item)

    def popleft(self, may: Callable[[str], bool] = lambda group: True) -> T | None:
        """Take the first item of the group whose turn it is, of those that `may` have one now; None without any."""
        group = next(filter(may, self._groups), None)
        if group is None:
            return None
        items = self._groups[group]
        item = items.popleft()
        if items:
            self._groups.move_to_end(group)  # all others come before it is its turn again
        else:
            del self._groups[group]
        return item


class FairSemaphore:
    """A number of places, of which each tenant holds a few; those who wait take turns. Belongs to one event loop.

    Args:
        number: places of all tenants together.
        share: places of one tenant.
    """

    def __init__(self, number: int, share: int) -> None:
        self._free = number
        self._share = max(1, min(share, number))
        self._held: Counter[str] = Counter()
        self._line: FairQueue[tuple[str, asyncio.Future[None]]] = FairQueue()

    def held(self, tenant: str) -> int:
        """Return how many places a tenant holds."""
        return self._held[tenant]

    def take_now(self, tenant: str) -> bool:
        """Take a place if one is free for this tenant; without waiting."""
        if not self._free or not self._may(tenant):
            return False
        self._give(tenant)
        return True

    async def take(self, tenant: str) -> None:
        """Wait for a place. Whoever takes one calls `release`."""
        if self.take_now(tenant):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(tenant, (tenant, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(tenant)  # it was given at the very moment, and nobody else would return it
            raise

    def release(self, tenant: str) -> None:
        """Give a place back; the next in turn gets it."""
        self._free += 1
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        while self._free and (following := self._line.popleft(self._may)) is not None:
            group, turn = following
            if not turn.done():
                self._give(group)
                turn.set_result(None)

    @asynccontextmanager
    async def place(self, tenant: str) -> AsyncIterator[None]:
        """Hold a place for a while."""
        await self.take(tenant)
        try:
            yield
        finally:
            self.release(tenant)

    def _may(self, tenant: str) -> bool:
        return self._held[tenant] < self._share if tenant in self._held else True

    def _give(self, tenant: str) -> None:
        self._free -= 1
        self._held[tenant] += 1


class FairBudget:
    """An amount that comes back with time, for each tenant and for all together.

    Args:
        rate: of one tenant, a second.
        most: of one tenant, after a rest.
        together: how many tenants' worth of it there is for all.
    """

    def __init__(self, rate: float, most: float, clock: Clock, together: int = 10, remembered: int = 10_000) -> None:
        self._rate, self._most = rate, most
        self._clock = clock
        self._together = together
        self._remembered = remembered
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._all = (0.0, clock.monotonic())

    def wait(self, tenant: str) -> float:
        """Return the seconds until a tenant may spend something, 0 for now."""
        own = self._left(self._spent.get(tenant), 1)
        every = self._left(self._all, self._together)
        return max(0.0, own - self._most) / self._rate + max(0.0, every - self._most * self._together) / (
            self._rate * self._together
        )

    def spend(self, tenant: str, amount: float) -> None:
        """Count what was spent; it may be more than there was, and is waited for afterwards."""
        now = self._clock.monotonic()
        self._spent[tenant] = (self._left(self._spent.get(tenant), 1) + amount, now)
        self._spent.move_to_end(tenant)
        self._all = (self._left(self._all, self._together) + amount, now)
        while len(self._spent) > self._remembered:
            self._spent.popitem(last=False)

    def _left(self, spent: tuple[float, float] | None, tenants: int) -> float:
        """Return what is still owed of what was spent."""
        if spent is None:
            return 0.0
        amount, at = spent
        return max(0.0, amount - (self._clock.monotonic() - at) * self._rate * tenants)
