"""What the three originals leave in a cluster, and how their objects are recognised. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from manager.kube.resources import Body

NAME_LABEL = "app.kubernetes.io/name"
RELEASE_NAME = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
CHART_LABEL = "helm.sh/chart"


class ReleaseKey(NamedTuple):
    """The name of a Helm release."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Original:
    """One of the controllers that Coffer replaces."""

    module: str
    product: str
    names: tuple[str, ...]
    """Values of the label `app.kubernetes.io/name` on its objects."""
    groups: tuple[str, ...]
    """API groups of its kinds."""
    chart: str
    repository: str
    keep_value: str = ""
    """The value of its chart that adds `helm.sh/resource-policy: keep` to CRDs that are templates."""


ORIGINALS: Mapping[str, Original] = {
    each.module: each
    for each in (
        Original(
            module="sealed",
            product="sealed-secrets",
            names=("sealed-secrets",),
            groups=("bitnami.com",),
            chart="sealed-secrets",
            repository="https://bitnami.github.io/sealed-secrets",
        ),
        Original(
            module="external",
            product="external-secrets",
            names=("external-secrets", "external-secrets-webhook", "external-secrets-cert-controller"),
            groups=("external-secrets.io", "generators.external-secrets.io"),
            chart="external-secrets",
            repository="https://charts.external-secrets.io",
            keep_value=r"crds.annotations.helm\.sh/resource-policy=keep",
        ),
        Original(
            module="reflector",
            product="kubernetes-reflector",
            names=("reflector",),
            groups=(),
            chart="reflector",
            repository="https://emberstack.github.io/helm-charts",
        ),
    )
}
"""By module."""
STATIC_SEALED = "sealed-secrets-controller"
"""The label `name` in the manifest that sealed-secrets publishes beside its chart."""


def module_of(metadata: Body) -> str:
    """Return the module whose original an object belongs to by its labels; empty for none."""
    labels = metadata.get("labels") or {}
    if labels.get("name") == STATIC_SEALED:
        return "sealed"
    return next((each.module for each in ORIGINALS.values() if labels.get(NAME_LABEL) in each.names), "")


def release_of(metadata: Body) -> ReleaseKey | None:
    """Return the Helm release that an object says it belongs to."""
    annotations = metadata.get("annotations") or {}
    name, namespace = annotations.get(RELEASE_NAME), annotations.get(RELEASE_NAMESPACE)
    return ReleaseKey(str(namespace), str(name)) if name and namespace else None


def chart_version(metadata: Body, chart: str) -> str:
    """Return the version in the label `helm.sh/chart`; empty if there is none."""
    label = str((metadata.get("labels") or {}).get(CHART_LABEL, ""))
    return label.removeprefix(f"{chart}-").replace("_", "+") if label.startswith(f"{chart}-") else ""


def releases_of(objects: Iterable[Body]) -> dict[ReleaseKey, str]:
    """Return release -> module, from objects that belong to originals by their labels."""
    pairs = ((release_of(each["metadata"]), module_of(each["metadata"])) for each in objects)
    return {release: module for release, module in pairs if release is not None and module}
