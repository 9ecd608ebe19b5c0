"""Divide shared capacity among tenants: a fair queue, semaphore and budget.

One of them divides every pool, queue, brake and budget of the process that tenants can fill.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from manager.core.clock import Clock

T = TypeVar("T")


class FairQueue(Generic[T]):
    """A queue whose groups, such as namespaces, take turns; first in, first out within a group."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, deque[T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def append(self, group: str, item: T) -> None:
        """Append an item to its group."""
        self._groups.setdefault(group, deque()).append(item)

    def popleft(self, may: Callable[[str], bool] = lambda group: True) -> T | None:
        """Remove and return the first item of the next group that `may` have one now; None if there is none."""
        group = next(filter(may, self._groups), None)
        if group is None:
            return None
        items = self._groups[group]
        item = items.popleft()
        if items:
            self._groups.move_to_end(group)  # all other groups come before its next turn
        else:
            del self._groups[group]
        return item


class FairSemaphore:
    """A semaphore with a maximum for each tenant; waiting tenants take turns. Belongs to one event loop.

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
        """Return the number of places that a tenant holds."""
        return self._held[tenant]

    def take_now(self, tenant: str) -> bool:
        """Take a place if one is free for this tenant; return False otherwise, without waiting."""
        if not self._free or not self._may(tenant):
            return False
        self._give(tenant)
        return True

    async def take(self, tenant: str) -> None:
        """Wait for a place and take it; call `release` afterwards."""
        if self.take_now(tenant):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(tenant, (tenant, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(tenant)  # the place was given at this moment; without this it is lost
            raise

    def release(self, tenant: str) -> None:
        """Release a place; the next waiting tenant gets it."""
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
        """Hold a place inside the `with` block."""
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
    """A token bucket for each tenant, and one for all together.

    Args:
        rate: what one tenant gets back in a second.
        most: what one tenant may spend at once.
        together: size of the bucket for all, in multiples of one tenant's.
    """

    def __init__(self, rate: float, most: float, clock: Clock, together: int = 10, remembered: int = 10_000) -> None:
        self._rate, self._most = rate, most
        self._clock = clock
        self._together = together
        self._remembered = remembered
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._all = (0.0, clock.monotonic())

    def wait(self, tenant: str) -> float:
        """Return the seconds until a tenant may spend something, 0 if it may now."""
        own = self._left(self._spent.get(tenant), 1)
        every = self._left(self._all, self._together)
        return max(0.0, own - self._most) / self._rate + max(0.0, every - self._most * self._together) / (
            self._rate * self._together
        )

    def spend(self, tenant: str, amount: float) -> None:
        """Count an amount; it may exceed the bucket, then the tenant waits afterwards."""
        now = self._clock.monotonic()
        self._spent[tenant] = (self._left(self._spent.get(tenant), 1) + amount, now)
        self._spent.move_to_end(tenant)
        self._all = (self._left(self._all, self._together) + amount, now)
        while len(self._spent) > self._remembered:
            self._spent.popitem(last=False)

    def _left(self, spent: tuple[float, float] | None, tenants: int) -> float:
        """Return the spent amount that has not come back yet."""
        if spent is None:
            return 0.0
        amount, at = spent
        return max(0.0, amount - (self._clock.monotonic() - at) * self._rate * tenants)
