"""Wires the external module into the process."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from external.cluster_external_secrets.reconcile import ClusterReconciler
from external.external_secrets.fetch import Fetcher
from external.external_secrets.freshness import Freshness
from external.external_secrets.reconcile import Reconciler
from external.external_secrets.target_kinds import TargetKinds
from external.external_secrets.unsynced import Unsynced
from external.generators.runner import Generators
from external.metrics import ConditionCollector, ExternalMetrics
from external.providers.kubernetes.home import home_of
from external.providers.registry import PRICES
from external.reading.expected_requests import ExpectedRequests
from external.reading.reader import SharedReader
from external.reading.request_times import BurstGate, RequestTimes
from external.reading.thread_pool import ThreadPool
from external.stores.clients import Clients
from external.stores.reconcile import StoreReconciler
from external.values.namespace_lock import NamespaceLock
from external.values.templates import Renderer
from external.watches import Watches
from manager.kube.resources import EXTERNAL_SECRETS, Key
from manager.runtime.controller import Controller
from manager.runtime.fair_executor import FairExecutor as ThreadTurns
from manager.runtime.module import Context, Module
from manager.runtime.work_queue import WorkQueue

CLUSTERS_AT_ONCE = 2  # one object with a thousand namespaces must not hold up a small one
STORES_AT_ONCE = 16  # validations at a time; none waits longer than a moment, and a namespace has half of what is free
OPENED_AT_ONCE = 2  # clients that are being made: work for a processor


def build(context: Context) -> Module:
    """Return the module: SecretStores, ClusterSecretStores, ExternalSecrets, ClusterExternalSecrets."""
    settings = context.settings.external
    metrics = ExternalMetrics(context.metrics.registry, context.clock, PRICES, per_object=settings.object_metrics)
    threads = ThreadPool(settings.provider_threads, settings.provider_timeout)
    workers = (settings.concurrency, STORES_AT_ONCE, 0)
    queue, stores, clusters = (WorkQueue(context.clock, context.jitter, each) for each in workers)
    opening = ThreadPoolExecutor(OPENED_AT_ONCE, thread_name_prefix="clients")
    written, stale = dict[Key, str](), set[Key]()
    clients = _clients(context, threads, opening, metrics)
    wishes, unsynced = RequestTimes(context.clock), Unsynced()
    expected = ExpectedRequests(clients.shares, wishes.since)
    context.cache.digest(EXTERNAL_SECRETS, unsynced.digest)
    handlers = Watches(
        context.cache,
        queue,
        stores,
        clusters,
        written,
        stale,
        wishes,
        BurstGate(_admitting(context, queue, expected)),
        clients.forget_consumer,
        context.clock,
        context.jitter,
    )
    turns, delimiters = NamespaceLock(), (settings.template_left_delimiter, settings.template_right_delimiter)
    generators = Generators(context.client, threads, settings.controller_class)
    reader = SharedReader(threads, context.clock, metrics, workers=max(1, settings.concurrency // 2), expected=expected)
    clients.on_close.append(reader.forget)
    fetcher = Fetcher(clients, reader, generators, context.sandbox, turns)
    renderer = Renderer(context.client, context.sandbox, turns, delimiters)
    kinds = TargetKinds(context.client, context.clock, handlers.seen, handlers.uses, enabled=settings.generic_targets)
    noted = (written, stale, wishes, unsynced, expected)
    reconciler = Reconciler(context, fetcher, generators, renderer, kinds, metrics, *noted)
    expected.sources += [unsynced.asked, reconciler.converged.asked]
    _measure(context, metrics, reconciler)
    validator = StoreReconciler(context, clients, threads, stores.add)
    syncs = Controller("external", queue, reconciler.reconcile, settings.concurrency, context.clock, context.metrics)
    validations = Controller("stores", stores, validator.reconcile, STORES_AT_ONCE, context.clock, context.metrics)
    spreader = ClusterReconciler(context)
    spreads = Controller("clusters", clusters, spreader.reconcile, CLUSTERS_AT_ONCE, context.clock, context.metrics)

    def verify() -> Iterable[tuple[Controller, Key]]:
        return [(syncs, key) for key, _ in context.cache.items(EXTERNAL_SECRETS)]

    async def close() -> None:
        await kinds.close()
        threads.close()
        opening.shutdown(wait=False, cancel_futures=True)

    return Module(
        name="external",
        handlers=handlers.table(),
        controllers=(syncs, validations, spreads),
        verify=verify,
        known=partial(_prepare, context),
        close=close,
    )


def _admitting(context: Context, queue: WorkQueue, expected: ExpectedRequests) -> Callable[[Key], None]:
    """Return what queues an ExternalSecret and lets those before it take its questions along."""

    def admit(key: Key) -> None:
        meta = context.cache.get(key)
        if meta is not None:
            expected.add(key, meta.digest.stores)
        queue.add(key)

    return admit


def _prepare(context: Context) -> None:
    """Let the sandbox be compiled where templates are known to come."""
    if any(meta.digest.templated for _, meta in context.cache.items(EXTERNAL_SECRETS)):
        context.sandbox.prepare()


def _measure(context: Context, metrics: ExternalMetrics, reconciler: Reconciler) -> None:
    """Let the metrics look at what is known when they are asked for."""
    freshness = Freshness(context.cache, context.clock, reconciler.refreshed)
    metrics.oldest.set_function(freshness.oldest)
    metrics.failing.set_function(freshness.failing)
    if context.settings.external.object_metrics:
        context.metrics.registry.register(ConditionCollector(context.cache))


def _clients(context: Context, threads: ThreadPool, opening: ThreadPoolExecutor, metrics: ExternalMetrics) -> Clients:
    return Clients(
        context.client,
        context.cache,
        threads,
        ThreadTurns(opening, OPENED_AT_ONCE),
        context.settings.external,
        metrics,
        context.clock,
        context.sandbox,
        home_of(context.client.connection),
    )
