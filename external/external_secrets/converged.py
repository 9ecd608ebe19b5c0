"""Converged ExternalSecrets: refreshed without a request to the API server as long as nothing has changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from external.errors import Pending
from external.external_secrets.fetch import Fetched, Fetcher
from external.external_secrets.plan import Plan
from external.external_secrets.refresh import Refreshed, due_in, last_refresh, persist_due
from external.external_secrets.sync_state import SyncState
from external.external_secrets.view import View
from external.reading.identity_queue import MaxAge, ReadRequest
from external.summaries import ExternalSecretSummary
from manager.core.clock import rfc3339
from manager.core.errors import ReconcileError
from manager.kube.cache import Meta
from manager.kube.resources import SECRETS, Key
from manager.kube.status import write_status
from manager.runtime.controller import Requeue
from manager.runtime.module import Context

SYNCED = Plan().reason
MAX_REMEMBERED_REQUESTS = 100  # of one ExternalSecret, 40 KB; one with more takes a whole pass at each refresh


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last pass over an ExternalSecret observed and wrote."""

    uid: str
    current: str
    """Changes with its spec, labels and annotations."""
    target: Key | None
    """None if it writes no target."""
    version: str
    """The resourceVersion of the target, empty for none."""
    requested: Sequence[tuple[Key, ReadRequest]]
    """What it reads, and from which stores."""
    fingerprint: bytes
    """Of the answers."""


class Converged:
    """Remembers what passes saw, so that a refresh only reads the provider again."""

    def __init__(self, context: Context, fetcher: Fetcher, state: SyncState) -> None:
        self._context = context
        self._fetcher = fetcher
        self._state = state
        self._seen: dict[Key, Seen] = {}

    def note(self, view: View, fetched: Fetched, decided: Plan, version: str) -> None:
        """Remember a pass that has worked.

        Forgotten is what takes too much memory, and what needs a whole pass even if all answers are the same:
        generators and random templates, absent entries (each pass posts an Event), and targets of other kinds, whose
        versions the cache does not know.
        """
        if fetched.data is None:
            return  # nothing was written: what was remembered still holds, or never did
        plain = view.resource is SECRETS and decided.reason == SYNCED and not decided.random
        if not plain or fetched.absent or not fetched.fingerprint or len(fetched.requested) > MAX_REMEMBERED_REQUESTS:
            self.forget(view.key)
            return
        target = view.target if view.spec.target.creation_policy != "None" else None
        current = view.external_secret.summary.current
        self._seen[view.key] = Seen(
            view.uid, current, target, version if target else "", fetched.requested, fetched.fingerprint
        )

    def requests_of(self, key: Key) -> tuple[int, Sequence[tuple[Key, ReadRequest]]]:
        """Return what an ExternalSecret requested in its last pass, and how many; (0, ()) if that is not known."""
        seen = self._seen.get(key)
        return (len(seen.requested), seen.requested) if seen is not None else (0, ())

    def forget(self, key: Key) -> None:
        """Drop what is known of an ExternalSecret."""
        self._seen.pop(key, None)

    def next(self, key: Key, summary: ExternalSecretSummary, *, answered: bool) -> Requeue:
        """Return when the next pass over an ExternalSecret that was just synced is due."""
        now = self._context.clock.now().timestamp()
        last = last_refresh(summary, self._state.refreshed.get(key))
        after = due_in(replace(summary, synced=summary.current), last, now)
        # Never early: a pass that finds nothing due is wasted.
        spread = None if after is None else self._context.jitter.spread(after * 1.0101, 0.01)
        return Requeue(after=spread, answered=("store", summary.stores) if answered else None)

    async def refresh(self, key: Key) -> Requeue | None:
        """Refresh an ExternalSecret whose values are the same as before; None if a whole pass is needed."""
        seen, last, meta = self._seen.get(key), self._state.refreshed.get(key), self._context.cache.get(key)
        if seen is None or last is None or meta is None or not self._stands(key, seen, last, meta):
            return None
        summary, started = meta.digest, self._context.clock.now()
        if due_in(summary, last.at, started.timestamp()) != 0.0:
            return self.next(key, summary, answered=False)
        since = self._state.requests.since(key)
        asker = (key, seen.uid, seen.current, last.identity, since, seen.version)
        fresh = MaxAge(asker, since, summary.interval)
        try:
            fetched = await self._fetcher.repeat(key.namespace, seen.requested, fresh, last, seen.fingerprint)
            if fetched is None or not self._stands(key, seen, last, self._context.cache.get(key)):
                return None
            await self._persist(key, meta, started - timedelta(seconds=0.0 if fetched.fingerprint else fetched.age))
        except Pending as error:
            return Requeue(after=self._context.jitter.spread(error.delay))
        except ReconcileError:
            return None  # the whole pass meets and reports it
        self._state.refreshed[key] = fetched.refreshed(self._context.clock)
        return self.next(key, summary, answered=True)

    def _stands(self, key: Key, seen: Seen, last: Refreshed, meta: Meta | None) -> bool:
        """Return True if object and target are those of the last pass, and no values were requested since."""
        if meta is None or meta.deleting or key in self._state.stale or self._state.requests.since(key) > last.began:
            return False
        summary: ExternalSecretSummary = meta.digest
        same = summary.ready and summary.synced == summary.current == seen.current and meta.uid == seen.uid
        periodic = summary.policy == "Periodic" and summary.interval > 0
        if not (same and periodic and self._fetcher.serves(summary.stores)):
            return False
        target = self._context.cache.get(seen.target) if seen.target else None
        return (target.version if target else "") == seen.version

    async def _persist(self, key: Key, meta: Meta, moment: datetime) -> None:
        """Write the refresh time if that in the status is old; the metadata in the cache suffices for it."""
        if not persist_due(meta.digest, moment.timestamp()):
            return
        known = {"uid": meta.uid, "resourceVersion": meta.version, "generation": meta.generation}
        await write_status(self._context.client, key, {"metadata": known}, {"refreshTime": rfc3339(moment)})
