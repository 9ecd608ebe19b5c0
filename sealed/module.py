"""Wires the sealed module into the process."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import structlog

from manager import VERSION
from manager.core.fair_executor import FairExecutor
from manager.kube.resources import SEALED_SECRETS, SECRETS, Key
from manager.runtime.controller import Controller
from manager.runtime.module import Context, Module
from manager.runtime.work_queue import WorkQueue
from sealed.http.callers import Callers
from sealed.http.endpoints import Admission, Bodies, SealingApi
from sealed.http.rate_limits import RateLimits
from sealed.keys.registry import KeyRegistry
from sealed.keys.renewal import Renewal, go_duration
from sealed.keys.watch import KeyWatch
from sealed.metrics import ConditionCollector, KeyCollector, SealedMetrics
from sealed.reconcile import Reconciler
from sealed.selection import Selection, selection_of
from sealed.watches import Watches

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of the process's own control group, as a container sees it (cgroup v2)
PRIORITIES = ("CertNotBefore", "SecretCreationTimestamp")

log = structlog.get_logger(__name__)


def build(context: Context) -> Module:
    """Return the module: SealedSecrets, sealing keys, the /v1 endpoint."""
    settings = context.settings.sealed
    metrics = SealedMetrics(context.metrics.registry)
    metrics.build.labels(VERSION).set(0)  # the original's value
    threads = settings.threads or usable_cores()
    executor = ThreadPoolExecutor(threads, thread_name_prefix="rsa")
    # Sealing keys, and the answers to callers, must not wait behind a tenant's objects.
    for_keys = ThreadPoolExecutor(1, thread_name_prefix="sealing-keys")
    for_callers = [ThreadPoolExecutor(1, thread_name_prefix=each) for each in ("sealing-api", "sealing-api-large")]
    if settings.key_order_priority not in PRIORITIES:
        log.error("sealed.key_order_priority is not known", using=PRIORITIES[0])
    queue = WorkQueue(context.clock, context.jitter, settings.concurrency)
    selection = selection_of(settings, context.namespace)
    handlers = _handlers(context, queue, selection)
    renewals = WorkQueue(context.clock, context.jitter)
    the_keys = Key(SECRETS, context.namespace, settings.key_prefix)

    def look() -> None:
        renewals.add(the_keys)

    def changed() -> None:
        handlers.keys_changed()
        look()

    registry = KeyRegistry(for_keys, settings.key_order_priority, changed, look)
    context.metrics.registry.register(KeyCollector(registry, context.cache, context.clock))
    if settings.object_metrics:
        omit = settings.metrics_omit_secret_labels
        context.metrics.registry.register(ConditionCollector(context.cache, omit=omit))
    watch = KeyWatch(
        context.client, registry, context.namespace, settings.key_namespaces, settings.key_prefix, context.jitter
    )
    renewal = Renewal(context, watch, registry, executor, look)
    reconciler = Reconciler(context, registry, FairExecutor(executor, threads), metrics)
    look()
    api = _api(context, registry, metrics, for_callers)

    def known() -> None:
        if any(meta.digest.templated for _, meta in context.cache.items(SEALED_SECRETS)):
            context.sandbox.prepare()

    async def close() -> None:
        for each in (executor, for_keys, *for_callers):
            each.shutdown(wait=False, cancel_futures=True)

    return Module(
        name="sealed",
        handlers=handlers.table(),
        controllers=(
            Controller("sealed", queue, reconciler.reconcile, settings.concurrency, context.clock, context.metrics),
            Controller("sealing-keys", renewals, renewal.reconcile, 1, context.clock, context.metrics),
        ),
        standby=(watch.run, renewal.follow_signals),
        ready=lambda: watch.listed and registry.current is not None,
        routes=api.routes(),
        known=known,
        namespaces=selection.namespaces,
        close=close,
    )


def _handlers(context: Context, queue: WorkQueue, selection: Selection) -> Watches:
    settings = context.settings.sealed
    return Watches(
        context.cache, queue, selection, skip_recreate=settings.skip_recreate, repair_drift=settings.repair_drift
    )


def _api(context: Context, registry: KeyRegistry, metrics: SealedMetrics, executors: Sequence[Executor]) -> SealingApi:
    settings = context.settings.sealed
    return SealingApi(
        registry,
        metrics,
        Admission(
            RateLimits(settings.rate_limit, settings.rate_limit_burst, context.clock),
            Callers(context.client, context.clock, settings.proxies, require_token=settings.require_token),
        ),
        Bodies(
            executors[0],
            executors[1],
            legacy=settings.accept_deprecated_v1_data,
            read_timeout=go_duration("sealed.read_timeout", settings.read_timeout).total_seconds(),
        ),
        context.clock,
    )


def usable_cores(quota: Path = CPU_QUOTA) -> int:
    """Return how many cores this process may use; more RSA threads than that disturb the event loop.

    The CPU affinity does not show a container's CPU limit: 64 threads with half a core between them would be stopped
    together, and the lease renewal with them.
    """
    cores = len(os.sched_getaffinity(0))
    try:
        allowed, period = map(int, quota.read_text().split())
    except (OSError, ValueError):  # no such file, or `max`: no limit
        return cores
    return max(1, min(cores, math.ceil(allowed / period)))
