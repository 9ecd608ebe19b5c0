"""Creates the provider client that a store describes."""

from dataclasses import replace

from external.api.fields import parsed
from external.api.store import ORIGINAL_PROVIDERS, RetrySettings, SecretStoreSpec
from external.providers.catalogue import Catalogue
from external.providers.kind import ProviderKind
from external.providers.kubernetes.home import home_of
from external.providers.protocol import Client, ConnectContext, CountCall
from external.providers.registry import BUILT_IN
from external.providers.support.egress import EgressPolicy
from external.providers.support.lookup import INVALID, Lookup
from external.providers.support.templates import BlockingRenderer
from manager.core.errors import NeedsHuman
from manager.core.fair_executor import FairExecutor
from manager.core.suggestions import MAX_NAME_CHARACTERS, nearest
from manager.gotemplate.sandbox import Sandbox
from manager.kube.api_servers import ApiServers
from manager.kube.client import KubeClient
from manager.kube.resources import CLUSTER_SECRET_STORES, Body, Key
from manager.settings.model import ExternalSettings


class Connector:
    """Resolves a store's provider and credentials.

    Args:
        executor: where clients are created: work for a processor, which must not wait behind calls that hang.
        catalogue: the providers that are served.
    """

    def __init__(
        self,
        client: KubeClient,
        servers: ApiServers,
        executor: FairExecutor,
        settings: ExternalSettings,
        sandbox: Sandbox,
        catalogue: Catalogue = BUILT_IN,
    ) -> None:
        self.catalogue = catalogue
        self._client = client
        self._servers = servers
        self._executor = executor
        self._settings = settings
        self._sandbox = sandbox
        self._home = home_of(client.connection)

    async def connect(
        self, store: Key, body: Body, consumer: str, count: CountCall, *, as_itself: bool = True
    ) -> Client:
        """Return a client for a store as it stands.

        Args:
            store: the store.
            body: the store as the API server has it.
            consumer: the namespace whose credentials are taken; empty for the store's own.
            count: called for each call of the provider's SDK.
            as_itself: whether a store may act as this process, as `Connector._ambient` says; False elsewhere than in
                the controller, where this process has the identity of whoever has started it.

        Raises:
            NeedsHuman: naming the field that is wrong or the Secret that is missing.
            ProviderError: the client cannot be created.

        """
        await self._servers.look()
        spec = await parsed(self.catalogue.store_spec, body.get("spec"), reason=INVALID)
        kind, provider = served_provider(self.catalogue, spec)
        require_installed(kind)
        context = self._context(store, spec.retry_settings, consumer, count)
        return await kind.connect(
            provider, context if as_itself else replace(context, ambient=False, own_account=False)
        )

    async def for_generator(self, generator: Key, count: CountCall, *, for_all: bool) -> ConnectContext:
        """Return what a generator may use.

        Args:
            generator: the generator, in the namespace that uses it: its references are resolved there.
            count: called for each call of the provider's SDK.
            for_all: whether an administrator wrote it, as a ClusterGenerator: then it may act as Coffer itself.

        """
        await self._servers.look()
        context = self._context(generator, None, "", count)
        return replace(context, ambient=True, own_account=True) if for_all else context

    def _context(self, store: Key, retries: RetrySettings | None, consumer: str, count: CountCall) -> ConnectContext:
        return ConnectContext(
            lookup=Lookup(self._client, store, consumer),
            ambient=self._ambient(store, consumer),
            own_account=store.resource is CLUSTER_SECRET_STORES,
            # What a consumer gives may be a URL as well: a kubeconfig, or what a webhook's templates take.
            egress=EgressPolicy(
                self._settings.egress_allowed,
                everything=store.resource is CLUSTER_SECRET_STORES and not consumer,
                denied=lambda: self._servers.known,
            ),
            retries=retries,
            count=count,
            timeout=self._settings.provider_timeout,
            run=lambda create: self._executor.run(tenant_of(store), create),
            home=self._home,
            daily_requests=self._settings.onepassword_daily_requests,
            render=BlockingRenderer(self._sandbox, store.namespace or consumer or f"cluster store {store.name}"),
        )

    def _ambient(self, store: Key, consumer: str) -> bool:
        """Return True if a store without credentials may act as Coffer itself.

        A namespaced store never may: its tenant would read what only Coffer's identity can. An administrator may allow
        a namespace.
        """
        allowed = self._settings.ambient_namespaces
        return store.resource is CLUSTER_SECRET_STORES or "*" in allowed or (store.namespace or consumer) in allowed


def tenant_of(store: Key) -> str:
    """Return whose share of the threads a store's calls take."""
    return f"namespace {store.namespace}" if store.namespace else f"cluster store {store.name}"


def require_installed(kind: ProviderKind) -> None:
    """Raise NeedsHuman, with the command that helps, for a provider whose extra is not installed."""
    if kind.extra is not None and kind.extra.missing:
        cure = f"pip install 'coffer[{kind.extra.name}]', or Coffer's image, which has it"
        raise NeedsHuman(INVALID, f"spec.provider.{kind.name}: its SDK is not installed: {cure}")


def served_provider(catalogue: Catalogue, spec: SecretStoreSpec) -> tuple[ProviderKind, object]:
    """Return the kind and the model of the one provider that a store names. Raises NeedsHuman."""
    name, provider = _provider_of(spec)
    kind = catalogue.by_name.get(name)
    if kind is None:
        raise NeedsHuman(INVALID, _not_served(catalogue, name))
    return kind, provider


def _provider_of(spec: SecretStoreSpec) -> tuple[str, object]:
    """Return the name and the model of the one provider that a store names."""
    fields = type(spec.provider).model_fields
    given = {(fields[name].alias or name) if name in fields else name: value for name, value in spec.provider}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        text = f"secret stores must only have exactly one backend specified, found {len(named)}"
        raise NeedsHuman(INVALID, f"spec.provider: {text}")
    return named[0], given[named[0]]


def _not_served(catalogue: Catalogue, name: str) -> str:
    """Say what is wrong with a provider that this version does not serve, or that does not exist."""
    place = f"spec.provider.{name[:MAX_NAME_CHARACTERS]}"
    if name in catalogue.failures:
        return f"{place}: the plug-in could not be loaded: {catalogue.failures[name]}"
    if name not in ORIGINAL_PROVIDERS:
        return f"{place}: unknown field{nearest(name, tuple(ORIGINAL_PROVIDERS.union(catalogue.by_name)))}"
    return f"{place} is not supported by this version; supported: {', '.join(sorted(catalogue.by_name))}"
