"""Wires the reflector into the process."""

from collections.abc import Iterable

from manager.kube.resources import Key
from manager.runtime.controller import Controller
from manager.runtime.module import Context, Module
from manager.runtime.work_queue import WorkQueue
from reflector.delete_quota import DeleteQuota
from reflector.executor import Executor
from reflector.metrics import ReflectorMetrics
from reflector.reconcile import Reconciler
from reflector.view import ViewBuilder
from reflector.watches import Watches

WORKERS = 64  # sources reconciled at a time: a few with thousands of mirrors must not delay the others
COMPARED_TOGETHER = 4  # mirrors read in one step of the background comparison: 80 a second, with one plan for four


def build(context: Context) -> Module:
    """Return the module: mirrors of Secrets and ConfigMaps."""
    settings = context.settings.reflector
    metrics = ReflectorMetrics(context.metrics.registry, settings.provenance)
    queue = WorkQueue(context.clock, context.jitter, WORKERS)
    scope = context.settings.modules.namespaces
    view_builder = ViewBuilder(context.cache, settings, context.namespace, context.clock, scope)
    quota = DeleteQuota(context.clock, context.settings.modules.deletes_per_minute)

    def paused() -> bool:
        return controller.paused

    executor = Executor(context, metrics, view_builder.observed, quota, paused)
    reconciler = Reconciler(context, view_builder, executor, metrics)
    controller = Controller("reflector", queue, reconciler.reconcile, WORKERS, context.clock, context.metrics)

    def verify() -> Iterable[tuple[Controller, Key]]:
        for source in view_builder.named():
            mirrors = sorted(view_builder.mirrored(source))
            for at in range(0, len(mirrors), COMPARED_TOGETHER):
                for mirror in mirrors[at : at + COMPARED_TOGETHER]:
                    view_builder.observed.doubt(mirror)
                yield controller, source

    return Module(
        name="reflector",
        handlers=Watches(view_builder, queue, context.clock, recreate=settings.recreate).table(),
        controllers=(controller,),
        verify=verify,
        namespaces=scope,
    )
