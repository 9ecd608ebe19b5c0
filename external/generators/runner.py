"""Runs generators for ExternalSecrets: reads the object, and makes new values once for each refresh.

Generators are read with each pass of an ExternalSecret and not watched: their CRDs need not be installed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from external.api.external_secret import GENERATORS
from external.api.fields import beside_values
from external.errors import CONFINED, FAILED
from external.generators.protocol import Recipe
from external.generators.registry import CLUSTER_GENERATORS, KINDS, SERVED
from external.providers.protocol import ProviderError
from external.reading.memory_budget import MemoryBudget
from external.reading.thread_pool import ThreadPool
from manager.core.errors import Forbidden, NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.client import KubeClient
from manager.kube.references import resolve
from manager.kube.resources import Key

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


@dataclass(frozen=True)
class LoadedGenerator:
    """One generator, as it was read from the API server."""

    identity: str
    """Object and generation."""
    recipe: Recipe


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


@dataclass(frozen=True)
class _GeneratedValues:
    recipe: tuple[Reference, str]
    since: float | None
    values: Mapping[str, SecretValue]
    weight: int


class _Elsewhere(Exception):
    """Another controller class serves the generator."""


class Generators:
    """Keeps the values of each ExternalSecret, so that a refresh runs its generators once.

    Args:
        controller_class: other classes' generators are left alone.
        confined: whether this installation is limited to namespaces: then no ClusterGenerator may be read.
    """

    def __init__(
        self, client: KubeClient, threads: ThreadPool, controller_class: str, *, confined: bool = False
    ) -> None:
        self._confined = confined
        self._client = client
        self._threads = threads
        self._class = controller_class
        self._made: dict[Key, dict[str, _GeneratedValues]] = {}
        self._kept: MemoryBudget[Key] = MemoryBudget(
            MAX_NAMESPACE_BYTES, MAX_TOTAL_BYTES, lambda key: self._made.pop(key, None)
        )

    async def read(self, key: Key, references: Iterable[Reference]) -> LoadedGenerators | None:
        """Return the generators that an ExternalSecret names; None if another controller class serves one of them."""
        found: dict[Reference, LoadedGenerator | ProviderError | NeedsHuman] = {}
        for each in references:
            if len(found) >= MAX_GENERATORS:
                found[each] = NeedsHuman(FAILED, f"no more than {MAX_GENERATORS} generators are read: name fewer")
                continue
            try:
                found[each] = await self._read(key, *each)
            except _Elsewhere:
                return None
            except (ProviderError, NeedsHuman) as error:
                found[each] = error.alone()
        return found

    async def make(
        self, key: Key, wanted: Mapping[str, Reference], run: GeneratorRun
    ) -> Mapping[str, Mapping[str, SecretValue] | ProviderError | NeedsHuman]:
        """Return the values or the error of each entry, by its field path."""
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
            self._kept.put(key.namespace, key, sum(each.weight for each in kept.values()))
        return results

    async def _one(
        self,
        key: Key,
        reference: Reference,
        recipe: LoadedGenerator,
        run: GeneratorRun,
        before: _GeneratedValues | None,
    ) -> _GeneratedValues:
        named = (reference, recipe.identity)
        if before is not None and before.recipe == named and not (run.due and before.since != run.since):
            return before
        values = await self._threads.run(f"namespace {key.namespace}", recipe.recipe)
        return _GeneratedValues(named, run.since, values, recipe.recipe.weight)

    def forget(self, key: Key) -> None:
        """Drop the values of an ExternalSecret that was deleted."""
        self._made.pop(key, None)
        self._kept.drop(key)

    async def _read(self, owner: Key, api_version: str, kind: str, name: str) -> LoadedGenerator:
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
        return LoadedGenerator(f"{meta['uid']} {meta.get('generation')}", recipe)

    def _require_ours(self, spec: object) -> None:
        if isinstance(spec, dict) and spec.get("controller") not in (None, "", self._class):
            raise _Elsewhere


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
