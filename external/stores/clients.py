"""Keeps provider clients open while neither their store nor its credentials have changed."""

import asyncio

from external.errors import FAILED
from external.metrics import ExternalMetrics, Meter
from external.providers.protocol import Client
from external.providers.session import OnClose, ProviderSession
from external.reading.memory_budget import MemoryBudget
from external.reading.thread_pool import ThreadPool
from external.stores.access import StoreAccess, missing
from external.stores.connect import Connector, tenant_of
from manager.core.errors import NeedsHuman
from manager.kube.cache import MetadataCache
from manager.kube.client import KubeClient
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Key

CLIENT_BYTES = 96 << 10  # of a client with its connections, if it does not say how much it takes
MAX_TENANT_BYTES = 24 << 20  # of the clients of one tenant: of 150 AWS stores with keys, or 70 with roles
MAX_BYTES = 96 << 20  # of all clients


class Clients:
    """Clients by store and, if a cluster store takes its consumer's credentials, by namespace.

    Args:
        threads: where clients are closed.
    """

    def __init__(
        self,
        client: KubeClient,
        cache: MetadataCache,
        access: StoreAccess,
        connector: Connector,
        threads: ThreadPool,
        metrics: ExternalMetrics,
    ) -> None:
        self._client = client
        self._cache = cache
        self.access = access
        self.connector = connector
        self._threads = threads
        self._metrics = metrics
        self._sessions: dict[tuple[Key, str], ProviderSession] = {}
        self._memory: MemoryBudget[tuple[Key, str]] = MemoryBudget(MAX_TENANT_BYTES, MAX_BYTES, self._evict)
        self._locks: dict[tuple[Key, str], asyncio.Lock] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.on_close: list[OnClose] = []
        """Called with each session that is closed: what is remembered of it ends with it."""

    async def for_consumer(self, store: Key, namespace: str) -> ProviderSession:
        """Return the client for an ExternalSecret of a namespace.

        Raises:
            NeedsHuman: the store is missing, not ready, of another class, or does not admit the namespace.
            Pending: the store was created a moment ago and is not validated yet.

        """
        self.access.require_usable(store, namespace)
        meta = self._cache.get(store)
        return await self._current(store, namespace if meta is not None and meta.digest.per_consumer else "")

    async def open(self, store: Key, body: Body) -> Client:
        """Return the client of a store as it stands, whether the store is ready or not; its consumers share it.

        Raises:
            NeedsHuman: naming the field that is wrong or the Secret that is missing.
            ProviderError: the client cannot be created.

        """
        return (await self._current(store, "", body)).client

    def identity(self, store: Key, namespace: str) -> tuple[str, ...]:
        """Return the identity that a client has which is opened now for a namespace; empty without the store."""
        meta = self._cache.get(store)
        return self._identity(store, namespace if meta is not None and meta.digest.per_consumer else "")

    def kept(self, store: Key) -> Client | None:
        """Return the client that was opened with a store's own credentials, if neither has changed since."""
        kept = self._sessions.get((store, ""))
        return kept.client if kept is not None and kept.identity == self._identity(store, "") else None

    def forget(self, store: Key) -> None:
        """Close the clients of a store that is gone."""
        self._drop([name for name in self._locks if name[0] == store])

    def forget_consumer(self, namespace: str) -> None:
        """Close the clients that were opened with the credentials of a namespace that is gone."""
        self._drop([name for name in self._locks if name[1] == namespace])

    def _drop(self, names: list[tuple[Key, str]]) -> None:
        for name in names:
            self._locks.pop(name, None)
            self._memory.drop(name)
            self._evict(name)

    async def _current(self, store: Key, consumer: str, body: Body | None = None) -> ProviderSession:
        name = (store, consumer)
        async with self._locks.setdefault(name, asyncio.Lock()):
            kept, identity = self._sessions.get(name), self._identity(store, consumer)
            if kept is not None and kept.identity == identity and not self._newer(store, body):
                self._memory.touch(name)
                return kept
            body = body or await self._client.find(store)
            if body is None:
                raise NeedsHuman(FAILED, missing(store))
            meter = Meter()
            client = await self.connector.connect(store, body, consumer, self._metrics.metered(meter))
            if kept is not None:
                self._close(kept)
            session = self._sessions[name] = ProviderSession(client, identity, tenant_of(store), meter, store, consumer)
            self._memory.put(session.tenant, name, getattr(client, "weight", CLIENT_BYTES))
            return session

    def _evict(self, name: tuple[Key, str]) -> None:
        """Close the client that was used longest ago; its next user opens it again."""
        session = self._sessions.pop(name, None)
        if session is not None:
            self._close(session)

    def _close(self, session: ProviderSession) -> None:
        """Return leases and tokens of a client, without waiting: the provider may not answer."""
        for each in self.on_close:
            each(session)
        task = asyncio.create_task(self._threads.run(session.tenant, session.client.close, slow=True))
        self._closing.add(task)
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio logs it; a lease that is not returned expires by itself

    def _newer(self, store: Key, body: Body | None) -> bool:
        """Return True if a body is of another generation than the cache shows, which lags behind reads."""
        meta = self._cache.get(store)
        return body is not None and (meta is None or meta.generation != body["metadata"].get("generation"))

    def _identity(self, store: Key, consumer: str) -> tuple[str, ...]:
        """Return the identity of a client that is opened now: the store and its credentials as the cache shows them.

        If the cache lags behind what was read, it changes once more, and the client is opened again.
        """
        meta = self._cache.get(store)
        if meta is None:
            return ()
        keys = [Key(SECRETS, place or consumer, name) for place, name in meta.digest.credentials]
        keys += [Key(CONFIGMAPS, place or consumer, name) for place, name in meta.digest.authorities]
        found = [(key, self._cache.get(key)) for key in keys]
        versions = sorted(f"{key}@{each.version if each else ''}" for key, each in found)
        return (meta.uid, str(meta.generation), consumer, *versions)
