"""Objects whose first pass is to come, as the watch showed them: it needs no read."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from typing import Any

from manager.core.documents import read_json
from manager.kube.resources import Body, Key

MAX_BYTES = 8 << 20  # of all bodies together; a first pass reads those that were evicted
MAX_BODY_CHARACTERS = 32 << 10  # of one: larger ones, which tenants may write, would hold up the event loop


class FirstBodies:
    """Keeps bodies as texts, which take a tenth of the memory, without managedFields."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[Key, tuple[str, bytes]] = OrderedDict()
        self._size = 0

    def keep(self, key: Key, body: Body) -> None:
        """Keep a body unless it is large; the oldest ones make room."""
        self.forget(key)
        meta = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
        if not _small({**body, "metadata": meta}):
            return
        text = json.dumps({**body, "metadata": meta}, separators=(",", ":")).encode()
        self._bodies[key] = meta.get("resourceVersion", ""), text
        self._size += len(text)
        while self._size > MAX_BYTES:
            self.forget(next(iter(self._bodies)))

    def take(self, key: Key, version: str) -> Body | None:
        """Return the body of this resourceVersion, once: later passes read from the API server."""
        seen, text = self._bodies.get(key, ("", b""))
        self.forget(key)
        found: Body | None = read_json(text) if seen == version and text else None
        return found

    def text(self, key: Key) -> bytes:
        """Return the text of a body, empty if none is kept."""
        return self._bodies.get(key, ("", b""))[1]

    def forget(self, key: Key) -> None:
        """Drop the body of an object."""
        _, text = self._bodies.pop(key, ("", b""))
        self._size -= len(text)


def _small(body: Body) -> bool:
    """Return True if a body is small; stops looking as soon as it is not."""
    left, waiting = MAX_BODY_CHARACTERS, list[Iterator[Any]]([iter([body])])
    while waiting:
        value = next(waiting[-1], None)
        if value is None:
            waiting.pop()
            continue
        left -= 8 + (len(value) if isinstance(value, str) else 0)
        if left < 0:
            return False
        if isinstance(value, dict):
            waiting.append(chain(value, (each for each in value.values() if each is not None)))
        elif isinstance(value, list):
            waiting.append(each for each in value if each is not None)
    return True
