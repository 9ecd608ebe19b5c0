"""ExternalSecrets that were never synced, as the watch showed them: their first pass needs no read."""

from collections.abc import Iterable, Iterator

from external.reading.expected_requests import BYTES_PER_COST, TEXT_COST, Asked, asked_in
from external.summaries import ExternalSecretSummary, external_secret_summary
from manager.core.documents import read_json
from manager.kube.first_bodies import FirstBodies
from manager.kube.resources import EXTERNAL_SECRETS, Body, Key, key_of


class Unsynced(FirstBodies):
    """Keeps bodies from their first sight until their first pass."""

    def summarize(self, body: Body) -> ExternalSecretSummary:
        """Summarize an ExternalSecret for the cache, and keep its body if its first pass is to come."""
        self.note(body)
        return external_secret_summary(body)

    def note(self, body: Body) -> None:
        """Keep a body if its first pass is to come."""
        key = key_of(EXTERNAL_SECRETS, body)
        self.forget(key)
        if not (body.get("status") or {}).get("syncedResourceVersion") and "deletionTimestamp" not in body["metadata"]:
            self.keep(key, body)

    def asked(self, key: Key) -> tuple[int, Iterable[Asked]]:
        """Return the cost of parsing a kept body, and what it requests, parsed when it is iterated."""
        text = self.text(key)
        return (TEXT_COST + len(text) // BYTES_PER_COST if text else 0), _asked(text)


def _asked(text: bytes) -> Iterator[Asked]:
    if text:
        yield from asked_in(read_json(text))
