"""The fields of `provider.kubernetes` (providers 4.2)."""

from pydantic import Field

from external.fields import CaProvider, Model, NamespaceName, SecretKeySelector, ServiceAccountSelector


class KubernetesServer(Model):
    """The API server."""

    url: str = "kubernetes.default"
    ca_bundle: str | None = None
    ca_provider: CaProvider | None = None


class KubernetesCert(Model):
    """A client certificate."""

    client_cert: SecretKeySelector | None = None
    client_key: SecretKeySelector | None = None


class KubernetesToken(Model):
    """A bearer token."""

    bearer_token: SecretKeySelector | None = None


class KubernetesAuth(Model):
    """How to become somebody in a cluster; exactly one."""

    cert: KubernetesCert | None = None
    token: KubernetesToken | None = None
    service_account: ServiceAccountSelector | None = None


class KubernetesProvider(Model):
    """Secrets of this or another cluster."""

    server: KubernetesServer = Field(default_factory=KubernetesServer)
    auth: KubernetesAuth | None = None
    auth_ref: SecretKeySelector | None = None
    remote_namespace: NamespaceName = "default"
