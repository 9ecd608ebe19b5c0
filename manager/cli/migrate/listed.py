"""What was read of a cluster, before anything is decided."""

from dataclasses import dataclass, field

from manager.cli.migrate.originals import ReleaseKey
from manager.cli.migrate.releases import Release
from manager.kube.cache import MetadataCache
from manager.kube.resources import Body, Key, Resource


def _resource(group: str, plural: str, kind: str, *, namespaced: bool = False, metadata_only: bool = False) -> Resource:
    return Resource(group, "v1", plural, kind, namespaced=namespaced, metadata_only=metadata_only)


ADMISSION, RBAC = "admissionregistration.k8s.io", "rbac.authorization.k8s.io"
CRDS = _resource("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", metadata_only=True)
WEBHOOKS = (
    _resource(ADMISSION, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration"),
    _resource(ADMISSION, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration"),
)
CLUSTER_ROLES = _resource(RBAC, "clusterroles", "ClusterRole")
BINDINGS = (
    _resource(RBAC, "clusterrolebindings", "ClusterRoleBinding"),
    _resource(RBAC, "rolebindings", "RoleBinding", namespaced=True),
)
CRON_JOBS = _resource("batch", "cronjobs", "CronJob", namespaced=True)
SERVICES = _resource("", "services", "Service", namespaced=True)


@dataclass
class Listed:
    """The objects of a cluster that a move concerns; of Secrets the metadata."""

    cache: MetadataCache
    """Metadata of namespaces, Secrets and ConfigMaps."""
    crds: list[Body] = field(default_factory=list)
    """Those in the groups of the originals."""
    bodies: dict[Resource, list[Body]] = field(default_factory=dict)
    """Objects of the kinds that Coffer reads, and the metadata of those that it does not serve."""
    metadata: dict[Key, Body] = field(default_factory=dict)
    """Targets, mirrors and sealing keys; a target with its data where its ownership depends on it."""
    deployments: dict[str, list[Body]] = field(default_factory=dict)
    """Module -> the Deployments of its original."""
    live: dict[str, str] = field(default_factory=dict)
    """Module -> `namespace/name` of the original that runs, as the controller finds it."""
    cron_jobs: list[Body] = field(default_factory=list)
    """Those that start kubernetes-reflector again and again."""
    services: list[Body] = field(default_factory=list)
    """Those of the originals."""
    webhooks: list[Body] = field(default_factory=list)
    cluster_roles: list[Body] = field(default_factory=list)
    bindings: list[Body] = field(default_factory=list)
    releases: dict[ReleaseKey, Release | None] = field(default_factory=dict)
    """Helm releases of originals and of their CRDs; None for a record that cannot be read."""

    def of(self, resource: Resource) -> list[Body]:
        """Return the objects of a kind."""
        return self.bodies.get(resource, [])

    def count(self, crd: Body) -> int:
        """Return how many objects of a CRD there are."""
        names = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        return sum(len(found) for each, found in self.bodies.items() if (each.group, each.plural) == names)
