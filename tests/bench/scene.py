"""The environment of a benchmark: a control plane, the installed chart, and functions that create objects quickly."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.cluster.audit import AuditLog, Mark
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube, Object
from tests.cluster.moto import Moto
from tests.cluster.wait import wait_until
from tests.controller import CRDS, Coffer, Installation

MEGABYTE = 1024 * 1024
TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    value: float
    unit: str
    peer: float | None = None
    """The figure to compare with, in the same unit."""
    peer_name: str = ""
    more_is_better: bool = False

    def text(self) -> str:
        """Return the line; the ratio says how many times better ours is."""
        ratio = ""
        if self.peer is not None and self.value and self.peer:
            better = self.value / self.peer if self.more_is_better else self.peer / self.value
            ratio = f"{self.peer:>10,.1f} {self.unit:<6} x{better:<8,.1f}"
        return f"{self.what:<66} {self.value:>10,.1f} {self.unit:<6} {ratio} {self.peer_name}".rstrip()


@dataclass
class Scene:
    """One running control plane with Coffer's CRDs, RBAC and ServiceAccount in it."""

    plane: ControlPlane
    kube: Kube
    audit: AuditLog
    moto: Moto
    installation: Installation

    @classmethod
    def build(cls, plane: ControlPlane, moto: Moto) -> "Scene":
        """Install the chart's objects."""
        kube = plane.client()
        kube.install_crds(CRDS)
        return cls(plane, kube, AuditLog(plane.audit_log), moto, Installation(plane, kube))

    def coffer(self, *flags: str) -> Coffer:
        """Return a replica, not yet started."""
        return Coffer(self.installation, flags=flags, environment=self.moto.environment())

    def namespaces(self, prefix: str, number: int) -> list[str]:
        """Create namespaces."""
        names = [f"{prefix}-{index:03}" for index in range(number)]
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names)
        return names

    def create(self, manifests: Iterable[Object]) -> None:
        """Create many objects in parallel."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.kube.create, manifests))

    def writes(self, since: Mark) -> Counter[str]:
        """Count Coffer's accepted writes, `create secrets` and so on; the lease is not counted."""
        found = self.audit.writes(since, user=self.installation.user, ignoring=("leases",))
        return Counter(f"{each.verb} {each.resource}" for each in found)

    def requests(self, since: Mark) -> Counter[str]:
        """Count Coffer's requests for single objects, `get secrets` and so on; the lease is not counted."""
        found = self.audit.requests(since, user=self.installation.user)
        single = [each for each in found if each.verb not in ("list", "watch") and each.resource != "leases"]
        return Counter(f"{each.verb} {each.resource}" for each in single)


def until(count: Callable[[], int], wanted: int, what: str) -> None:
    """Wait until a count is reached."""
    wait_until(lambda: count() >= wanted, timeout=TIMEOUT_SECONDS, what=what)


def passes(coffer: Coffer, controller: str) -> int:
    """Return how many keys a controller has worked on since its start."""
    return int(coffer.metric("coffer_reconcile_total", f'controller="{controller}"'))


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def ready(objects: Sequence[Object], condition: str) -> int:
    """Count the objects whose condition is True."""
    conditions = (each.get("status", {}).get("conditions") or [] for each in objects)
    return sum(any(each["type"] == condition and each["status"] == "True" for each in found) for found in conditions)


def objects_without_events(writes: Counter[str]) -> int:
    """Return the object writes without Events."""
    return sum(number for name, number in writes.items() if not name.endswith(" events"))
