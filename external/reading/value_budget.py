"""How much of what was read is in memory: bounded for each tenant and for all of them together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

MAX_SHARED_SECONDS = 30.0  # seconds a value is kept for others that are due together; then it leaves memory
TENANT_BYTES = 32 << 20  # read within LONGEST_SHARED, kept or not; more is waited for, as who asked may hold it still
HARD_BYTES = 2 * TENANT_BYTES  # the same with the calls that were on their way; what comes then is not taken
ALL_BYTES = 64 << 20  # kept for others; the oldest of whoever has most go first


@dataclass(slots=True)
class _Share:
    """What one tenant has read."""

    fresh: int = 0
    """Bytes within LONGEST_SHARED."""
    kept: dict[int, tuple[int, Callable[[], None]]] = field(default_factory=dict)
    """Size, and what drops it, in the order of their coming."""
    size: int = 0
    """Bytes of those."""


class ValueBudget:
    """Counts bytes, and drops what is too old or too much."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        self._numbers = count()
        self._total = 0

    def full(self, tenant: str) -> bool:
        """Tell whether a tenant has to wait before he reads on."""
        return self._fresh(tenant) > TENANT_BYTES

    def takes(self, tenant: str, size: int) -> bool:
        """Tell whether there is room for what has come."""
        return self._fresh(tenant) + size <= HARD_BYTES

    def keep(self, tenant: str, size: int, drop: Callable[[], None]) -> None:
        """Keep what was read for LONGEST_SHARED at most; then, or earlier, `drop` is called once."""
        share, number = self._shares.setdefault(tenant, _Share()), next(self._numbers)
        share.kept[number] = (size, drop)
        share.fresh += size
        share.size += size
        self._total += size
        # The timer holds the number alone: what was dropped before must not stay in it.
        asyncio.get_running_loop().call_later(MAX_SHARED_SECONDS, self._passed, tenant, number, size)
        while self._total > ALL_BYTES:
            most = max(self._shares.values(), key=lambda each: each.size)
            self._drop(most, next(iter(most.kept)))

    def _fresh(self, tenant: str) -> int:
        return self._shares[tenant].fresh if tenant in self._shares else 0

    def _passed(self, tenant: str, number: int, size: int) -> None:
        share = self._shares[tenant]
        share.fresh -= size
        if number in share.kept:
            self._drop(share, number)
        if not share.fresh and not share.kept:
            del self._shares[tenant]

    def _drop(self, share: _Share, number: int) -> None:
        size, drop = share.kept.pop(number)
        share.size -= size
        self._total -= size
        drop()
