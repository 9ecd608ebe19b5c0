"""Wires the external module into the process."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from external.cluster_external_secrets.reconcile import ClusterReconciler
from external.external_secrets.fetch import Fetcher
from external.external_secrets.freshness import Freshness
from external.external_secrets.reconcile import Reconciler
from external.external_secrets.sync_state import SyncState
from external.external_secrets.targets.kinds import TargetKinds
from external.generator_states.reconcile import StateReconciler
from external.generator_states.revoke import Revoker
from external.generators.ledger import Ledger
from external.generators.loading import GeneratorReader
from external.generators.runner import Contexts, Generators
from external.generators.state_index import StateIndex
from external.metrics import ConditionCollector, ExternalMetrics
from external.providers.kubernetes.home import home_of
from external.providers.protocol import ConnectContext
from external.providers.registry import PRICES
from external.reading.expected_requests import ExpectedRequests
from external.reading.reader import SharedReader
from external.reading.request_times import BurstGate, RequestTimes
from external.reading.thread_pool import ThreadPool
from external.stores.access import StoreAccess
from external.stores.clients import Clients
from external.stores.connect import Connector
from external.stores.reconcile import StoreReconciler
from external.values.namespace_lock import NamespaceLock
from external.values.templates import Renderer
from external.watches import Queues, Watches
from manager.core.fair_executor import FairExecutor
from manager.kube.api_servers import ApiServers, published_in
from manager.kube.resources import EXTERNAL_SECRETS, Key
from manager.runtime.controller import Controller
from manager.runtime.module import Context, Module
from manager.runtime.work_queue import WorkQueue

CLUSTER_WORKERS = 2  # one object with a thousand namespaces must not hold up a small one
STORE_WORKERS = 16  # validations at a time; none waits longer than a moment, and a namespace has half of what is free
STATE_WORKERS = 4
CONNECT_THREADS = 2  # that create clients: work for a processor


def build(context: Context) -> Module:
    """Return the module: SecretStores, ClusterSecretStores, ExternalSecrets, ClusterExternalSecrets."""
    settings = context.settings.external
    metrics = ExternalMetrics(context.metrics.registry, context.clock, PRICES, per_object=settings.object_metrics)
    threads = ThreadPool(settings.provider_threads, settings.provider_timeout)
    workers = (settings.concurrency, STORE_WORKERS, 0, STATE_WORKERS)
    queues = Queues(*(WorkQueue(context.clock, context.jitter, each) for each in workers))
    connecting = ThreadPoolExecutor(CONNECT_THREADS, thread_name_prefix="clients")
    clients = _clients(context, threads, connecting, metrics)
    state = _state(context, clients)
    bursts = BurstGate(_admit(context, queues.external_secrets, state.expected))
    watches = Watches(context, queues, state, bursts, clients.forget_consumer)
    kinds = TargetKinds(
        context.client,
        context.clock,
        watches.targets.generic_target,
        watches.targets.uses,
        enabled=settings.generic_targets,
        namespaces=context.settings.modules.namespaces,
    )
    reconciler = _reconciler(context, state, clients, threads, kinds, metrics)
    recorder = StateReconciler(
        context,
        Revoker(context.client, threads, _contexts(clients, metrics)),
        kinds,
        state.generator_states,
        queues.generator_states.add,
        settings.generator_gc_grace_period,
    )
    validator = StoreReconciler(context, clients, threads, queues.stores.add, watches.stores.written)
    spreader = ClusterReconciler(context)
    clock, measured = context.clock, context.metrics
    syncs = Controller("external", queues.external_secrets, reconciler.reconcile, settings.concurrency, clock, measured)
    validations = Controller("stores", queues.stores, validator.reconcile, STORE_WORKERS, clock, measured)
    spreads = Controller("clusters", queues.clusters, spreader.reconcile, CLUSTER_WORKERS, clock, measured)
    ends = Controller("generatorstates", queues.generator_states, recorder.reconcile, STATE_WORKERS, clock, measured)

    def verify() -> Iterable[tuple[Controller, Key]]:
        return [(syncs, key) for key, _ in context.cache.items(EXTERNAL_SECRETS)]

    async def close() -> None:
        await kinds.close()
        threads.close()
        connecting.shutdown(wait=False, cancel_futures=True)

    return Module(
        name="external",
        handlers=watches.table(),
        controllers=(syncs, validations, spreads, ends),
        verify=verify,
        known=partial(_prepare, context),
        namespaces=context.settings.modules.namespaces,
        close=close,
    )


def _state(context: Context, clients: Clients) -> SyncState:
    requests = RequestTimes(context.clock)
    expected = ExpectedRequests(clients.access.shares, requests.since)
    state = SyncState(requests, expected, StateIndex(context.cache))
    context.cache.digest(EXTERNAL_SECRETS, state.unsynced.summarize)
    return state


def _contexts(clients: Clients, metrics: ExternalMetrics) -> Contexts:
    """Return a function that gives what a generator may use."""

    async def for_generator(generator: Key, for_all: bool) -> ConnectContext:
        return await clients.connector.for_generator(generator, metrics.called, for_all=for_all)

    return for_generator


def _reconciler(
    context: Context,
    state: SyncState,
    clients: Clients,
    threads: ThreadPool,
    kinds: TargetKinds,
    metrics: ExternalMetrics,
) -> Reconciler:
    settings, locks = context.settings.external, NamespaceLock()
    workers = max(1, settings.concurrency // 2)  # a namespace has half of them
    reader = SharedReader(threads, context.clock, metrics, workers=workers, expected=state.expected)
    clients.on_close.append(reader.forget)

    ledger = Ledger(context, threads) if settings.generator_state else None
    generators = Generators(context, threads, _contexts(clients, metrics), ledger)
    loading = GeneratorReader(context, state.generator_credentials)
    fetcher = Fetcher(clients, reader, generators, loading, context.sandbox, locks)
    delimiters = (settings.template_left_delimiter, settings.template_right_delimiter)
    renderer = Renderer(context.client, context.sandbox, locks, delimiters)
    reconciler = Reconciler(context, state, fetcher, renderer, kinds, metrics)
    state.expected.sources += [state.unsynced.requests_of, reconciler.converged.requests_of]
    freshness = Freshness(context.cache, context.clock, state.refreshed, per_object=settings.object_metrics)
    context.metrics.registry.register(freshness)
    if settings.object_metrics:
        context.metrics.registry.register(ConditionCollector(context.cache))
    return reconciler


def _admit(context: Context, queue: WorkQueue, expected: ExpectedRequests) -> Callable[[Key], None]:
    """Return a function that queues an ExternalSecret, and lets calls for others take its requests along."""

    def admit(key: Key) -> None:
        meta = context.cache.get(key)
        if meta is not None:
            expected.add(key, meta.digest.stores)
        queue.add(key)

    return admit


def _prepare(context: Context) -> None:
    """Compile the sandbox early if any ExternalSecret has a template."""
    if any(meta.digest.templated for _, meta in context.cache.items(EXTERNAL_SECRETS)):
        context.sandbox.prepare()


def _clients(
    context: Context, threads: ThreadPool, connecting: ThreadPoolExecutor, metrics: ExternalMetrics
) -> Clients:
    settings = context.settings.external
    connector = Connector(
        context.client,
        ApiServers(context.client, context.clock, readable=published_in(context.settings.modules.namespaces)),
        FairExecutor(connecting, CONNECT_THREADS),
        settings,
        context.sandbox,
        home_of(context.client.connection),
    )
    access = StoreAccess(context.cache, context.settings, context.clock)
    return Clients(context.client, context.cache, access, connector, threads, metrics)
