"""A client of a provider that was opened for a store, and its identity."""

from collections.abc import Callable
from dataclasses import dataclass, field

from external.metrics import Meter
from external.providers.protocol import Client
from manager.kube.resources import (
    Key,
)


@dataclass(frozen=True)
class ProviderSession:
    """A client and its identity: values are shared between equal identities only."""

    client: Client
    identity: tuple[str, ...]
    tenant: str
    """Whose share of the threads its calls use: all stores of a namespace have one, each cluster store its own."""
    meter: Meter = field(default_factory=Meter)
    """Counts its calls."""
    store: Key | None = None
    """The store that it was opened for."""
    consumer: str = ""
    """The namespace whose credentials it has; empty if it has the store's own."""


OnClose = Callable[[ProviderSession], None]
