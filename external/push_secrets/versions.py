"""Lists of versions, shared by all PushSecrets of a store: they prove that nothing has changed at the provider."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from external.providers.protocol import ProviderUnavailable
from external.providers.push import ProvesPushes, proves_pushes
from external.providers.session import ProviderSession
from external.reading.thread_pool import ThreadPool
from manager.core.clock import Clock
from manager.kube.cache import Index, MetadataCache
from manager.kube.resources import Key

MAX_AGE_FRACTION = 0.1  # of the interval: a list this old still proves, and the next refresh counts from it
MAX_AGE_SECONDS = 300.0
GATHER_SECONDS = 0.2  # for others that are due now; their keys are in the list anyway
MAX_IDENTITIES = 256  # whose lists are kept, the latest
MAX_LISTS = 32  # of one identity
MAX_SHARED_KEYS = 300  # of others in one list: the more keys, the likelier is a timeout for all that wait for it


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
        self._kept: dict[tuple[str, ...], list[VersionList]] = {}
        self._asking: dict[tuple[str, ...], asyncio.Task[VersionList]] = {}

    async def of(self, session: ProviderSession, keys: frozenset[str], interval: float) -> VersionList | None:
        """Return the versions of these keys; None if the provider tells none in time. Raises ProviderError."""
        client = session.client
        if not proves_pushes(client) or session.store is None:
            return None
        oldest = self._clock.now().timestamp() - min(MAX_AGE_SECONDS, interval * MAX_AGE_FRACTION)
        while True:  # each round lists the keys of one that waits, at least
            for kept in self._kept.get(session.identity, ()):
                if kept.at >= oldest and keys <= kept.keys:
                    return kept
            task = self._asking.get(session.identity)
            if task is None or task.done():
                task = asyncio.create_task(self._ask(session, client, session.store, keys))
                self._asking[session.identity] = task
                task.add_done_callback(lambda done: self._asked(session, done))
            try:
                found = await asyncio.shield(task)
            except ProviderUnavailable:
                return None  # others' keys may be why: the pass goes on, and asks for its own
            if keys <= found.keys:
                return found

    def forget(self, session: ProviderSession) -> None:
        """Drop the list of a session that is closed."""
        self._kept.pop(session.identity, None)

    def _asked(self, session: ProviderSession, done: "asyncio.Task[VersionList]") -> None:
        if self._asking.get(session.identity) is done:
            del self._asking[session.identity]
        if not done.cancelled():
            done.exception()  # retrieved, or asyncio logs it; those that wait for it have it

    async def _ask(
        self, session: ProviderSession, client: ProvesPushes, store: Key, keys: frozenset[str]
    ) -> VersionList:
        await asyncio.sleep(GATHER_SECONDS)
        at = self._clock.now().timestamp()
        wanted = keys.union(self._keys_at(store, session.consumer, min(keys, default="")))
        versions = await self._threads.run(session.tenant, partial(client.current_versions, wanted))
        found = VersionList(at, wanted, versions)
        lists = [each for each in self._kept.pop(session.identity, ()) if each.at > at - MAX_AGE_SECONDS]
        self._kept[session.identity] = [found, *lists][:MAX_LISTS]
        while len(self._kept) > MAX_IDENTITIES:
            del self._kept[next(iter(self._kept))]
        return found

    def _keys_at(self, store: Key, consumer: str, first: str) -> list[str]:
        """Return what others have pushed to a store, from a key on and then from the beginning; not all of many."""
        found = set[str]()
        for key in self._by_store.find(store):
            meta = self._cache.get(key)
            if meta is not None and consumer in ("", key.namespace):
                found |= meta.digest.held.get(store, {}).keys()
        return sorted(found, key=lambda each: (each < first, each))[:MAX_SHARED_KEYS]
