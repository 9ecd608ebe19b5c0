"""Values with the stamps by which a provider's list tells that they have not changed."""

import threading
from collections import OrderedDict

from manager.core.secret_value import SecretValue

MAX_BYTES = 1 << 20
OVERHEAD_BYTES = 256  # of memory for a name, a stamp and a value, beside their texts


class StampedValues:
    """The values that one client has read, up to a size; used by several threads. The least used goes first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, SecretValue]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: str) -> bool:
        return name in self._kept

    def unchanged(self, name: str, stamp: str) -> SecretValue | None:
        """Return the value that was read with this stamp, None if there is none."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept[0] != stamp:
                return None
            self._kept.move_to_end(name)
            return kept[1]

    def keep(self, name: str, stamp: str, value: SecretValue) -> None:
        """Keep a value in the place of an earlier one."""
        with self._lock:
            self._remove(name)
            self._kept[name] = (stamp, value)
            self._size += _size(name, stamp, value)
            while self._size > self._max_bytes:
                self._remove(next(iter(self._kept)))

    def drop(self, name: str) -> None:
        """Forget a value."""
        with self._lock:
            self._remove(name)

    def _remove(self, name: str) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            self._size -= _size(name, *kept)


def _size(name: str, stamp: str, value: SecretValue) -> int:
    return len(name) + len(stamp) + len(value) + OVERHEAD_BYTES
