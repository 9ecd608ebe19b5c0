"""Bounds the bytes of read values in memory, for each tenant and for all together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

MAX_SHARED_SECONDS = 30.0  # that a value is kept for others that are due together; then it leaves memory
MAX_TENANT_BYTES = 32 << 20  # read within MAX_SHARED_SECONDS, kept or not: readers may still hold it; more reads wait
MAX_TENANT_BYTES_IN_FLIGHT = 2 * MAX_TENANT_BYTES  # the same with calls that were in flight; the rest is refused
MAX_BYTES = 64 << 20  # kept for others; the oldest values of the largest tenant are evicted first


@dataclass(slots=True)
class _Share:
    """What one tenant has read."""

    fresh: int = 0
    """Bytes within MAX_SHARED_SECONDS."""
    kept: dict[int, tuple[int, Callable[[], None]]] = field(default_factory=dict)
    """Size, and the callback that evicts it, oldest first."""
    size: int = 0
    """Bytes of those."""


class ValueBudget:
    """Counts bytes, and evicts values that are too old or too many."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        self._numbers = count()
        self._total = 0

    def full(self, tenant: str) -> bool:
        """Return True if a tenant has to wait before it reads more."""
        return self._fresh(tenant) > MAX_TENANT_BYTES

    def takes(self, tenant: str, size: int) -> bool:
        """Return True if there is room for a value that has arrived."""
        return self._fresh(tenant) + size <= MAX_TENANT_BYTES_IN_FLIGHT

    def keep(self, tenant: str, size: int, drop: Callable[[], None]) -> None:
        """Keep a value for MAX_SHARED_SECONDS at most; then, or earlier, `drop` is called once."""
        share, number = self._shares.setdefault(tenant, _Share()), next(self._numbers)
        share.kept[number] = (size, drop)
        share.fresh += size
        share.size += size
        self._total += size
        # The timer holds the number alone: what was dropped before must not stay in it.
        asyncio.get_running_loop().call_later(MAX_SHARED_SECONDS, self._passed, tenant, number, size)
        while self._total > MAX_BYTES:
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
