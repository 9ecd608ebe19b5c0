"""The fields of ClusterPushSecrets."""

from external.api.cluster_external_secret import CopiedMetadata, FailedNamespace
from external.api.external_secret import Condition
from external.api.fields import Duration, Model, Name
from external.api.push_secret import PushSecretSpec
from external.api.store import LabelSelector


class ClusterPushSecretSpec(Model):
    """Which namespaces get a PushSecret, and its spec."""

    push_secret_spec: PushSecretSpec
    """Spec of the PushSecrets."""
    refresh_time: Duration | None = None
    """Time between two looks at the namespaces."""
    push_secret_name: Name | None = None
    """Name of the PushSecrets; that of this object by default."""
    push_secret_metadata: CopiedMetadata | None = None
    """Metadata of the PushSecrets."""
    namespace_selectors: list[LabelSelector] | None = None
    """Namespaces by label; one match is enough."""

    @property
    def namespace_selector(self) -> LabelSelector | None:
        """A selector beside the list; only ClusterExternalSecrets have one."""
        return None

    @property
    def namespaces(self) -> list[str] | None:
        """Namespaces by name; only ClusterExternalSecrets have them."""
        return None

    @property
    def copy_name(self) -> str | None:
        """The name of the copies, if it is not that of this object."""
        return self.push_secret_name

    @property
    def copy_metadata(self) -> CopiedMetadata | None:
        """The metadata of the copies."""
        return self.push_secret_metadata


class ClusterPushSecretStatus(Model):
    """Namespaces with and without their PushSecret."""

    failed_namespaces: list[FailedNamespace] | None = None
    """Namespaces without their PushSecret."""
    provisioned_namespaces: list[str] | None = None
    """Namespaces with their PushSecret."""
    push_secret_name: str | None = None
    """Name of the PushSecrets."""
    conditions: list[Condition] | None = None
    """Conditions."""
