"""The declaration of a kind of generator: its fields, and the function that makes values from them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from external.api.external_secret import GENERATORS
from external.api.fields import Model, parse
from external.api.references import Reference, references
from external.errors import FAILED
from external.providers.protocol import ConnectContext, ProviderError
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import Resource

GROUP, VERSION = GENERATORS.split("/")
Spec = TypeVar("Spec", bound=Model)
NAME_BYTES = 250
"""Memory of a value beside its bytes: entries of two mappings, two objects, the name."""
MIN_LIFE_SECONDS = 15.0
"""A token that lives shorter is replaced as if it lived this long: each replacement is a call and a write."""


@dataclass(frozen=True)
class Generated:
    """The values of one refresh."""

    values: Mapping[str, SecretValue] = field(repr=False)
    expires_at: float | None = None
    """Unix time from which on they are worthless; None if they do not end, or if only the interval should decide."""

    def refresh_by(self, now: float) -> float | None:
        """Return the Unix time at which two thirds of their life are over; None if they do not end.

        An end that lies in the past is a fault of a clock: the interval decides, or each pass would ask for more.
        """
        if self.expires_at is None or self.expires_at <= now:
            return None
        return now + max(self.expires_at - now, MIN_LIFE_SECONDS) * 2 / 3


Make = Callable[[], Generated]
"""Makes the values of one refresh; runs in a thread and may block. Raises ProviderError."""
Connect = Callable[[Any, ConnectContext, str], Awaitable[Make]]
"""(spec, context, path of the spec) -> what makes its values.

Reads the Secrets and ServiceAccounts that the spec names. Raises NeedsHuman, Retry and ProviderError.
"""


def resource(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    """Return the resource of a kind of generator."""
    return Resource(GROUP, VERSION, plural, kind, namespaced=namespaced)


@dataclass(frozen=True)
class Recipe:
    """How the values of one generator are made, and the memory that they will take."""

    weight: int
    """Maximum bytes of memory of the values, with names and objects."""
    prepared: Make | Callable[[ConnectContext], Awaitable[Make]] = field(repr=False)
    connects: bool = False
    """Whether it needs a context: `prepared` takes one and returns what makes the values."""
    references: tuple[Reference, ...] = ()
    """The Secrets, ConfigMaps and ServiceAccounts that the spec names."""

    async def make(self, context: Callable[[], Awaitable[ConnectContext]]) -> Make:
        """Return what makes the values; it is called in a thread. Raises as `Connect` does."""
        prepared: Any = self.prepared
        made: Make = await prepared(await context()) if self.connects else prepared
        return made


@dataclass(frozen=True)
class GeneratorKind(Generic[Spec]):
    """One kind of generator.

    Args:
        resource: its custom resource.
        spec: the model of their `spec`.
        generate: makes the values of one refresh, in a thread. Raises ProviderError, naming the field, and no value.
            None for a kind that needs more than its spec.
        connect: in place of `generate` for a kind that reads Secrets or asks a service.
        embedded: the field of a ClusterGenerator that holds such a spec.
        about: what it makes, for the CRD.
        weigh: returns (number of values, bytes of names and values) of what `generate` would make.
    """

    resource: Resource
    spec: type[Spec]
    generate: Callable[[Spec], Mapping[str, SecretValue]] | None
    embedded: str
    about: str
    weigh: Callable[[Spec], tuple[int, int]] = lambda _spec: (1, 1024)
    connect: Connect | None = None

    def prepare(self, raw: Any, at: str) -> Recipe:
        """Read a spec. Raises ProviderError for an invalid one, to be read again: no event tells of its change."""
        try:
            spec = parse(self.spec, raw, reason=FAILED, at=at)
        except NeedsHuman as error:
            raise ProviderError(error.message) from None
        names, size = self.weigh(spec)
        weight, referred = names * NAME_BYTES + size, tuple(references(self.spec, raw))
        if self.generate is None:
            return Recipe(weight, partial(self._connected, spec, at), connects=True, references=referred)
        return Recipe(weight, partial(self._generated, spec), references=referred)

    async def _connected(self, spec: Spec, at: str, context: ConnectContext) -> Make:
        if self.connect is None:
            raise ProviderError(f"{at}: this version cannot make {self.resource.kind}")
        return await self.connect(spec, context, at)

    def _generated(self, spec: Spec) -> Generated:
        return Generated(self.generate(spec) if self.generate is not None else {})


def weight_of(values: Mapping[str, SecretValue]) -> int:
    """Return the bytes of memory that values take, with names and objects."""
    return sum(NAME_BYTES + len(name.encode()) + len(value) for name, value in values.items())
