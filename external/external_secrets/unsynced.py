"""Keep the bodies of never-synced ExternalSecrets from the watch, so that their first pass needs no read."""

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from external.reading.expected_requests import BYTES_PER_COST, TEXT_COST, StoreRequest, requests_in
from external.summaries import ExternalSecretSummary, external_secret_summary
from manager.core.documents import read_json
from manager.kube.resources import EXTERNAL_SECRETS, Body, Key, key_of

MAX_BYTES = 8 << 20  # of all bodies together; a first pass reads those that were evicted
MAX_BODY_CHARACTERS = 32 << 10  # of one body: parsing a larger one would hold up the event loop


class Unsynced:
    """Keeps a body from its first event until its first pass."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[Key, tuple[str, bytes]] = OrderedDict()
        self._size = 0

    def summarize(self, body: Body) -> ExternalSecretSummary:
        """Summarize an ExternalSecret for the cache, and keep its body if it was never synced."""
        self.note(body)
        return external_secret_summary(body)

    def note(self, body: Body) -> None:
        """Keep a body if the object was never synced."""
        key = key_of(EXTERNAL_SECRETS, body)
        self.forget(key)
        if not (body.get("status") or {}).get("syncedResourceVersion") and "deletionTimestamp" not in body["metadata"]:
            self._keep(key, body)

    def take(self, key: Key, version: str) -> Body | None:
        """Remove and return the body, None if it has another resourceVersion: then the pass reads the object."""
        seen, text = self._bodies.get(key, ("", b""))
        self.forget(key)
        found: Body | None = read_json(text) if seen == version and text else None
        return found

    def requests_of(self, key: Key) -> tuple[int, Iterable[StoreRequest]]:
        """Return the cost of parsing a kept body, and its requests, which are parsed when they are iterated."""
        _, text = self._bodies.get(key, ("", b""))
        return (TEXT_COST + len(text) // BYTES_PER_COST if text else 0), _requests_in(text)

    def forget(self, key: Key) -> None:
        """Drop the body of an object."""
        _, text = self._bodies.pop(key, ("", b""))
        self._size -= len(text)

    def _keep(self, key: Key, body: Body) -> None:
        meta = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
        if not _small({**body, "metadata": meta}):
            return
        text = json.dumps({**body, "metadata": meta}, separators=(",", ":")).encode()
        self._bodies[key] = meta.get("resourceVersion", ""), text
        self._size += len(text)
        while self._size > MAX_BYTES:
            self.forget(next(iter(self._bodies)))


def _requests_in(text: bytes) -> Iterator[StoreRequest]:
    if text:
        yield from requests_in(read_json(text))


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
