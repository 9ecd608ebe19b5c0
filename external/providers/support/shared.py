"""Connections that outlive one call: the token of a login must live as long as what it was given."""

import threading
from collections import OrderedDict
from typing import Any

MAX_IDENTITIES = 256
"""Of the least used the connection is dropped: its next user logs in again."""


class SharedConnection:
    """The connection of one identity; used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Any = None

    def current(self) -> Any:
        """Return the connection, None if none is kept."""
        with self._lock:
            return self._kept

    def keep(self, connection: Any) -> None:
        """Keep a connection for the next calls, in the place of another."""
        with self._lock:
            self._kept = connection


class SharedConnections:
    """The connections of all identities; belongs to the event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, SharedConnection] = OrderedDict()

    def of(self, identity: str) -> SharedConnection:
        """Return the place of an identity's connection."""
        found = self._kept.setdefault(identity, SharedConnection())
        self._kept.move_to_end(identity)
        while len(self._kept) > MAX_IDENTITIES:
            self._kept.popitem(last=False)
        return found
