"""The declaration of a provider: everything that the rest of the product knows about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType

from external.api.fields import Model
from external.providers.protocol import Connect


@dataclass(frozen=True)
class Pushing:
    """How a service takes secrets."""

    calls: int
    """How many calls a push takes that finds nothing to change."""
    mark: str = ""
    """What says there which PushSecret has written a secret; empty where nothing can."""
    deletes_property: bool = True
    """Whether one property is deleted without the others."""
    lists_versions: bool = False
    """Whether one call tells the versions of several pushed secrets."""
    metadata: type[Model] | None = None
    """The settings of an entry, None if its metadata has no effect."""

    @property
    def by_namespace(self) -> bool:
        """Whether an entry may name a namespace, so that one remote key is several places."""
        return self.metadata is not None and "remote_namespace" in self.metadata.model_fields


@dataclass(frozen=True)
class Service:
    """A service of a provider, as metrics and `coffer cost` tell it apart."""

    label: str
    """Its name in the metric of provider calls."""
    batch: int = 1
    """How many secrets one call answers at most."""
    dollars_per_call: float = 0.0
    """Public list price in US dollars; zero where calls are free, or where there is no price."""
    push: Pushing | None = None
    """How it takes secrets; None where external-secrets pushes none to it."""


@dataclass(frozen=True)
class Extra:
    """An extra of Coffer's package that a provider needs: its SDK."""

    name: str
    """As in `pip install 'coffer[name]'`."""
    module: str
    """A module that is there where the extra is installed; looked for, not imported."""

    @property
    def missing(self) -> bool:
        """Whether the extra is not installed."""
        try:
            return find_spec(self.module) is None
        except ModuleNotFoundError:  # of a package around it
            return True


def _never(given: object) -> bool:
    del given
    return False


@dataclass(frozen=True)
class ProviderKind:
    """One provider.

    Args:
        name: its field in `spec.provider`.
        about: what it is, for the CRD and the documentation.
        model: the fields of a store.
        connect: makes the client of a store.
        services: by the value of the field `service`; a provider without that field has one, under "".
        per_consumer: tells from the raw fields whether the provider sees which namespace asks, so that no two
            namespaces may share an answer.
        ports: TCP ports on which it usually listens, for the chart's NetworkPolicy.
        extra: what has to be installed beside Coffer, None if nothing has.
        reads: whether it shows values; if not, it takes pushes only.
    """

    name: str
    about: str
    model: type[Model]
    connect: Connect
    services: Mapping[str, Service]
    per_consumer: Callable[[object], bool] = _never
    ports: tuple[int, ...] = (443,)
    extra: Extra | None = None
    reads: bool = True

    def service(self, given: object) -> Service:
        """Return the service that the raw fields of a store name; one that is not served has a label only."""
        if "" in self.services:
            return self.services[""]
        named = str(given.get("service", "")) if isinstance(given, dict) else ""
        return self.services.get(named) or Service(f"{self.family}/{named}")

    @property
    def pushes(self) -> bool:
        """Whether secrets are pushed to it."""
        return any(service.push is not None for service in self.services.values())

    @property
    def capabilities(self) -> str:
        """What `status.capabilities` of its stores says."""
        if not self.reads:
            return "WriteOnly"
        return "ReadWrite" if self.pushes else "ReadOnly"

    @property
    def family(self) -> str:
        """The part before the slash that all its labels share."""
        return next(iter(self.services.values())).label.partition("/")[0]


def single(label: str, *, push: Pushing | None = None, batch: int = 1) -> Mapping[str, Service]:
    """Return the services of a provider that has one."""
    return MappingProxyType({"": Service(label, batch, push=push)})
