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
from external.generators.runner import Generators
from external.generators.state_index import StateIndex
from external.metrics import ConditionCollector, ExternalMetrics
from external.providers.catalogue import Catalogue
from external.providers.plugins import with_plugins
from external.push_module import Shared, build_pushes, contexts_of, joined
from external.push_watches import OtherQueues
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
from manager.kube.resources import CLUSTER_PUSH_SECRETS, EXTERNAL_SECRETS, PUSH_SECRETS, Key
from manager.runtime.controller import Controller, Requeue
from manager.runtime.module import Context, Module
from manager.runtime.work_queue import WorkQueue

CLUSTER_WORKERS = 2  # one object with a thousand namespaces must not hold up a small one
STORE_WORKERS = 16  # validations at a time; none waits longer than a moment, and a namespace has half of what is free
STATE_WORKERS = 4
CONNECT_THREADS = 2  # that create clients: work for a processor


def build(context: Context) -> Module:
    """Return the module: SecretStores, ClusterSecretStores, ExternalSecrets, ClusterExternalSecrets."""
    settings = context.settings.external
    catalogue = with_plugins(settings.provider_plugins)
    metrics = _metrics(context, catalogue)
    threads = ThreadPool(settings.provider_threads, settings.provider_timeout)
    workers = (settings.concurrency, STORE_WORKERS, 0, STATE_WORKERS)
    queues = Queues(*(WorkQueue(context.clock, context.jitter, each) for each in workers))
    connecting = ThreadPoolExecutor(CONNECT_THREADS, thread_name_prefix="clients")
    clients = _clients(context, threads, connecting, metrics, catalogue)
    state = _state(context, clients)
    bursts = BurstGate(_admit(context, queues.external_secrets, state.expected))
    watches = Watches(context, queues, state, bursts, clients.forget_consumer, catalogue)
    kinds = _kinds(context, watches)
    shared = Shared(context, clients, threads, metrics, NamespaceLock())
    reconciler = _reconciler(shared, state, kinds)
    recorder = StateReconciler(
        context,
        Revoker(context.client, threads, contexts_of(clients, metrics)),
        kinds,
        state.generator_states,
        queues.generator_states.add,
        settings.generator_gc_grace_period,
    )
    spreader = ClusterReconciler(context)
    clock, measured = context.clock, context.metrics
    pushing = build_pushes(shared, OtherQueues(queues.stores, queues.clusters), state.generator_states)
    watches.stores.listeners.append(pushing.watches.store)
    validator = StoreReconciler(
        context, clients, threads, queues.stores.add, watches.stores.written, pushing.watches.holds
    )
    syncs = Controller("external", queues.external_secrets, reconciler.reconcile, settings.concurrency, clock, measured)
    validations = Controller("stores", queues.stores, validator.reconcile, STORE_WORKERS, clock, measured)

    async def spread(key: Key) -> Requeue:
        copier = pushing.copies if key.resource is CLUSTER_PUSH_SECRETS else spreader
        return await copier.reconcile(key)

    spreads = Controller("clusters", queues.clusters, spread, CLUSTER_WORKERS, clock, measured)
    ends = Controller("generatorstates", queues.generator_states, recorder.reconcile, STATE_WORKERS, clock, measured)

    def verify() -> Iterable[tuple[Controller, Key]]:
        return [(syncs, key) for key, _ in context.cache.items(EXTERNAL_SECRETS)]

    async def close() -> None:
        await kinds.close()
        threads.close()
        connecting.shutdown(wait=False, cancel_futures=True)

    return Module(
        name="external",
        handlers=joined(watches.table(), pushing.watches.table(), {PUSH_SECRETS: watches.states.push_secret}),
        controllers=(syncs, validations, spreads, ends, pushing.controller),
        verify=verify,
        known=partial(_prepare, context),
        namespaces=context.settings.modules.namespaces,
        close=close,
    )


def _metrics(context: Context, catalogue: Catalogue) -> ExternalMetrics:
    settings = context.settings.external
    metrics = ExternalMetrics(
        context.metrics.registry, context.clock, catalogue.prices, per_object=settings.object_metrics
    )
    metrics.plugins(dict.fromkeys(settings.provider_plugins, 1.0) | dict.fromkeys(catalogue.failures, 0.0))
    return metrics


def _kinds(context: Context, watches: Watches) -> TargetKinds:
    return TargetKinds(
        context.client,
        context.clock,
        watches.targets.generic_target,
        watches.targets.uses,
        enabled=context.settings.external.generic_targets,
        namespaces=context.settings.modules.namespaces,
    )


def _state(context: Context, clients: Clients) -> SyncState:
    requests = RequestTimes(context.clock)
    expected = ExpectedRequests(clients.access.shares, requests.since)
    state = SyncState(requests, expected, StateIndex(context.cache))
    context.cache.digest(EXTERNAL_SECRETS, state.unsynced.summarize)
    return state


def _reconciler(shared: Shared, state: SyncState, kinds: TargetKinds) -> Reconciler:
    context, clients, threads, metrics, locks = (
        shared.context,
        shared.clients,
        shared.threads,
        shared.metrics,
        shared.locks,
    )
    settings = context.settings.external
    workers = max(1, settings.concurrency // 2)  # a namespace has half of them
    reader = SharedReader(threads, context.clock, metrics, workers=workers, expected=state.expected)
    clients.on_close.append(reader.forget)

    ledger = Ledger(context, threads) if settings.generator_state else None
    generators = Generators(context, threads, contexts_of(clients, metrics), ledger)
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
    context: Context,
    threads: ThreadPool,
    connecting: ThreadPoolExecutor,
    metrics: ExternalMetrics,
    catalogue: Catalogue,
) -> Clients:
    settings = context.settings.external
    connector = Connector(
        context.client,
        ApiServers(context.client, context.clock, readable=published_in(context.settings.modules.namespaces)),
        FairExecutor(connecting, CONNECT_THREADS),
        settings,
        context.sandbox,
        catalogue,
    )
    access = StoreAccess(context.cache, context.settings, context.clock)
    return Clients(context.client, context.cache, access, connector, threads, metrics)
