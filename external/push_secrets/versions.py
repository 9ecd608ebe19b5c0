"""Lists of versions, shared by all PushSecrets of a store: they prove that nothing has changed at the provider."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from external.providers.push import ProvesPushes, proves_pushes
from external.providers.session import ProviderSession
from external.reading.thread_pool import ThreadPool
from manager.core.clock import Clock
from manager.kube.cache import Index, MetadataCache
from manager.kube.resources import Key

MAX_AGE_FRACTION = 0.1  # of the interval: a list this old still proves, and the next refresh counts from it
MAX_AGE_SECONDS = 300.0
GATHER_SECONDS = 0.2  # for others that are due now; their keys are in the list anyway
MAX_LISTS = 256  # kept, the latest


@dataclass(frozen=True)
class VersionList:
    """The versions of the remote keys of one identity."""

    at: float
    """Unix time at which it was asked for."""
    keys: frozenset[str]
    versions: Mapping[str, str]


class VersionLists:
    """Asks a provider once for all remote keys that PushSecrets have at a store."""

    def __init__(self, cache: MetadataCache, by_store: Index, threads: ThreadPool, clock: Clock) -> None:
        self._cache = cache
        self._by_store = by_store
        self._threads = threads
        self._clock = clock
        self._kept: dict[tuple[str, ...], VersionList] = {}
        self._asking: dict[tuple[str, ...], asyncio.Task[VersionList]] = {}

    async def of(self, session: ProviderSession, keys: frozenset[str], interval: float) -> VersionList | None:
        """Return the versions of these keys; None if the provider tells none. Raises ProviderError."""
        client = session.client
        if not proves_pushes(client) or session.store is None:
            return None
        oldest = self._clock.now().timestamp() - min(MAX_AGE_SECONDS, interval * MAX_AGE_FRACTION)
        kept = self._kept.get(session.identity)
        if kept is not None and kept.at >= oldest and keys <= kept.keys:
            return kept
        task = self._asking.get(session.identity)
        if task is None:
            task = asyncio.create_task(self._ask(session, client, session.store, keys))
            self._asking[session.identity] = task
            task.add_done_callback(lambda done: self._asked(session, done))
        found = await asyncio.shield(task)
        return found if keys <= found.keys else await self._ask(session, client, session.store, keys)

    def forget(self, session: ProviderSession) -> None:
        """Drop the list of a session that is closed."""
        self._kept.pop(session.identity, None)

    def _asked(self, session: ProviderSession, done: "asyncio.Task[VersionList]") -> None:
        self._asking.pop(session.identity, None)
        if not done.cancelled():
            done.exception()  # retrieved, or asyncio logs it; those that wait for it have it

    async def _ask(
        self, session: ProviderSession, client: ProvesPushes, store: Key, keys: frozenset[str]
    ) -> VersionList:
        await asyncio.sleep(GATHER_SECONDS)
        at = self._clock.now().timestamp()
        wanted = keys | self._keys_at(store, session.consumer)
        versions = await self._threads.run(session.tenant, partial(client.current_versions, wanted))
        found = VersionList(at, wanted, versions)
        self._kept.pop(session.identity, None)
        self._kept[session.identity] = found
        while len(self._kept) > MAX_LISTS:
            del self._kept[next(iter(self._kept))]
        return found

    def _keys_at(self, store: Key, consumer: str) -> frozenset[str]:
        found = set[str]()
        for key in self._by_store.find(store):
            meta = self._cache.get(key)
            if meta is not None and consumer in ("", key.namespace):
                found |= {claim.remote_key for claim in meta.digest.claims if claim.store == store}
        return frozenset(found)
