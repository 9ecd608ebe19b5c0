"""What was read of a cluster about one chain, before anything is decided. Of Secrets the metadata."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from manager.kube.cache import MetadataCache
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Key, Resource

PODS = Resource("", "v1", "pods", "Pod")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
JOBS = Resource("batch", "v1", "jobs", "Job")
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
DATA = (SECRETS, CONFIGMAPS)


@dataclass
class Snapshot:
    """The objects that one chain concerns."""

    now: float
    """Unix time."""
    own: str = ""
    """Coffer's namespace."""
    bodies: dict[Key, Body | None] = field(default_factory=dict)
    """What was asked for by name; None if it does not exist."""
    names: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    """The keys of Secrets of which the API server records no field managers."""
    listed: dict[tuple[Resource, str], list[Body]] = field(default_factory=dict)
    """Lists by kind and namespace."""
    cache: MetadataCache = field(default_factory=MetadataCache)
    """Metadata of namespaces, sources and mirrors, for the reflector's rules."""
    partial: bool = False
    """Whether the cache lacks objects that the rules need: nothing is said of mirrors then."""
    lease: Body | None = None
    originals: dict[str, str] = field(default_factory=dict)
    """Module -> the original that runs."""
    unread: list[str] = field(default_factory=list)

    def body(self, key: Key | None) -> Body | None:
        """Return an object; None if it does not exist, or was not read."""
        return None if key is None else self.bodies.get(key)

    def of(self, resource: Resource, namespace: str) -> list[Body]:
        """Return the objects of a kind in a namespace."""
        return self.listed.get((resource, namespace), [])

    def known(self, keys: Iterable[Key]) -> list[Key]:
        """Return the keys of those objects that exist."""
        return [each for each in keys if self.bodies.get(each) is not None]
