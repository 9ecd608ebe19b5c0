"""Keep the bodies of never-synced ExternalSecrets from the watch, so that their first pass needs no read."""

from collections.abc import Iterable, Iterator

from external.reading.expected_requests import BYTES_PER_COST, TEXT_COST, StoreRequest, requests_in
from external.summaries import ExternalSecretSummary, external_secret_summary
from manager.core.documents import read_json
from manager.kube.resources import EXTERNAL_SECRETS, Body, Key, key_of
from manager.runtime.first_bodies import FirstBodies


class Unsynced(FirstBodies):
    """Keeps a body from its first event until its first pass."""

    def summarize(self, body: Body) -> ExternalSecretSummary:
        """Summarize an ExternalSecret for the cache, and keep its body if it was never synced."""
        self.note(body)
        return external_secret_summary(body)

    def note(self, body: Body) -> None:
        """Keep a body if the object was never synced."""
        key = key_of(EXTERNAL_SECRETS, body)
        self.forget(key)
        if not (body.get("status") or {}).get("syncedResourceVersion") and "deletionTimestamp" not in body["metadata"]:
            self.keep(key, body)

    def requests_of(self, key: Key) -> tuple[int, Iterable[StoreRequest]]:
        """Return the cost of parsing a kept body, and its requests, which are parsed when they are iterated."""
        text = self.text(key)
        return (TEXT_COST + len(text) // BYTES_PER_COST if text else 0), _requests_in(text)


def _requests_in(text: bytes) -> Iterator[StoreRequest]:
    if text:
        yield from requests_in(read_json(text))
