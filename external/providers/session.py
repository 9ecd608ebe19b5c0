"""A client of a provider, opened for a store, and the identity under which it reads."""

from collections.abc import Callable
from dataclasses import dataclass, field

from external.metrics import Meter
from external.providers.protocol import Client
from manager.kube.resources import (
    Key,
)


@dataclass(frozen=True)
class ProviderSession:
    """A client and the identity under which it reads; equal identities may share values, others never."""

    client: Client
    identity: tuple[str, ...]
    tenant: str
    """Whose share of the threads its calls take: a namespace's stores together, each cluster store for itself."""
    meter: Meter = field(default_factory=Meter)
    """Counts the calls of its SDK."""
    store: Key | None = None
    """Whose client it is."""
    consumer: str = ""
    """The namespace whose credentials it has; empty where it has the store's own."""


OnClose = Callable[[ProviderSession], None]
