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


State = Mapping[str, Any]
"""What a generator needs to end at the provider what it made, as JSON."""
Renew = Callable[[], float | None]
"""Returns the Unix time at which values end now, None if they cannot live longer; blocks. Raises ProviderError."""


class NotRevoked(ProviderError):
    """The identity may not end what it made; it ends by itself.

    Args:
        ends_at: Unix time.
    """

    def __init__(self, text: str, ends_at: float) -> None:
        super().__init__(text)
        self.ends_at = ends_at


@dataclass(frozen=True)
class Generated:
    """The values of one refresh."""

    values: Mapping[str, SecretValue] = field(repr=False)
    expires_at: float | None = None
    """Unix time from which on they are worthless; None if they do not end, or if only the interval should decide."""
    state: State | None = None
    """What `revoke` needs to end them at the provider, and no value; None if there is nothing to end."""
    renew: "Renew | None" = field(default=None, repr=False)
    """Lets them live longer; None if only new values help."""

    def refresh_by(self, now: float) -> float | None:
        """Return the Unix time at which two thirds of their life are over; None if they do not end.

        An end that lies in the past is a fault of a clock: the interval decides, or each pass would ask for more.
        """
        if self.expires_at is None or self.expires_at <= now:
            return None
        return now + max(self.expires_at - now, MIN_LIFE_SECONDS) * 2 / 3


Make = Callable[[], Generated]
"""Makes the values of one refresh; runs in a thread and may block. Raises ProviderError."""


@dataclass(frozen=True)
class Announced:
    """Makes values that can be ended without their answer: the state is written before the provider is asked."""

    state: State
    make: Make

    def __call__(self) -> Generated:
        """Make the values."""
        return self.make()


Connect = Callable[[Any, ConnectContext, str], Awaitable[Make]]
"""(spec, context, path of the spec) -> what makes its values.

Reads the Secrets and ServiceAccounts that the spec names. Raises NeedsHuman, Retry and ProviderError.
"""
Revoke = Callable[[Any, ConnectContext, State, str], Awaitable[Callable[[], None]]]
"""(spec, context, state, path of the spec) -> what ends at the provider what the state records, in a thread.

What is gone already is a success. Raises as `Connect`; the returned function raises ProviderError.
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
    kind: str = ""
    spec: Any = field(default=None, repr=False)
    """The spec as it was read."""
    end: Callable[[ConnectContext, State], Awaitable[Callable[[], None]]] | None = field(default=None, repr=False)
    """Ends at the provider what a state records; None for a kind that leaves nothing there."""
    names: tuple[str, ...] | None = None
    """The names of its values if they do not end, None if they do or nobody knows."""

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
        revoke: for a kind whose values live at a provider until they are ended there.
        names: returns the names of values that do not end; None if they end, or nobody knows.
        label: the service that it asks, in the metric of provider calls; empty if it asks none.
        life_seconds: how long its values live unless the spec or the service says otherwise; 0: the interval decides.
    """

    resource: Resource
    spec: type[Spec]
    generate: Callable[[Spec], Mapping[str, SecretValue]] | None
    embedded: str
    about: str
    weigh: Callable[[Spec], tuple[int, int]] = lambda _spec: (1, 1024)
    connect: Connect | None = None
    revoke: Revoke | None = None
    names: Callable[[Spec], tuple[str, ...] | None] = lambda _spec: None
    label: str = ""
    life_seconds: float = 0.0

    def prepare(self, raw: Any, at: str) -> Recipe:
        """Read a spec. Raises ProviderError for an invalid one, to be read again: no event tells of its change."""
        try:
            spec = parse(self.spec, raw, reason=FAILED, at=at)
        except NeedsHuman as error:
            raise ProviderError(error.message) from None
        number, size = self.weigh(spec)
        connects = self.generate is None
        return Recipe(
            number * NAME_BYTES + size,
            partial(self._connected, spec, at) if connects else partial(self._generated, spec),
            connects=connects,
            references=tuple(references(self.spec, raw)),
            kind=self.resource.kind,
            spec=raw,
            end=None if self.revoke is None else partial(self._end, spec, at),
            names=self.names(spec),
        )

    async def _end(self, spec: Spec, at: str, context: ConnectContext, state: State) -> Callable[[], None]:
        if self.revoke is None:
            raise ProviderError(f"{at}: {self.resource.kind} leaves nothing at its provider")
        return await self.revoke(spec, context, state, at)

    async def _connected(self, spec: Spec, at: str, context: ConnectContext) -> Make:
        if self.connect is None:
            raise ProviderError(f"{at}: this version cannot make {self.resource.kind}")
        return await self.connect(spec, context, at)

    def _generated(self, spec: Spec) -> Generated:
        return Generated(self.generate(spec) if self.generate is not None else {})


def weight_of(values: Mapping[str, SecretValue]) -> int:
    """Return the bytes of memory that values take, with names and objects."""
    return sum(NAME_BYTES + len(name.encode()) + len(value) for name, value in values.items())
