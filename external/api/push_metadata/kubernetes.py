"""`metadata.spec` of an entry that is pushed to a Secret of a cluster."""

from collections.abc import Mapping
from typing import Literal

from external.api.fields import Model, NamespaceName


class KubernetesPushSpec(Model):
    """Labels, annotations and namespace of the Secret."""

    source_merge_policy: Literal["Merge", "Replace"] = "Merge"
    """Whether the labels and annotations of this entry join those of the source Secret, or replace them."""
    target_merge_policy: Literal["Merge", "Replace", "Ignore"] = "Merge"
    """Whether the result joins what the remote Secret has, replaces it, or is not written."""
    labels: dict[str, str] | None = None
    """Labels of the remote Secret."""
    annotations: dict[str, str] | None = None
    """Annotations of the remote Secret."""
    remote_namespace: NamespaceName | None = None
    """Namespace of the remote Secret; only where the store is cluster-scoped."""


def remote_namespace(metadata: object) -> str:
    """Return the namespace that an entry's metadata name instead of the store's; empty for none."""
    spec = metadata.get("spec") if isinstance(metadata, Mapping) else None
    named = spec.get("remoteNamespace") if isinstance(spec, Mapping) else None
    return named if isinstance(named, str) else ""
