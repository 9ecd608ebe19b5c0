"""The fields of ClusterExternalSecrets, typed (external-secrets-core.md 1.2)."""

from external.fields import Duration, Model, Name, NamespaceName
from external.model import ExternalSecretSpec, LabelSelector


class CopiedMetadata(Model):
    """Labels and annotations of every ExternalSecret that is made."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class ClusterExternalSecretSpec(Model):
    """Which namespaces get an ExternalSecret, and which one."""

    external_secret_spec: ExternalSecretSpec
    external_secret_name: Name | None = None
    external_secret_metadata: CopiedMetadata | None = None
    namespace_selector: LabelSelector | None = None
    namespace_selectors: list[LabelSelector] | None = None
    namespaces: list[NamespaceName] | None = None
    refresh_time: Duration | None = None


class FailedNamespace(Model):
    """A namespace without its ExternalSecret."""

    namespace: str
    reason: str | None = None


class ClusterCondition(Model):
    """One status condition; the original's have neither reason nor time."""

    type: str
    status: str
    message: str | None = None


class ClusterExternalSecretStatus(Model):
    """Where ExternalSecrets are."""

    external_secret_name: str | None = None
    failed_namespaces: list[FailedNamespace] | None = None
    provisioned_namespaces: list[str] | None = None
    conditions: list[ClusterCondition] | None = None
