"""The providers that a process serves, and what follows from their declarations."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import create_model

from external.api.fields import with_optional_fields
from external.api.references import Reference, references
from external.api.store import Provider, SecretStoreSpec
from external.providers.kind import ProviderKind, Service
from manager.kube.resources import Body

NO_FAILURES: Mapping[str, str] = MappingProxyType({})


class Catalogue:
    """Providers by name.

    Args:
        kinds: one declaration each.
        failures: name of a plug-in that could not be loaded -> what is told of it at its stores.
    """

    def __init__(self, kinds: Sequence[ProviderKind], failures: Mapping[str, str] = NO_FAILURES) -> None:
        self.kinds = tuple(kinds)
        self.failures = failures
        self.by_name: Mapping[str, ProviderKind] = MappingProxyType({kind.name: kind for kind in kinds})
        self.models: Mapping[str, tuple[type, str]] = MappingProxyType(
            {kind.name: (kind.model, kind.about) for kind in kinds}
        )
        """Name -> model and description of each field of `spec.provider`."""
        self.prices: Mapping[str, float] = MappingProxyType(
            {
                service.label: service.dollars_per_call
                for kind in kinds
                for service in kind.services.values()
                if service.dollars_per_call
            }
        )
        """US dollars a call, by the label of the metric of provider calls."""
        self.provider_model: type[Provider] = with_optional_fields("ServedProvider", Provider, self.models)
        self.store_spec: type[SecretStoreSpec] = create_model(
            "StoreSpec", __base__=SecretStoreSpec, __module__=__name__, provider=(self.provider_model, ...)
        )
        """`spec` of a store, with a field for each provider that is served."""

    def capabilities(self, store: Body) -> str:
        """Return `status.capabilities` of a valid store, which depends on nothing but its provider's name."""
        provider = store["spec"]["provider"]
        named = [kind for kind in self.kinds if provider.get(kind.name) is not None]
        return named[0].capabilities if len(named) == 1 else "ReadOnly"

    def service_of(self, store: Body) -> Service:
        """Return the service that a raw store reads from; one that is not served has the provider's name as label."""
        provider = (store.get("spec") or {}).get("provider") or {}
        name = next(iter(provider), "") if isinstance(provider, dict) else ""
        kind = self.by_name.get(name)
        return kind.service(provider[name]) if kind is not None else Service(name)

    def references_of(self, provider: object) -> list[Reference]:
        """Return which Secrets, ConfigMaps and ServiceAccounts a raw `spec.provider` refers to."""
        return list(references(self.provider_model, provider))

    def per_consumer(self, provider: Mapping[str, object]) -> bool:
        """Return True if a provider sees which namespace asks it, from a raw `spec.provider`."""
        return any(kind.per_consumer(provider.get(kind.name)) for kind in self.kinds)
