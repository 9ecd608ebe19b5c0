"""Bounds the memory of cached items, for each tenant and for all; the least recently used goes first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class MemoryBudget(Generic[Item]):
    """Weighs items that its user holds, and evicts what is too much.

    Args:
        tenant: bytes of one tenant.
        together: bytes of all; beyond it the oldest items of the largest tenant are evicted.
        drop: called with an item that is evicted.
    """

    def __init__(self, tenant: int, together: int, drop: Callable[[Item], object]) -> None:
        self._most_each, self._most = tenant, together
        self._drop = drop
        self._items: dict[str, OrderedDict[Item, int]] = {}
        self._sizes: dict[str, int] = {}
        self._tenants: dict[Item, str] = {}

    @property
    def total(self) -> int:
        """Bytes that are held for all."""
        return sum(self._sizes.values())

    def put(self, tenant: str, item: Item, weight: int) -> None:
        """Weigh a new or changed item, now the youngest. It may be evicted at once."""
        self.drop(item)
        self._tenants[item] = tenant
        self._items.setdefault(tenant, OrderedDict())[item] = weight
        self._sizes[tenant] = self._sizes.get(tenant, 0) + weight
        while self._sizes.get(tenant, 0) > self._most_each:
            self._evict(tenant)
        while self.total > self._most:
            self._evict(max(self._sizes, key=self._sizes.__getitem__))

    def drop(self, item: Item) -> None:
        """Forget an item that its user no longer holds."""
        tenant = self._tenants.pop(item, None)
        if tenant is None:
            return
        items = self._items[tenant]
        self._sizes[tenant] -= items.pop(item)
        if not items:
            del self._items[tenant], self._sizes[tenant]

    def touch(self, item: Item) -> None:
        """Make an item that was just used the youngest of its tenant."""
        tenant = self._tenants.get(item)
        if tenant is not None:
            self._items[tenant].move_to_end(item)

    def _evict(self, tenant: str) -> None:
        oldest = next(iter(self._items[tenant]))
        self.drop(oldest)
        self._drop(oldest)
