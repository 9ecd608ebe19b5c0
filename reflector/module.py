"""Wires the reflector into the process."""

from collections.abc import Iterable

from manager.kube.resources import Key
from manager.runtime.controller import Controller
from manager.runtime.module import Context, Module
from manager.runtime.queue import KeyedQueue
from reflector.handlers import Handlers
from reflector.metrics import ReflectorMetrics
from reflector.reconcile import Reconciler
from reflector.view import Lookout
from reflector.writes import Writes

SOURCES_AT_ONCE = 64  # sources worked on side by side, so that a few with thousands of mirrors delay no other


def build(context: Context) -> Module:
    """Return the module: mirrors of Secrets and ConfigMaps."""
    settings = context.settings.reflector
    metrics = ReflectorMetrics(context.metrics.registry, settings.provenance)
    queue = KeyedQueue(context.clock, context.jitter)
    lookout = Lookout(context.cache, settings, context.namespace, context.clock)
    writes = Writes(context.client, context.writer, context.clock, metrics, lookout.proofs, settings)
    reconciler = Reconciler(context, lookout, writes, metrics)
    controller = Controller("reflector", queue, reconciler.reconcile, SOURCES_AT_ONCE, context.clock, context.metrics)

    def verify() -> Iterable[tuple[Controller, Key]]:
        for mirror in lookout.mirrors():
            source = lookout.source_of(mirror)
            if source is not None:
                lookout.proofs.doubt(mirror)
                yield controller, Key(mirror.resource, *source)

    return Module(
        name="reflector",
        handlers=Handlers(lookout, queue, context.clock, recreate=settings.recreate).table(),
        controllers=(controller,),
        verify=verify,
    )
