"""Wires what pushes secrets into the external module."""

from collections.abc import Mapping
from dataclasses import dataclass

from external.cluster_external_secrets.reconcile import ClusterReconciler
from external.cluster_push_secrets.kind import PUSH_COPIES
from external.generators.ledger import Ledger
from external.generators.loading import GeneratorReader
from external.generators.runner import Contexts, Generators
from external.generators.state_index import StateIndex
from external.metrics import ExternalMetrics, PushMetrics
from external.providers.protocol import ConnectContext
from external.push_secrets.cleanup import CleanUp
from external.push_secrets.delivery import Delivery
from external.push_secrets.memory import PushMemory
from external.push_secrets.push import Pusher
from external.push_secrets.reconcile import Parts, PushReconciler
from external.push_secrets.report import Reporter
from external.push_secrets.sources import HeldStates, Sources
from external.push_secrets.versions import VersionLists
from external.push_watches import OtherQueues, PushWatches
from external.reading.thread_pool import ThreadPool
from external.stores.clients import Clients
from external.values.namespace_lock import NamespaceLock
from external.values.templates import Renderer
from manager.kube.cache import Change
from manager.kube.resources import Key, Resource
from manager.runtime.controller import Controller
from manager.runtime.module import Context, Handler
from manager.runtime.work_queue import WorkQueue

TEMPLATE = "spec.template"
TEMPLATE_FAILED = "could not apply template"


@dataclass(frozen=True)
class Shared:
    """What the reconcilers of the module share."""

    context: Context
    clients: Clients
    threads: ThreadPool
    metrics: ExternalMetrics
    locks: NamespaceLock


@dataclass(frozen=True)
class Pushing:
    """The part of the module that pushes."""

    watches: PushWatches
    controller: Controller
    copies: ClusterReconciler


def build_pushes(shared: Shared, others: OtherQueues, states: StateIndex) -> Pushing:
    """Return the reconcilers and watches of PushSecrets and ClusterPushSecrets."""
    context, clients, threads = shared.context, shared.clients, shared.threads
    workers = context.settings.external.concurrency
    queue, memory = WorkQueue(context.clock, context.jitter, workers), PushMemory()
    watches = PushWatches(context, queue, others, memory)
    metrics = PushMetrics(context.metrics.registry, context.cache, per_object=context.settings.external.object_metrics)

    settings = context.settings.external
    delimiters = (settings.template_left_delimiter, settings.template_right_delimiter)
    renderer = Renderer(context.client, context.sandbox, shared.locks, delimiters, at=TEMPLATE, failing=TEMPLATE_FAILED)
    ledger = Ledger(context, threads) if settings.generator_state else None
    generators = Generators(context, threads, contexts_of(clients, shared.metrics), ledger)
    loading = GeneratorReader(context, memory.generator_credentials)
    pusher = Pusher(context, threads, watches.claims, memory, metrics)
    cleanup = CleanUp(context, clients, pusher, watches.claims, memory, metrics)
    versions = VersionLists(context.cache, watches.by_store, threads, context.clock)
    clients.on_close.append(versions.forget)
    parts = Parts(
        Sources(context.client, loading, generators, renderer),
        Delivery(context, clients, pusher, cleanup, memory, shared.locks),
        cleanup,
        versions,
        Reporter(context, memory, metrics),
        HeldStates(context.writer, states),
        metrics,
    )
    reconciler = PushReconciler(context, clients, parts, memory)
    controller = Controller("pushes", queue, reconciler.reconcile, workers, context.clock, context.metrics)
    return Pushing(watches, controller, ClusterReconciler(context, PUSH_COPIES))


def contexts_of(clients: Clients, metrics: ExternalMetrics) -> Contexts:
    """Return a function that gives what a generator may use."""

    async def for_generator(generator: Key, for_all: bool) -> ConnectContext:
        return await clients.connector.for_generator(generator, metrics.called, for_all=for_all)

    return for_generator


def joined(*tables: Mapping[Resource, Handler]) -> dict[Resource, Handler]:
    """Return one table of handlers; a resource in several tables has all of their handlers, in order."""
    found: dict[Resource, list[Handler]] = {}
    for table in tables:
        for resource, handler in table.items():
            found.setdefault(resource, []).append(handler)
    return {resource: _each(handlers) for resource, handlers in found.items()}


def _each(handlers: list[Handler]) -> Handler:
    def handle(change: Change) -> None:
        for each in handlers:
            each(change)

    return handlers[0] if len(handlers) == 1 else handle
