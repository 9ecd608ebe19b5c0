"""Reads the generators that an ExternalSecret names, and what they refer to.

Generators are read with each pass of an ExternalSecret and not watched: their CRDs need not be installed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from external.api.external_secret import GENERATORS
from external.api.fields import beside_values
from external.errors import CONFINED, FAILED
from external.generators.credentials import CredentialUsers
from external.generators.protocol import Recipe
from external.generators.registry import CLUSTER_GENERATORS, KINDS, SERVED
from external.providers.protocol import ProviderError
from manager.core.errors import Forbidden, NeedsHuman
from manager.kube.references import resolve
from manager.kube.resources import CONFIGMAPS, SECRETS, Key, Resource
from manager.runtime.module import Context

MAX_GENERATORS = 100  # of one ExternalSecret: each is read in every pass
NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")  # the name becomes part of a URL
Reference = tuple[str, str, str]
"""apiVersion, kind and name, as an ExternalSecret writes them."""
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


class _Elsewhere(Exception):
    """Another controller class serves the generator."""


class GeneratorReader:
    """Reads generators.

    Args:
        credentials: told which Secrets and ConfigMaps the generators of each ExternalSecret refer to.
    """

    def __init__(self, context: Context, credentials: CredentialUsers) -> None:
        self._confined = context.settings.modules.namespaces is not None  # then no ClusterGenerator may be read
        self._class = context.settings.external.controller_class  # other classes' generators are left alone
        self._client = context.client
        self._cache = context.cache
        self._credentials = credentials

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

    def forget(self, key: Key) -> None:
        """Drop what is known of an ExternalSecret that was deleted."""
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


def fixed_names(generators: LoadedGenerators) -> Mapping[Reference, tuple[str, ...]]:
    """Return the names of the values of each generator whose values do not end."""
    loaded = {each: found for each, found in generators.items() if isinstance(found, LoadedGenerator)}
    return {each: found.recipe.names for each, found in loaded.items() if found.recipe.names is not None}
