"""Opens provider clients: resolves a store and its credentials, keeps the client while neither has changed."""

import asyncio

from external.api.fields import parsed
from external.api.store import ORIGINAL_PROVIDERS, SecretStoreSpec
from external.api.store_conditions import admits, only_partly
from external.errors import FAILED, Pending
from external.metrics import ExternalMetrics, Meter
from external.providers.protocol import Client, ConnectContext, CountCall, Home
from external.providers.registry import PROVIDERS, StoreSpec
from external.providers.session import OnClose, ProviderSession
from external.providers.support.egress import EgressPolicy
from external.providers.support.lookup import INVALID, Lookup
from external.providers.support.templates import BlockingRenderer
from external.reading.memory_budget import MemoryBudget
from external.reading.thread_pool import ThreadPool
from manager.core.clock import Clock, parse_rfc3339
from manager.core.errors import NeedsHuman
from manager.core.suggestions import MAX_NAME_CHARACTERS, nearest
from manager.gotemplate.sandbox import Sandbox
from manager.kube.api_servers import ApiServers
from manager.kube.cache import Meta, MetadataCache
from manager.kube.client import KubeClient
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    NAMESPACES,
    SECRETS,
    Body,
    Key,
    Resource,
)
from manager.runtime.fair_executor import FairExecutor
from manager.settings.model import ExternalSettings

CLIENT_BYTES = 96 << 10  # of a client with its connections, where it does not say how much it is
TENANT_BYTES = 24 << 20  # of the clients of one tenant: of 70 AWS stores, which are the largest
ALL_BYTES = 96 << 20  # of all
JUDGED_WITHIN = 10.0  # seconds; of a store that is older and has no condition, something is wrong


class Clients:
    """Clients by store and, where a cluster store takes its consumer's credentials, by namespace.

    Args:
        threads: where clients are closed.
        opening: where they are made, which takes a moment and asks no provider: not behind calls that hang.
        home: where stores find this cluster.
    """

    def __init__(
        self,
        client: KubeClient,
        cache: MetadataCache,
        threads: ThreadPool,
        opening: FairExecutor,
        settings: ExternalSettings,
        metrics: ExternalMetrics,
        clock: Clock,
        sandbox: Sandbox,
        home: Home | None,
    ) -> None:
        self._sandbox = sandbox
        self._home = home
        self._clock = clock
        self._client = client
        self._cache = cache
        self._threads = threads
        self._opening = opening
        self._settings = settings
        self._metrics = metrics
        self._servers = ApiServers(client, clock)
        self._opened: dict[tuple[Key, str], ProviderSession] = {}
        self._memory: MemoryBudget[tuple[Key, str]] = MemoryBudget(TENANT_BYTES, ALL_BYTES, self._evict)
        self._locks: dict[tuple[Key, str], asyncio.Lock] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.on_close: list[OnClose] = []
        """Told of each client that is closed: what is remembered of it ends with it."""

    async def for_consumer(self, store: Key, namespace: str) -> ProviderSession:
        """Return the client for an ExternalSecret of a namespace.

        Raises:
            NeedsHuman: the store is missing, not ready, of another class, or does not admit the namespace.
            Pending: the store has just been made and nobody has looked at it yet.

        """
        meta = self._cache.get(store)
        if meta is None:
            raise NeedsHuman(FAILED, _missing(store))
        if not self.serves_store(store):
            raise NeedsHuman(FAILED, f'{store.resource.kind} "{store.name}": can not reference unmanaged store')
        if not meta.digest.judged and self._age(meta) < JUDGED_WITHIN:
            raise Pending(FAILED, f'{store.resource.kind} "{store.name}" is not validated yet', delay=JUDGED_WITHIN)
        if not meta.digest.ready:
            raise NeedsHuman(FAILED, f'{store.resource.kind} "{store.name}" is not ready')
        return await self._kept(store, namespace)

    def serves(self, resource: Resource, controller: str) -> bool:
        """Tell whether a store of this kind and class is ours."""
        kind = self._settings.cluster_stores or resource is not CLUSTER_SECRET_STORES
        return kind and controller in ("", self._settings.controller_class)

    def serves_store(self, store: Key) -> bool:
        """Tell whether a store is ours, or is not there and would be."""
        meta = self._cache.get(store)
        return self.serves(store.resource, meta.digest.controller if meta is not None else "")

    def shares(self, store: Key, namespace: str) -> bool:
        """Tell whether a namespace may read a store, and does so as all others do."""
        try:
            self._admit(store, namespace)
        except NeedsHuman:
            return False
        meta = self._cache.get(store)
        return meta is not None and not meta.digest.per_consumer

    def forget(self, store: Key) -> None:
        """Drop the clients of a store that is gone."""
        self._drop([name for name in self._locks if name[0] == store])

    def forget_consumer(self, namespace: str) -> None:
        """Drop the clients that were opened with the credentials of a namespace that is gone."""
        self._drop([name for name in self._locks if name[1] == namespace])

    def _drop(self, names: list[tuple[Key, str]]) -> None:
        for name in names:
            self._locks.pop(name, None)
            self._memory.drop(name)
            self._evict(name)

    def kept(self, store: Key) -> Client | None:
        """Return the client that was opened with a store's own credentials, if neither has changed since."""
        kept = self._opened.get((store, ""))
        return kept.client if kept is not None and kept.identity == self._expected(store, "") else None

    async def open(self, store: Key, body: Body) -> Client:
        """Return the client of a store as it stands, whether the store is ready or not; its consumers get the same one.

        Raises:
            NeedsHuman: naming the field that is wrong or the Secret that is missing.
            ProviderError: the client cannot be made.

        """
        return (await self._current(store, "", body)).client

    async def _kept(self, store: Key, namespace: str) -> ProviderSession:
        self._admit(store, namespace)
        meta = self._cache.get(store)
        return await self._current(store, namespace if meta is not None and meta.digest.per_consumer else "")

    async def _current(self, store: Key, consumer: str, body: Body | None = None) -> ProviderSession:
        name = (store, consumer)
        async with self._locks.setdefault(name, asyncio.Lock()):
            kept, expected = self._opened.get(name), self._expected(store, consumer)
            if kept is not None and kept.identity == expected and not self._newer(store, body):
                self._memory.touch(name)
                return kept
            body = body or await self._client.find(store)
            if body is None:
                raise NeedsHuman(FAILED, _missing(store))
            await self._servers.look()
            spec = await parsed(StoreSpec, body.get("spec"), reason=INVALID)
            meter = Meter()
            client = await self._connect(store, spec, consumer, self._metrics.metered(meter))
            if kept is not None:
                self._close(kept)
            opened = self._opened[name] = ProviderSession(client, expected, tenant_of(store), meter, store)
            self._memory.put(opened.tenant, name, getattr(client, "weight", CLIENT_BYTES))
            return opened

    def _evict(self, name: tuple[Key, str]) -> None:
        """Close a client that nobody has used for longest; who uses it next has it opened again."""
        opened = self._opened.pop(name, None)
        if opened is not None:
            self._close(opened)

    def _close(self, opened: ProviderSession) -> None:
        """Give back what a client was lent, without waiting: the provider may be silent."""
        for each in self.on_close:
            each(opened)
        task = asyncio.create_task(self._threads.run(opened.tenant, opened.client.close, slow=True))
        self._closing.add(task)
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled():
            task.exception()  # fetched: a provider that does not answer ends what it lent by itself

    def _newer(self, store: Key, body: Body | None) -> bool:
        """Tell whether a body is of another generation than the cache shows, which lags behind what is read."""
        meta = self._cache.get(store)
        return body is not None and (meta is None or meta.generation != body["metadata"].get("generation"))

    def _expected(self, store: Key, consumer: str) -> tuple[str, ...]:
        """Return the identity that a client opened now has: the store and its credentials as the cache shows them.

        A cache that lags behind what was read changes it once more, and the client is opened again.
        """
        meta = self._cache.get(store)
        if meta is None:
            return ()
        keys = [Key(SECRETS, place or consumer, name) for place, name in meta.digest.credentials]
        keys += [Key(CONFIGMAPS, place or consumer, name) for place, name in meta.digest.authorities]
        found = [(key, self._cache.get(key)) for key in keys]
        versions = sorted(f"{key}@{each.version if each else ''}" for key, each in found)
        return (meta.uid, str(meta.generation), consumer, *versions)

    def _age(self, meta: Meta) -> float:
        created = parse_rfc3339(meta.created)
        return abs((self._clock.now() - created).total_seconds()) if created else JUDGED_WITHIN

    def _admit(self, store: Key, namespace: str) -> None:
        if store.resource is not CLUSTER_SECRET_STORES:
            return
        meta = self._cache.get(store)
        labels, partly = self._cache.get(Key(NAMESPACES, "", namespace)), self._settings.partial_namespace_regexes
        if meta is None or not admits(
            meta.digest.conditions, namespace, labels.labels if labels else {}, partly=partly
        ):
            text = f'using cluster store "{store.name}" is not allowed from namespace "{namespace}"'
            hints = only_partly(meta.digest.conditions, namespace) if meta else ()
            hint = f' ("{hints[0]}" matches only a part of the name, and must match all of it)' if hints else ""
            raise NeedsHuman(FAILED, f"{text}: denied by spec.condition{hint}")

    async def _connect(self, store: Key, spec: SecretStoreSpec, consumer: str, count: CountCall) -> Client:
        fields = type(spec.provider).model_fields
        given = {(fields[name].alias or name) if name in fields else name: value for name, value in spec.provider}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            text = f"secret stores must only have exactly one backend specified, found {len(named)}"
            raise NeedsHuman(INVALID, f"spec.provider: {text}")
        kind = PROVIDERS.get(named[0])
        if kind is None:
            raise NeedsHuman(INVALID, _not_served(named[0]))
        around = ConnectContext(
            lookup=Lookup(self._client, store, consumer),
            ambient=self._ambient(store, consumer),
            # What a consumer gives may be a URL as well: a kubeconfig, or what a webhook's templates take.
            egress=EgressPolicy(
                self._settings.egress_allowed,
                everything=store.resource is CLUSTER_SECRET_STORES and not consumer,
                denied=lambda: self._servers.known,
            ),
            retries=spec.retry_settings,
            count=count,
            timeout=self._settings.provider_timeout,
            run=lambda make: self._opening.run(tenant_of(store), make),
            home=self._home,
            render=BlockingRenderer(self._sandbox, store.namespace or consumer or f"cluster store {store.name}"),
        )
        return await kind.connect(given[named[0]], around)

    def _ambient(self, store: Key, consumer: str) -> bool:
        """Tell whether a store without credentials may act as Coffer itself (DESIGN.md 4a, 1)."""
        allowed = self._settings.ambient_namespaces
        return store.resource is CLUSTER_SECRET_STORES or "*" in allowed or (store.namespace or consumer) in allowed


def _missing(store: Key) -> str:
    """Say that there is no such store, and where it was looked for."""
    text = f'could not get {store.resource.kind} "{store.name}": it does not exist'
    if not store.namespace:
        return text
    return f'{text} in namespace "{store.namespace}"; a store serves its own namespace, a ClusterSecretStore others too'


def _not_served(name: str) -> str:
    """Say what is wrong with a provider that this version does not serve, or that nobody has heard of."""
    place = f"spec.provider.{name[:MAX_NAME_CHARACTERS]}"
    if name not in ORIGINAL_PROVIDERS:
        return f"{place}: unknown field{nearest(name, tuple(ORIGINAL_PROVIDERS))}"
    return f"{place} is not supported by this version; supported: {', '.join(sorted(PROVIDERS))}"


def tenant_of(store: Key) -> str:
    """Return whose share of the threads a store's calls take."""
    return f"namespace {store.namespace}" if store.namespace else f"cluster store {store.name}"
