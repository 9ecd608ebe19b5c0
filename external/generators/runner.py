"""Runs generators for ExternalSecrets: reads the object, and makes new values once for each refresh.

Generators are read with each pass of an ExternalSecret and not watched: their CRDs need not be installed.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from external.api.external_secret import GENERATORS
from external.api.fields import beside_values
from external.errors import CONFINED, FAILED
from external.generators.credentials import CredentialUsers
from external.generators.protocol import Generated, Make, Recipe, weight_of
from external.generators.registry import CLUSTER_GENERATORS, KINDS, SERVED
from external.providers.protocol import ConnectContext, ProviderError
from external.reading.memory_budget import MemoryBudget
from external.reading.thread_pool import ThreadPool
from manager.core.contention import Contention, ContentionLimits
from manager.core.errors import Forbidden, NeedsHuman, Retry
from manager.core.secret_value import SecretValue
from manager.kube.references import resolve
from manager.kube.resources import CONFIGMAPS, SECRETS, Key, Resource
from manager.runtime.module import Context

MAX_OBJECT_BYTES = 2 << 20  # of memory for one ExternalSecret: a Secret holds 1 MiB, and names take memory too
MAX_GENERATORS = 100  # of one ExternalSecret: each is read in every pass
MAX_NAMESPACE_BYTES = 8 << 20
"""Kept for one namespace; after an eviction a target cannot be repaired before its next refresh."""
MAX_TOTAL_BYTES = 24 << 20  # kept for all namespaces
TOO_MUCH = (
    "no more than 1 MiB is made for one ExternalSecret, "
    f"or {MAX_OBJECT_BYTES >> 20} MiB with names and what they take in memory: ask for less"
)
NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")  # the name becomes part of a URL
Reference = tuple[str, str, str]
"""apiVersion, kind and name, as an ExternalSecret writes them."""
ANSWERS = ContentionLimits(free_writes=4, first_pause_seconds=600.0, max_pause_seconds=600.0, forget_seconds=3600.0)
"""How often values are made though no refresh is due.

A Secret that a generator names may be the target of another ExternalSecret, whose generator names our target: each
would answer the other without end.
"""
Contexts = Callable[[Key, bool], Awaitable[ConnectContext]]
"""(generator, in the namespace that uses it; whether a ClusterGenerator holds it) -> what it may use."""
CREDENTIALS: Mapping[str, Resource] = MappingProxyType({each.kind: each for each in (SECRETS, CONFIGMAPS)})
"""The kinds of referenced objects whose changes are watched."""


@dataclass(frozen=True)
class LoadedGenerator:
    """One generator, as it was read from the API server."""

    identity: str
    """Object and generation, and the versions of the Secrets and ConfigMaps that it refers to."""
    recipe: Recipe
    key: Key
    """The generator; that of a ClusterGenerator stands in the namespace that uses it."""
    for_all: bool
    """Whether a ClusterGenerator holds it."""
    credentials: frozenset[Key]
    """The Secrets and ConfigMaps that it refers to."""


LoadedGenerators = Mapping[Reference, LoadedGenerator | ProviderError | NeedsHuman]
"""Each generator of an ExternalSecret, or its error."""


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


@dataclass(frozen=True)
class GeneratorResults:
    """What the generators of one pass have made."""

    entries: Mapping[str, Mapping[str, SecretValue] | ProviderError | NeedsHuman]
    """The values or the error of each entry, by its field path."""
    refresh_by: float | None
    """Unix time at which the first of the values must be replaced; None if none of them ends."""


@dataclass(frozen=True)
class _GeneratedValues:
    recipe: tuple[Reference, str]
    since: float | None
    values: Mapping[str, SecretValue]
    refresh_by: float | None


class _Elsewhere(Exception):
    """Another controller class serves the generator."""


class Generators:
    """Keeps the values of each ExternalSecret, so that a refresh runs its generators once.

    Args:
        contexts: gives what a generator may use.
        credentials: told which Secrets and ConfigMaps the generators of each ExternalSecret refer to.
    """

    def __init__(self, context: Context, threads: ThreadPool, contexts: Contexts, credentials: CredentialUsers) -> None:
        self._confined = context.settings.modules.namespaces is not None  # then no ClusterGenerator may be read
        self._class = context.settings.external.controller_class  # other classes' generators are left alone
        self._client = context.client
        self._cache = context.cache
        self._threads = threads
        self._contexts = contexts
        self._credentials = credentials
        self._answers = Contention(context.clock, ANSWERS)
        self._made: dict[Key, dict[str, _GeneratedValues]] = {}
        self._kept: MemoryBudget[Key] = MemoryBudget(
            MAX_NAMESPACE_BYTES, MAX_TOTAL_BYTES, lambda key: self._made.pop(key, None)
        )

    async def read(self, key: Key, references: Iterable[Reference], target: Key) -> LoadedGenerators | None:
        """Return the generators that an ExternalSecret names; None if another controller class serves one of them.

        Args:
            key: the ExternalSecret.
            references: what it names.
            target: what it writes: a generator that names this too is not woken by our own writes.

        """
        found: dict[Reference, LoadedGenerator | ProviderError | NeedsHuman] = {}
        for each in references:
            if len(found) >= MAX_GENERATORS:
                found[each] = NeedsHuman(FAILED, f"no more than {MAX_GENERATORS} generators are read: name fewer")
                continue
            try:
                found[each] = await self._read(key, target, *each)
            except _Elsewhere:
                return None
            except (ProviderError, NeedsHuman) as error:
                found[each] = error.alone()
        loaded = [each for each in found.values() if isinstance(each, LoadedGenerator)]
        self._credentials.note(key, {each for generator in loaded for each in generator.credentials})
        return found

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
                recipe = _sound(run.generators[reference])
                made += recipe.recipe.weight
                _require_room(made)
                kept[at] = await self._one(key, reference, recipe, run, before)
                results[at] = kept[at].values
            except (ProviderError, NeedsHuman) as error:
                results[at] = error.alone()
        if kept or last:
            self._made[key] = kept
            self._kept.put(key.namespace, key, sum(weight_of(each.values) for each in kept.values()))
        ends = [each.refresh_by for at, each in kept.items() if at in results and each.refresh_by is not None]
        return GeneratorResults(results, min(ends, default=None))

    async def _one(
        self,
        key: Key,
        reference: Reference,
        generator: LoadedGenerator,
        run: GeneratorRun,
        before: _GeneratedValues | None,
    ) -> _GeneratedValues:
        named = (reference, generator.identity)
        if before is not None and before.recipe == named and _lasts(before, run):
            return before
        if not run.due and self._answers.wait((key, reference)):
            text = "its values were made again and again, because what it names keeps changing"
            raise ProviderError(f"{generator.key}: {text}; the next are made ten minutes after the last")
        generated = await self._generated(key, generator)
        if not run.due:
            self._answers.count((key, reference))
        if weight_of(generated.values) > generator.recipe.weight:
            raise ProviderError(f"{generator.key}: it makes more than {generator.recipe.weight >> 10} KiB")
        return _GeneratedValues(named, run.since, generated.values, generated.refresh_by(run.now))

    async def _generated(self, key: Key, generator: LoadedGenerator) -> Generated:
        """Make new values. Raises ProviderError: whatever is wrong, it is tried again, as no event may tell of a cure.

        No generator proves that something is absent, and the gate of a store is not for those who wait for a generator.
        """
        try:
            make: Make = await generator.recipe.make(partial(self._contexts, generator.key, generator.for_all))
            return await self._threads.run(f"namespace {key.namespace}", make)
        except (NeedsHuman, Retry) as error:
            raise ProviderError(error.message) from None
        except ProviderError as error:
            raise ProviderError(str(error)) from None

    def forget(self, key: Key) -> None:
        """Drop the values of an ExternalSecret that was deleted."""
        self._made.pop(key, None)
        self._kept.drop(key)
        self._credentials.forget(key)

    async def _read(self, owner: Key, target: Key, api_version: str, kind: str, name: str) -> LoadedGenerator:
        if api_version != GENERATORS:
            raise NeedsHuman(FAILED, f"apiVersion must be {GENERATORS}")
        if NAME.fullmatch(name) is None:
            raise NeedsHuman(FAILED, "name is not the name of an object")
        if kind == CLUSTER_GENERATORS.kind:
            if self._confined:
                cure = "create a generator of that kind in this namespace and name it"
                raise NeedsHuman(FAILED, f"{kind} {name} cannot be used: {CONFINED}; {cure}")
            key = Key(CLUSTER_GENERATORS, "", name)
        elif kind in KINDS:
            key = resolve(owner, KINDS[kind].resource, name, None, at="sourceRef.generatorRef")
        else:
            raise NeedsHuman(FAILED, unserved("kind", kind))
        try:
            body = await self._client.find(key)
        except Forbidden as error:
            raise ProviderError(f"{error}; the chart's roles give the right") from None
        if body is None:
            raise ProviderError(f"there is no {key}, or its CRD is not installed")
        spec, at = body.get("spec"), f"{key}: spec"
        if key.resource is CLUSTER_GENERATORS:
            kind, spec, at = embedded(spec, at)
        self._require_ours(spec)
        if kind not in KINDS:
            raise ProviderError(unserved(at, kind))
        meta = body["metadata"]
        recipe = await beside_values(spec, partial(KINDS[kind].prepare, {} if spec is None else spec, at))
        place = Key(KINDS[kind].resource, owner.namespace, name)
        credentials = frozenset(
            Key(CREDENTIALS[each.kind], owner.namespace, each.name)
            for each in recipe.references
            if each.kind in CREDENTIALS
        ) - {target}
        identity = f"{meta['uid']} {meta.get('generation')} {' '.join(self._versions(credentials))}"
        return LoadedGenerator(identity, recipe, place, key.resource is CLUSTER_GENERATORS, credentials)

    def _versions(self, credentials: Iterable[Key]) -> list[str]:
        """Return the versions of objects as the cache shows them: values made with others are made again."""
        found = [(key, self._cache.get(key)) for key in credentials]
        return sorted(f"{key}@{meta.version if meta else ''}" for key, meta in found)

    def _require_ours(self, spec: object) -> None:
        if isinstance(spec, dict) and spec.get("controller") not in (None, "", self._class):
            raise _Elsewhere


def _lasts(before: _GeneratedValues, run: GeneratorRun) -> bool:
    """Return True if values of the same generator are used again."""
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


def embedded(spec: Any, at: str) -> tuple[str, Any, str]:
    """Return kind, spec and field path of the generator inside a ClusterGenerator."""
    given = spec.get("generator") if isinstance(spec, dict) else None
    if not isinstance(given, dict) or len(given) != 1:
        raise ProviderError(f"{at}.generator: exactly one generator must stand here")
    ((name, inner),) = given.items()
    kind = str(spec.get("kind"))
    if kind in KINDS and name != KINDS[kind].embedded:
        raise ProviderError(f"{at}.generator: spec.kind is {kind}, so {KINDS[kind].embedded} must stand here")
    return kind, inner, f"{at}.generator.{name}"


def unserved(at: str, kind: str) -> str:
    """Say that a kind of generator is not served, and what is."""
    return f"{at}: this version serves {SERVED}, and not {kind}; take one of these, or keep external-secrets for it"
