"""Carries out the steps of a plan, many at a time, each with the proofs that it needs."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass

from manager.clock import Clock
from manager.errors import AlreadyExists, Conflict, Forbidden, Invalid, NeedsHuman, NotFound, ReconcileError, Retry
from manager.kube.apply import Action, Create, Delete, Replace, Writer
from manager.kube.cache import controller_of
from manager.kube.client import KubeClient
from manager.kube.mirrors import AUTO_REFLECTS, REFLECTED_AT, REFLECTED_VERSION, REFLECTS
from manager.kube.resources import CONFIGMAPS, Body, Key
from reflector.annotations import read
from reflector.metrics import ReflectorMetrics
from reflector.plan import Do, Step, ours
from reflector.view import Lookout, View

CONFLICT = "ConflictingObject"
FAILED = "MirrorFailed"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one step."""

    step: Step
    error: ReconcileError | None = None
    first: bool = False
    """Whether a mirror got its data for the first time."""


class Writes:
    """Executes steps.

    Args:
        at_once: object writes at a time, over all sources.
        written: target -> resourceVersion of our last write; the handlers read it.
    """

    def __init__(
        self,
        client: KubeClient,
        writer: Writer,
        clock: Clock,
        metrics: ReflectorMetrics,
        lookout: Lookout,
        at_once: int,
        written: MutableMapping[Key, str],
    ) -> None:
        self._client = client
        self._writer = writer
        self._clock = clock
        self._metrics = metrics
        self._lookout = lookout
        self._slots = asyncio.Semaphore(at_once)
        self._written = written

    async def carry_out(self, view: View, steps: tuple[Step, ...]) -> list[Done]:
        """Execute all steps of a source side by side; one that fails stops no other.

        Raises what concerns all of them: the API server does not answer, or this replica no longer leads.
        """
        if not steps:
            return []
        source = await self._client.find(view.key)
        if source is not None and _helm(source):
            return []
        results = await asyncio.gather(*(self._one(view, source, each) for each in steps), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, Done)]

    async def _one(self, view: View, source: Body | None, step: Step) -> Done:
        async with self._slots:
            try:
                first = await self._step(view, source, step)
            except (AlreadyExists, Conflict, NotFound):
                # The target moved after the cache had seen it; the event of that brings the source back.
                return Done(step, Retry(CONFLICT, f"{step.target} has just changed"))
            except Forbidden as error:
                gone = error.reason == "NamespaceTerminating"
                return Done(step, None if gone else Retry(FAILED, str(error)))
            except (Invalid, NeedsHuman) as error:
                self._metrics.failures.labels(step.target.resource.kind).inc()
                return Done(step, NeedsHuman(FAILED, f"{step.target}: {error}"))
            except ReconcileError as error:
                return Done(step, error)
        return Done(step, first=first)

    async def _step(self, view: View, source: Body | None, step: Step) -> bool:
        if step.do is Do.REMOVE:
            return await self._remove(view, source, step)
        if source is None:
            return False  # gone since the view was made; its deletion brings the key back
        if step.do is Do.COMPARE and await self._same(source, step):
            self._lookout.suspects.discard(step.target)
            return False
        if step.do is Do.CREATE or step.mirror is None:
            written = await self._write(step, Create(step.target, self._new(source, step)))
        else:
            meta = step.mirror.meta
            fields = self._fields(source, step)
            replaced = Replace(step.target, meta.uid, meta.version, fields, meta.annotations, meta.labels)
            written = await self._write(step, replaced)
        self._lookout.suspects.discard(step.target)
        return written and step.mirror is not None and step.mirror.marks is not None and not step.mirror.marks.version

    async def _write(self, step: Step, action: Action) -> bool:
        body = await self._writer.apply(action)
        if body is not None:
            self._written[step.target] = body["metadata"]["resourceVersion"]
        self._metrics.writes.labels(step.target.resource.kind, step.do.value).inc()
        return True

    async def _remove(self, view: View, source: Body | None, step: Step) -> bool:
        """Delete an auto mirror after a live look at both ends (DESIGN.md 4a, 5)."""
        if source is not None and self._still_pushed(view, source, step):
            return False
        mirror = await self._client.find(step.target)
        if mirror is None:
            return False
        meta = mirror["metadata"]
        owner = controller_of(meta)
        if ours(read(meta.get("annotations") or {}), owner.kind if owner else None, view.key):
            why = "its source is gone" if source is None else "its source no longer pushes here"
            await self._write(step, Delete(step.target, meta["uid"], meta["resourceVersion"], why))
            self._written.pop(step.target, None)
        return False

    def _still_pushed(self, view: View, source: Body, step: Step) -> bool:
        """Tell whether the source, as it is now, consents after all: the cache may be behind."""
        known = view.meta.version if view.meta else ""
        if source["metadata"]["resourceVersion"] == known:
            return False  # exactly what the plan was made from
        marks = read(source["metadata"].get("annotations") or {})
        return marks is not None and marks.pushes(step.target.namespace, self._lookout.labels(step.target.namespace))

    async def _same(self, source: Body, step: Step) -> bool:
        mirror = await self._client.get(step.target)
        return all((mirror.get(name) or {}) == (source.get(name) or {}) for name in ("data", "binaryData"))

    def _new(self, source: Body, step: Step) -> Body:
        body: Body = {
            "apiVersion": "v1",
            "kind": step.target.resource.kind,
            "metadata": {
                "name": step.target.name,
                "namespace": step.target.namespace,
                "annotations": self._marks(source, step),
            },
        }
        return body | {name: source[name] for name in ("type", "data", "binaryData") if source.get(name)}

    def _fields(self, source: Body, step: Step) -> dict[str, object]:
        """Return what an update replaces: all data and our four annotations; nothing else is touched (2.8)."""
        fields: dict[str, object] = {"/data": source.get("data") or {}}
        if step.target.resource is CONFIGMAPS:
            fields["/binaryData"] = source.get("binaryData") or {}
        marks = self._marks(source, step).items()
        return fields | {f"/metadata/annotations/{name.replace('/', '~1')}": text for name, text in marks}

    def _marks(self, source: Body, step: Step) -> dict[str, str]:
        meta = source["metadata"]
        return {
            REFLECTS: f"{meta['namespace']}/{meta['name']}",
            AUTO_REFLECTS: "True" if step.auto else "False",
            REFLECTED_VERSION: meta["resourceVersion"],
            REFLECTED_AT: self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f0+00:00"),
        }


def _helm(source: Body) -> bool:
    return str(source.get("type", "")).startswith("helm.sh")
