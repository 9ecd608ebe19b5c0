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

SOURCES_AT_ONCE = 64  # sources worked on side by side, so that a few with thousands of mirrors delay no other
READ_AT_ONCE = 4  # mirrors that one step of the background comparison reads: 80 a second, and as many plans saved


def build(context: Context) -> Module:
    """Return the module: mirrors of Secrets and ConfigMaps."""
    settings = context.settings.reflector
    metrics = ReflectorMetrics(context.metrics.registry, settings.provenance)
    queue = WorkQueue(context.clock, context.jitter, SOURCES_AT_ONCE)
    lookout = ViewBuilder(context.cache, settings, context.namespace, context.clock)
    shares = DeleteQuota(context.clock, context.settings.modules.deletes_per_minute)

    def paused() -> bool:
        return controller.paused

    executor = Executor(context, metrics, lookout.proofs, shares, paused)
    reconciler = Reconciler(context, lookout, executor, metrics)
    controller = Controller("reflector", queue, reconciler.reconcile, SOURCES_AT_ONCE, context.clock, context.metrics)

    def verify() -> Iterable[tuple[Controller, Key]]:
        for source in lookout.named():
            mirrors = sorted(lookout.mirrored(source))
            for at in range(0, len(mirrors), READ_AT_ONCE):
                for mirror in mirrors[at : at + READ_AT_ONCE]:
                    lookout.proofs.doubt(mirror)
                yield controller, source

    return Module(
        name="reflector",
        handlers=Watches(lookout, queue, context.clock, recreate=settings.recreate).table(),
        controllers=(controller,),
        verify=verify,
    )
