"""The fields of `spec.provider.kubernetes`."""

from pydantic import Field

from external.api.fields import (
    ONE_OF,
    CaBundle,
    CaProvider,
    Model,
    NamespaceName,
    SecretKeySelector,
    ServiceAccountSelector,
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
