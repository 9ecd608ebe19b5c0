"""The fields of `spec.provider.kubernetes` and `spec.provider.crd`."""

from typing import Annotated

from pydantic import Field

from external.api.fields import (
    ONE_OF,
    CaBundle,
    CaProvider,
    Model,
    NamespaceName,
    SecretKeySelector,
    ServiceAccountSelector,
    checked,
)


class KubernetesServer(Model):
    """The API server."""

    url: str = "kubernetes.default"
    """URL of the API server."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""


class KubernetesCert(Model):
    """A client certificate."""

    client_cert: SecretKeySelector
    """Key of a Secret that holds the client certificate."""
    client_key: SecretKeySelector
    """Key of a Secret that holds the client key."""


class KubernetesToken(Model):
    """A bearer token."""

    bearer_token: SecretKeySelector
    """Key of a Secret that holds the token."""


class KubernetesAuth(Model):
    """How to authenticate to the API server; exactly one."""

    model_config = ONE_OF

    cert: KubernetesCert | None = None
    """Login with a client certificate."""
    token: KubernetesToken | None = None
    """Login with a bearer token."""
    service_account: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""


class KubernetesProvider(Model):
    """Secrets of this or another cluster."""

    server: KubernetesServer = Field(default_factory=KubernetesServer)
    """The API server."""
    auth: KubernetesAuth | None = None
    """How to authenticate to the API server."""
    auth_ref: SecretKeySelector | None = None
    """Key of a Secret that holds a kubeconfig."""
    remote_namespace: NamespaceName = "default"
    """Namespace of the Secrets."""


class CustomResource(Model):
    """The kind of objects to read."""

    group: str
    """API group; empty for the core group."""
    kind: Annotated[str, Field(min_length=1)]
    """Kind of the objects."""
    version: Annotated[str, Field(min_length=1)]
    """Version of the API."""


class ResourceRule(Model):
    """One rule of what may be read; all given fields must match."""

    name: str | None = None
    """Name of the object, as an RE2 expression."""
    namespace: str | None = None
    """Namespace of the object, as an RE2 expression; in cluster-scoped stores only."""
    properties: list[str] | None = None
    """Properties that may be read, as RE2 expressions."""


class ResourceRules(Model):
    """What may be read."""

    rules: list[ResourceRule] | None = None
    """Rules; an object may be read if one matches."""


class CustomResourceProvider(Model):
    """Objects of one kind of this or another cluster."""

    model_config = checked(
        ("has(self.auth) || has(self.authRef)", "one of auth or authRef must be set"),
        ("!(has(self.auth) && has(self.authRef))", "auth and authRef are mutually exclusive"),
    )

    server: KubernetesServer | None = None
    """The API server."""
    auth: KubernetesAuth | None = None
    """How to authenticate to the API server."""
    auth_ref: SecretKeySelector | None = None
    """Key of a Secret that holds a kubeconfig."""
    resource: CustomResource
    """The kind of objects to read."""
    whitelist: ResourceRules | None = None
    """What may be read; everything without it."""
