"""Keys that come back at a given time: a heap with one valid entry for each key."""

import heapq
from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

MAX_SUPERSEDED_ENTRIES = 64  # superseded heap entries that are kept until the heap is rebuilt

K = TypeVar("K", bound=Hashable)


class Appointments(Generic[K]):
    """At most one due time for each key; an earlier one replaces a later one."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: K, due: float) -> bool:
        """Make the key due at a time. Return False if it is due by then already."""
        if self._due.get(key, float("inf")) <= due:
            return False
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))
        if len(self._heap) > 2 * len(self._due) + MAX_SUPERSEDED_ENTRIES:
            self._heap = [each for each in self._heap if self._due.get(each[2]) == each[0]]
            heapq.heapify(self._heap)
        return True

    def cancel(self, key: K) -> None:
        """Forget when the key is due."""
        self._due.pop(key, None)

    def pop(self, now: float) -> K | None:
        """Remove and return the next key that is due, None if none is."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) != due:
                heapq.heappop(self._heap)  # an earlier due time has replaced this one
                continue
            if due > now:
                return None
            heapq.heappop(self._heap)
            del self._due[key]
            return key
        return None

    def next_due(self) -> float | None:
        """Return when the next key is due; call it after `pop` has returned None."""
        return self._heap[0][0] if self._heap else None
