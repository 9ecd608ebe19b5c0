"""The fields of ClusterExternalSecrets."""

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import Duration, Model, Name, NamespaceName
from external.api.store import LabelSelector


class CopiedMetadata(Model):
    """Labels and annotations of every ExternalSecret that is created."""

    labels: dict[str, str] | None = None
    """Labels."""
    annotations: dict[str, str] | None = None
    """Annotations."""


class ClusterExternalSecretSpec(Model):
    """Which namespaces get an ExternalSecret, and its spec."""

    external_secret_spec: ExternalSecretSpec
    """Spec of the ExternalSecrets."""
    external_secret_name: Name | None = None
    """Name of the ExternalSecrets; that of this object by default."""
    external_secret_metadata: CopiedMetadata | None = None
    """Metadata of the ExternalSecrets."""
    namespace_selector: LabelSelector | None = None
    """Namespaces by label; use namespaceSelectors."""
    namespace_selectors: list[LabelSelector] | None = None
    """Namespaces by label; one match is enough."""
    namespaces: list[NamespaceName] | None = None
    """Namespaces by name."""
    refresh_time: Duration | None = None
    """Time between two looks at the namespaces."""

    @property
    def copy_name(self) -> str | None:
        """The name of the copies, if it is not that of this object."""
        return self.external_secret_name

    @property
    def copy_metadata(self) -> CopiedMetadata | None:
        """The metadata of the copies."""
        return self.external_secret_metadata


class FailedNamespace(Model):
    """A namespace without its ExternalSecret."""

    namespace: str
    """The namespace."""
    reason: str | None = None
    """Reason in one word."""


class ClusterCondition(Model):
    """One status condition, without reason and time, as in external-secrets."""

    type: str
    """Type of the condition."""
    status: str
    """True, False or Unknown."""
    message: str | None = None
    """What a person needs to know."""


class ClusterExternalSecretStatus(Model):
    """Namespaces with and without their ExternalSecret."""

    external_secret_name: str | None = None
    """Name of the ExternalSecrets."""
    failed_namespaces: list[FailedNamespace] | None = None
    """Namespaces without their ExternalSecret."""
    provisioned_namespaces: list[str] | None = None
    """Namespaces with their ExternalSecret."""
    conditions: list[ClusterCondition] | None = None
    """Conditions."""
