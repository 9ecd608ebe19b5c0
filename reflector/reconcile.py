"""One source and all of its mirrors: observe, plan, act, report."""

from collections import Counter
from collections.abc import Iterable, Iterator

from manager.core.clock import Clock
from manager.core.errors import NeedsHuman, WaitFor
from manager.kube.resources import Key
from manager.runtime.controller import NO_REQUEUE, Requeue
from manager.runtime.module import Context
from reflector.executor import MOVED, Done, Executor
from reflector.metrics import ReflectorMetrics, Tally
from reflector.plan import Do, Note, Plan, behind, named, plan
from reflector.view import View, ViewBuilder

COMPONENT = "reflector"
MAX_EVENTS_OF_REASON = 20  # about objects of one namespace in one pass: a tenant may have thousands of pulls
PENDING_CHECK_SECONDS = 1.0  # until the cache is checked again for a new mirror


class Absences:
    """Since when sources or all their annotations are absent: mirrors survive a tool that deletes and creates them."""

    def __init__(self, clock: Clock, grace: float) -> None:
        self._clock = clock
        self._grace = grace
        self._since: dict[Key, float] = {}

    def left(self, view: View) -> float:
        """Return the seconds for which the mirrors of a source must stay; zero if they may be deleted."""
        if (view.meta is not None and view.marks is not None) or not view.mirrors:
            self._since.pop(view.key, None)
            return 0.0
        since = self._since.setdefault(view.key, self._clock.monotonic())
        return max(0.0, since + self._grace - self._clock.monotonic())


class Reconciler:
    """Keeps the mirrors of a source as the source and its annotations require."""

    def __init__(
        self, context: Context, view_builder: ViewBuilder, executor: Executor, metrics: ReflectorMetrics
    ) -> None:
        self._context = context
        self._view_builder = view_builder
        self._executor = executor
        self._metrics = metrics
        self._provenance = context.settings.reflector.provenance
        self._absences = Absences(context.clock, context.settings.reflector.absent_source_grace)

    async def reconcile(self, key: Key) -> Requeue:
        """Bring every mirror of one source to its desired state: observe, plan, act, report."""
        view = self._view_builder.view(key)
        decided = plan(view, self._provenance)
        left = self._absences.left(view)
        steps = () if left > 0 else decided.steps
        done = await self._executor.carry_out(view, steps)
        return await self._report(view, decided, done, left)

    async def _report(self, view: View, decided: Plan, done: list[Done], left: float) -> Requeue:
        """Post Events, set metrics and return when to reconcile again."""
        self._measure(view, decided, done)
        told = (each.note for each in done if each.note is not None)
        for note in _fairly((*decided.notes, *told, *_troubles(view.key, done))):
            await self._warn(note)
        for each in done:
            if each.first:
                await self._tell_mirrored(view, each)
        return _again(view, done, left)

    async def _warn(self, note: Note) -> None:
        meta = self._context.cache.get(note.about)
        if meta is not None:
            await self._context.events.warning(note.about, meta.uid, note.reason, note.message, component=COMPONENT)

    async def _tell_mirrored(self, view: View, done: Done) -> None:
        if done.step.do is Do.REFRESH and done.step.mirror is not None and not done.step.auto:
            text = f"mirrored from {view.key.namespace}/{view.key.name}"
            uid = done.step.mirror.meta.uid
            await self._context.events.normal(done.step.target, uid, "Mirrored", text, component=COMPONENT)

    def _measure(self, view: View, decided: Plan, done: list[Done]) -> None:
        """Update the metrics; the lag of a source ends when all its mirrors are written."""
        failed = sum(each.error is not None for each in done)
        if not failed:
            self._view_builder.changed.pop(view.key, None)
        made = sum(each.step.do is Do.CREATE and each.error is None for each in done)
        gone = sum(each.step.do is Do.REMOVE and each.error is None for each in done)
        conflicting = any(note.reason.startswith("Conflicting") for note in decided.notes)
        guarded = view.external and bool(view.mirrors or decided.steps or decided.frozen)
        stale = failed if done else behind(view)
        self._metrics.take(view.key, Tally(len(view.mirrors) + made - gone, stale, int(conflicting), int(guarded)))


def _fairly(notes: Iterable[Note]) -> Iterator[Note]:
    """Drop notes beyond MAX_EVENTS_OF_REASON of one namespace; `coffer mirrors` shows the rest."""
    told: Counter[tuple[str, str]] = Counter()
    for note in notes:
        told[note.about.namespace, note.reason] += 1
        if told[note.about.namespace, note.reason] <= MAX_EVENTS_OF_REASON:
            yield note


def _again(view: View, done: list[Done], left: float) -> Requeue:
    """Return when to reconcile the source again."""
    if left > 0:
        return Requeue(after=left)
    errors = [each.error for each in done if each.error is not None and not isinstance(each.error, NeedsHuman)]
    waits = [each.delay for each in errors if isinstance(each, WaitFor)]
    if len(waits) < len(errors):
        return Requeue(backoff=True)
    # A mirror that is created and deleted in a gap of the watch sends no event: check until the watch shows it.
    made = any(each.step.do is Do.CREATE and each.error is None for each in done)
    looks = [PENDING_CHECK_SECONDS] if view.pending or made else []
    if waits or looks:
        return Requeue(after=min([*waits, *looks]))
    return NO_REQUEUE


def _troubles(source: Key, done: list[Done]) -> list[Note]:
    """Return notes about failed steps: of a pull at the pull, of pushes together at their source."""
    pushed: dict[tuple[str, str], list[str]] = {}
    notes = []
    for each in done:
        if each.error is None or each.error.reason == MOVED:
            continue
        if each.step.auto:
            pushed.setdefault((each.error.reason, each.error.message), []).append(each.step.target.namespace)
        else:
            notes.append(Note(each.step.target, each.error.reason, each.error.message))
    return notes + [
        Note(source, reason, f"{len(names)} namespace(s), {named(sorted(names))}: {message}")
        for (reason, message), names in pushed.items()
    ]
