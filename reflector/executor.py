"""Carries out the steps of a plan, many at a time, each checked before its write."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from manager.core.errors import AlreadyExists, Conflict, Forbidden, Invalid, NeedsHuman, NotFound, ReconcileError, Retry
from manager.core.errors import WaitFor as Wait
from manager.kube.auto_mirrors import author_of
from manager.kube.cache import controller_of
from manager.kube.managed_fields import is_recorded
from manager.kube.resources import NAMESPACES, Body, Key
from manager.kube.writer import Create, Delete, Replace
from manager.runtime.module import Context
from reflector.content import Content, Original
from reflector.contention import Contention
from reflector.delete_quota import DeleteQuota
from reflector.metrics import ReflectorMetrics
from reflector.observed import ObservedStates
from reflector.plan import Do, Note, Step, ours
from reflector.rules.annotations import read
from reflector.rules.selection import PLAIN, RENAME_KEYS, Selection
from reflector.view import Mirror, View

MAX_CONCURRENT_STEPS = 8  # steps of one source at a time
MANAGER = "coffer-reflector"  # the field manager; separates mirrors that we wrote from copies of them
ORIGINAL_MANAGER = "unknown"  # what the API server records for the original, which sets none
FOREIGN = "ForeignMirror"
CURE = "delete it, or remove its annotations reflector.v1.k8s.emberstack.com/*"
MOVED = "Moved"  # never reported: the next watch event requeues the source
FAILED = "MirrorFailed"
MAX_PASS_SECONDS = 60.0  # of writes for one source; a worker that is busy for minutes counts as stuck
AGAIN_AT_ONCE = Wait(MOVED, "there was no time left in this pass", delay=0.0)


@dataclass(frozen=True, slots=True)
class Done:
    """The result of one step."""

    step: Step
    error: ReconcileError | None = None
    first: bool = False
    """True if a mirror got its data for the first time."""
    note: Note | None = None
    """What to report although nothing failed."""


class Executor:
    """Executes steps, at most `reflector.concurrency` of all sources at a time.

    Args:
        observed: what is known of mirrors because we wrote or read them.
        quota: divides the deletes of a minute among namespaces.
        paused: whether an original controller writes the same objects now: then the remaining steps wait.
    """

    def __init__(
        self,
        context: Context,
        metrics: ReflectorMetrics,
        observed: ObservedStates,
        quota: DeleteQuota,
        paused: Callable[[], bool],
    ) -> None:
        settings = context.settings.reflector
        self._client = context.client
        self._writer = context.writer
        self._clock = context.clock
        self._metrics = metrics
        self._observed = observed
        self._contention = Contention(context.clock)
        self._quota = quota
        self._paused = paused
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._label = settings.label_mirrors
        self._deletes_paused: tuple[float, Wait] | None = None

    async def carry_out(self, view: View, steps: tuple[Step, ...]) -> list[Done]:
        """Execute the steps of a source concurrently; a failed step stops no other, and some may be left for later.

        Raises errors that concern all steps: the API server does not answer, this replica no longer leads, or the
        source has changed since the view was made (Conflict), perhaps with its consent.
        """
        if not steps:
            return []
        source = await self._client.find(view.key)
        _require_unmoved(view.key, source, view.meta.version if view.meta else None)
        if source is not None and _helm(source):
            return []
        shape = view.marks.shape if view.marks else PLAIN
        original = Original(source, shape, self._clock.now(), label=self._label) if source is not None else None
        left, until = iter(steps), self._clock.monotonic() + MAX_PASS_SECONDS

        async def work() -> list[Done]:
            return [
                await self._one(view, original, step) if self._clock.monotonic() < until else Done(step, AGAIN_AT_ONCE)
                for step in left
            ]

        # A few at a time: they share the slots with the steps of all other sources, in order of arrival.
        done: list[Done] = []
        for result in await asyncio.gather(*(work() for _ in range(MAX_CONCURRENT_STEPS)), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
            done += result
        return done

    async def _one(self, view: View, original: Original | None, step: Step) -> Done:
        async with self._slots:
            try:
                first = await self._step(view, original, step)
            except (AlreadyExists, Conflict, NotFound):
                return Done(step, Retry(MOVED, "the target has just changed"))
            except Forbidden as error:
                if error.reason == "NamespaceTerminating":
                    return Done(step, Retry(MOVED, "the namespace is being deleted"))
                why = error.detail or f"{error.reason}, by a quota, an admission policy or missing rights"
                return Done(step, Retry(FAILED, f"the API server refuses it: {why}"))
            except Invalid as error:
                self._metrics.failures.labels(step.target.resource.kind).inc()
                why = f"the API server refuses it: {error.reason}" + (f" ({error.detail})" if error.detail else "")
                return Done(step, NeedsHuman(FAILED, why))
            except NeedsHuman as error:
                if error.reason == FOREIGN:
                    return Done(step, note=Note(step.target, FOREIGN, error.message))
                self._metrics.failures.labels(step.target.resource.kind).inc()
                return Done(step, NeedsHuman(FAILED, error.message))
            except ReconcileError as error:
                return Done(step, error)
        return Done(step, first=first)

    async def _step(self, view: View, original: Original | None, step: Step) -> bool:
        if self._paused():
            raise Wait(MOVED, "an original controller is running", delay=0.0)
        if step.do is Do.REMOVE:
            await self._remove(view, step)
            return False
        if original is None:
            return False
        mirror = step.mirror
        content = _content(original, step)
        if mirror is None:
            await self._create(view, step, content)
            return False
        if await self._holds(mirror, step, content):
            return False
        if mirror.behind and content.reckons(mirror.marks):
            raise Conflict(409, MOVED, f"the watch of {step.target}")
        await self._refresh(view, mirror, step, content)
        if step.do is Do.COMPARE:
            self._contention.count(step.target)
        return mirror.marks is not None and not mirror.marks.version

    async def _create(self, view: View, step: Step, content: Content) -> None:
        made = await self._writer.apply(Create(step.target, content.body(step.target)), manager=MANAGER)
        self._wrote(view, step, content, made, created=True)

    async def _refresh(self, view: View, mirror: Mirror, step: Step, content: Content) -> None:
        """Update a mirror in place; if a field is immutable and the mirror is ours, replace it."""
        meta = mirror.meta
        fields = content.fields(step.target, meta, mirror.marks)
        try:
            action = Replace(step.target, meta.uid, meta.version, fields, meta.annotations, meta.labels)
            written = await self._writer.apply(action, manager=MANAGER) or {}
        except Invalid:
            written = await self._client.get(step.target)
            if not written.get("immutable") and not _other_type(written, content):
                raise
        else:
            self._wrote(view, step, content, written)
            if not step.auto or not _other_type(written, content):
                return
        if not step.auto or not _ours_still(written, view.key):
            raise NeedsHuman(FAILED, _unfit(written, content))
        await self._replace(view, step, content, written["metadata"])

    async def _replace(self, view: View, step: Step, content: Content, meta: Body) -> None:
        """Delete a mirror of ours and create it again: the only way to change its type or an immutable one."""
        require_made_by_a_reflector(view.key, step.target, meta)
        await self._delete(view, step, meta, "it is immutable, or its type has changed: it is created again")
        await self._create(view, step, content)

    async def _holds(self, mirror: Mirror, step: Step, content: Content) -> bool:
        """Return True if a mirror has the source's data already, read now or observed before."""
        if step.do is Do.COMPARE:
            live = await self._client.get(step.target)
            # Its marks may have changed too: remembering a version that the watch has not shown would hide that event.
            _require_unmoved(step.target, live, mirror.meta.version)
            if content.held_by(live):
                self._observed.give(step.target, live, content)
                return True
            self._contention.require_patience(step.target)
            return False
        proof = mirror.proof
        if proof is None or (proof.version, proof.content) != (mirror.meta.version, content.fingerprint):
            return False
        self._observed.keep(step.target, content.version)  # the source has changed only in parts that are not copied
        return True

    def _wrote(self, view: View, step: Step, content: Content, body: Body | None, *, created: bool = False) -> None:
        if body:
            self._observed.give(step.target, body, content, created=created)
        if view.changed is not None:
            self._metrics.lag.observe(self._clock.monotonic() - view.changed)
        self._metrics.writes.labels(step.target.resource.kind, step.do.value).inc()

    async def _remove(self, view: View, step: Step) -> None:
        """Delete an auto mirror after reading source, namespace and mirror: a stale cache must not delete anything."""
        if view.meta is not None and step.mirror is not None and step.mirror.place is not None:
            place = Key(NAMESPACES, "", step.target.namespace)
            _require_unmoved(place, await self._client.find(place), step.mirror.place.version)
        mirror = await self._client.find(step.target)
        if mirror is None or not _ours_still(mirror, view.key):
            return
        meta = mirror["metadata"]
        require_made_by_a_reflector(view.key, step.target, meta)
        why = "its source is gone" if view.meta is None else "its source no longer pushes here"
        await self._delete(view, step, meta, why)
        self._metrics.writes.labels(step.target.resource.kind, step.do.value).inc()

    async def _delete(self, view: View, step: Step, meta: Body, why: str) -> None:
        # A mirror that changed since our write may have forged marks, so the delete counts for its own namespace.
        proof = self._observed.of(step.target)
        left_by_us = proof is not None and proof.version == meta["resourceVersion"]
        cause = view.key.namespace if left_by_us else step.target.namespace
        self._quota.require(cause)
        self._require_unpaused()
        try:
            await self._writer.apply(Delete(step.target, meta["uid"], meta["resourceVersion"], why, divided=True))
        except Wait as error:
            self._deletes_paused = (self._clock.monotonic() + error.delay, error)
            raise
        self._quota.count(cause)

    def _require_unpaused(self) -> None:
        """Raise WaitFor while deletes are paused."""
        if self._deletes_paused is not None:
            due, error = self._deletes_paused
            left = due - self._clock.monotonic()
            if left > 0:
                raise Wait(error.reason, error.message, delay=left)
            self._deletes_paused = None


def _require_unmoved(key: Key, body: Body | None, version: str | None) -> None:
    """Raise Conflict if an object changed since the plan was made: consent may have changed with it."""
    if (body["metadata"]["resourceVersion"] if body is not None else None) != version:
        raise Conflict(409, MOVED, f"get {key}")


def _ours_still(mirror: Body, source: Key) -> bool:
    meta = mirror["metadata"]
    owner = controller_of(meta)
    return ours(read(meta.get("annotations") or {}), owner.kind if owner else None, source)


def require_made_by_a_reflector(source: Key, target: Key, meta: Body) -> None:
    """Raise NeedsHuman if something else wrote the marks of a mirror: a copy of one is not ours to delete."""
    renamed = target.name != source.name  # the original never renames, so managedFields must name us
    author = author_of(meta, {MANAGER} if renamed else {MANAGER, ORIGINAL_MANAGER})
    if author or (renamed and not is_recorded(meta)):
        who = author or "somebody"
        raise NeedsHuman(FOREIGN, f"{who} made this copy of a mirror of {source}, so it is left alone; {CURE}")


def _unfit(mirror: Body, content: Content) -> str:
    """Return why a user's mirror cannot hold the data, and what to do."""
    if mirror.get("immutable"):
        return "it is immutable: delete it and create it without immutable"
    kind, there = mirror.get("type", ""), content.type or "Opaque"
    text = f"its type {kind} does not go with the source's keys, whose type is {there}"
    return f"{text}: create it with type {there}, or choose and rename keys by {RENAME_KEYS}"


def _other_type(mirror: Body, content: Content) -> bool:
    return str(mirror.get("type", "")) != content.type


def _content(original: Original, step: Step) -> Content:
    if not step.auto:
        return original.pulled(_wish(step.mirror))
    return original.bare if step.bare else original.pushed


def _wish(mirror: Mirror | None) -> Selection:
    return mirror.marks.shape if mirror is not None and mirror.marks is not None else PLAIN


def _helm(source: Body) -> bool:
    return str(source.get("type", "")).startswith("helm.sh")
