"""Runs generators for ExternalSecrets: makes new values once for each refresh, and lets leases live longer."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

from external.errors import FAILED
from external.generators.ledger import Ledger, Recorded
from external.generators.loading import LoadedGenerator, LoadedGenerators, Reference
from external.generators.protocol import Generated, Make, Renew, weight_of
from external.generators.states import Maker, Slot
from external.providers.protocol import ConnectContext, ProviderError
from external.providers.support.shared import SharedConnections
from external.reading.memory_budget import MemoryBudget
from external.reading.thread_pool import ThreadPool
from manager.core.contention import Contention, ContentionLimits
from manager.core.errors import NeedsHuman, Retry
from manager.core.secret_value import SecretValue
from manager.kube.resources import Key
from manager.runtime.module import Context

MAX_OBJECT_BYTES = 2 << 20  # of memory for one ExternalSecret: a Secret holds 1 MiB, and names take memory too
MAX_NAMESPACE_BYTES = 8 << 20
"""Kept for one namespace; after an eviction a target cannot be repaired before its next refresh."""
MAX_TOTAL_BYTES = 24 << 20  # kept for all namespaces
TOO_MUCH = (
    "no more than 1 MiB is made for one ExternalSecret, "
    f"or {MAX_OBJECT_BYTES >> 20} MiB with names and what they take in memory: ask for less"
)
ANSWERS = ContentionLimits(free_writes=4, first_pause_seconds=600.0, max_pause_seconds=600.0, forget_seconds=3600.0)
"""How often values are made though no refresh is due.

A Secret that a generator names may be the target of another ExternalSecret, whose generator names our target: each
would answer the other without end.
"""
Contexts = Callable[[Key, bool], Awaitable[ConnectContext]]
"""(generator, in the namespace that uses it; whether a ClusterGenerator holds it) -> what it may use."""


@dataclass(frozen=True)
class GeneratorRun:
    """What one pass needs of the generators."""

    generators: LoadedGenerators
    since: float | None
    """When the ExternalSecret last succeeded: values that were made since then and never written are used."""
    due: bool
    """True makes new values; False returns the last ones, to repair a target that was edited."""
    asked: bool
    """Whether a user asks for new values, by a change or by deleting the target: a token that lives on is replaced."""
    now: float
    """Unix time."""
    uid: str = ""
    """The uid of the ExternalSecret."""
    holds: bool = True
    """Whether a target will hold the values; otherwise nothing is made that must be ended at its provider."""
    sound: bool = True
    """Whether all else that the pass needs is there; otherwise nothing is made that must be ended at its provider."""
    refreshes: bool = False
    """Whether a refresh is due, and not only a repair."""
    if_absent: bool = False
    """Whether values that exist on the target are kept; the entries of which it has all are not asked for here."""


@dataclass(frozen=True)
class GeneratorResults:
    """What the generators of one pass have made."""

    entries: Mapping[str, Mapping[str, SecretValue] | ProviderError | NeedsHuman]
    """The values or the error of each entry, by its field path."""
    refresh_by: float | None
    """Unix time at which the first of the values must be replaced; None if none of them ends."""
    states: tuple[tuple[str, str], ...] = ()
    """Slot and name of the GeneratorState of each of the values that have one."""
    fresh: bool = False
    """Whether some of the values were made in this pass."""


@dataclass(frozen=True)
class _GeneratedValues:
    recipe: tuple[Reference, str]
    since: float | None
    values: Mapping[str, SecretValue]
    refresh_by: float | None
    state: str = ""
    """The name of their GeneratorState; empty if there is nothing to end."""
    usable_until: float | None = None
    """Unix time from which on their state may have ended them; None once a target holds them."""
    renew: Renew | None = None


class Generators:
    """Keeps the values of each ExternalSecret, so that a refresh runs its generators once.

    Args:
        contexts: gives what a generator may use.
        ledger: records what must be ended at its provider; None leaves it to end by itself.
    """

    def __init__(self, context: Context, threads: ThreadPool, contexts: Contexts, ledger: Ledger | None) -> None:
        self._threads = threads
        self._contexts = contexts
        self._ledger = ledger
        self._shared = SharedConnections()
        self._answers = Contention(context.clock, ANSWERS)
        self._made: dict[Key, dict[str, _GeneratedValues]] = {}
        self._kept: MemoryBudget[Key] = MemoryBudget(
            MAX_NAMESPACE_BYTES, MAX_TOTAL_BYTES, lambda key: self._made.pop(key, None)
        )

    async def make(self, key: Key, wanted: Mapping[str, Reference], run: GeneratorRun) -> GeneratorResults:
        """Return the values or the error of each entry."""
        last, kept = self._made.get(key, {}), dict[str, _GeneratedValues]()
        results: dict[str, Mapping[str, SecretValue] | ProviderError | NeedsHuman] = {}
        made = 0
        for at, reference in wanted.items():
            before = last.get(at)
            if before is not None:
                kept[at] = before  # kept through errors, so that a target that was edited meanwhile can be repaired
            try:
                generator = _sound(run.generators[reference])
                made += generator.recipe.weight
                _require_room(made)
                kept[at] = await self._one(Slot(key, run.uid, slot_of(at)), reference, generator, run, before)
                results[at] = kept[at].values
            except (ProviderError, NeedsHuman) as error:
                results[at] = error.alone()
        if kept or last:
            self._made[key] = kept
            self._kept.put(key.namespace, key, sum(weight_of(each.values) for each in kept.values()))
        ends = [each.refresh_by for at, each in kept.items() if at in results and each.refresh_by is not None]
        states = tuple((slot_of(at), each.state) for at, each in kept.items() if at in wanted and each.state)
        fresh = any(each is not last.get(at) for at, each in kept.items())
        return GeneratorResults(results, min(ends, default=None), states, fresh)

    def held(self, key: Key, states: Collection[str]) -> None:
        """Note that a target holds the values of these states: they are used as long as they last."""
        for at, each in self._made.get(key, {}).items():
            if each.state in states:
                self._made[key][at] = replace(each, usable_until=None)

    async def _one(
        self,
        slot: Slot,
        reference: Reference,
        generator: LoadedGenerator,
        run: GeneratorRun,
        before: _GeneratedValues | None,
    ) -> _GeneratedValues:
        key, named = slot.owner, (reference, generator.identity)
        if (
            run.if_absent and generator.recipe.names is not None
        ):  # the target lacks them: that is how they are asked for
            run = replace(run, due=True, asked=True)
        if before is not None and before.recipe == named:
            lasting = before if _lasts(before, run) else await self._renewed(key, before, run)
            if lasting is not None:
                return lasting
        if generator.recipe.end is not None and not run.holds:
            return _GeneratedValues(named, run.since, {}, None)
        if not run.due and self._answers.wait((key, reference)):
            text = "its values were made again and again, because what it names keeps changing"
            raise ProviderError(f"{generator.key}: {text}; the next are made ten minutes after the last")
        recorded = await self._recorded(slot, reference, generator, run)
        generated = recorded.generated
        if not run.due:
            self._answers.count((key, reference))
        if weight_of(generated.values) > generator.recipe.weight:
            raise ProviderError(f"{generator.key}: it makes more than {generator.recipe.weight >> 10} KiB")
        return _GeneratedValues(
            named,
            run.since,
            generated.values,
            generated.refresh_by(run.now),
            recorded.state,
            recorded.usable_until,
            generated.renew,
        )

    async def _renewed(self, key: Key, before: _GeneratedValues, run: GeneratorRun) -> _GeneratedValues | None:
        """Return values that live longer now; None if new ones are due. Raises ProviderError."""
        ending = before.refresh_by is not None and run.now >= before.refresh_by
        lost = before.usable_until is not None and run.now >= before.usable_until
        if before.renew is None or run.asked or lost or not ending:
            return None
        ends_at = await self._threads.run(f"namespace {key.namespace}", before.renew)
        refresh_by = Generated({}, ends_at).refresh_by(run.now)
        return None if refresh_by is None else replace(before, refresh_by=refresh_by)

    async def _recorded(
        self, slot: Slot, reference: Reference, generator: LoadedGenerator, run: GeneratorRun
    ) -> Recorded:
        """Make new values. Raises ProviderError: whatever is wrong, it is tried again, as no event may tell of a cure.

        No generator proves that something is absent, and the gate of a store is not for those who wait for a generator.
        """
        recipe = generator.recipe
        if recipe.end is not None and not run.sound:
            raise ProviderError(f"{generator.key}: nothing is made while the target cannot be written")
        try:
            if recipe.end is None:
                make: Make = await recipe.make(partial(self._contexts, generator.key, generator.for_all))
                return Recorded(await self._threads.run(f"namespace {slot.owner.namespace}", make))
            context = await self._contexts(generator.key, generator.for_all)
            context = replace(context, shared=self._shared.of(f"{slot.owner.namespace} {generator.identity}"))
            make = await recipe.make(partial(_given, context))
            if self._ledger is None:
                return Recorded(await self._threads.run(f"namespace {slot.owner.namespace}", make))
            maker = Maker(recipe.kind, reference[2], recipe.spec, generator.for_all)
            return await self._ledger.make(slot, maker, recipe, make, context)
        except (NeedsHuman, Retry) as error:
            raise ProviderError(error.message) from None
        except ProviderError as error:
            raise ProviderError(str(error)) from None

    def forget(self, key: Key) -> None:
        """Drop the values of an ExternalSecret that was deleted."""
        self._made.pop(key, None)
        self._kept.drop(key)


async def _given(context: ConnectContext) -> ConnectContext:
    return context


def slot_of(at: str) -> str:
    """Return the place in `dataFrom` of the entry with this field path."""
    found = re.search(r"\[([0-9]+)\]", at)
    return found.group(1) if found else ""


def _lasts(before: _GeneratedValues, run: GeneratorRun) -> bool:
    """Return True if values of the same generator are used again."""
    if before.usable_until is not None and run.now >= before.usable_until:
        return False
    if before.refresh_by is not None and run.now >= before.refresh_by:
        return False
    if not run.due or before.since == run.since:
        return True
    return before.refresh_by is not None and not run.asked


def _require_room(weight: int) -> None:
    """Raise NeedsHuman before the values of one ExternalSecret take too much memory."""
    if weight > MAX_OBJECT_BYTES:
        raise NeedsHuman(FAILED, TOO_MUCH)


def _sound(found: LoadedGenerator | ProviderError | NeedsHuman) -> LoadedGenerator:
    if isinstance(found, LoadedGenerator):
        return found
    raise found
