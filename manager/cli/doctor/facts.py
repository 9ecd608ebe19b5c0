"""What was read of a cluster for the doctor, before anything is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from manager.cli.crd_plan import Step
from manager.cli.doctor.findings import Area
from manager.cli.doctor.rights import Right
from manager.kube.resources import Body, Resource


@dataclass
class Facts:
    """The objects and answers."""

    now: float
    """Unix time of this machine."""
    own: str
    """Coffer's namespace."""
    modules: tuple[str, ...] = ("sealed", "external", "reflector")
    scope: tuple[str, ...] = ()
    account: str = ""
    """`namespace:name` of Coffer's ServiceAccount."""
    lease_name: str = "coffer"
    lease: Body | None = None
    leases: list[Body] = field(default_factory=list)
    """Those of that name in all namespaces."""
    deployments: list[Body] = field(default_factory=list)
    """Coffer's, in all namespaces."""
    originals: Mapping[str, str] = field(default_factory=dict)
    server_time: float | None = None
    """Unix time by the API server, at `now`."""
    missing_rights: list[Right] = field(default_factory=list)
    crds: list[Step] = field(default_factory=list)
    keys: list[Body] = field(default_factory=list)
    stores: list[tuple[Resource, Body]] = field(default_factory=list)
    webhooks: list[Body] = field(default_factory=list)
    services: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """Namespace and name of a Service that a webhook names -> whether an endpoint of it is ready."""
    quotas: list[Body] = field(default_factory=list)
    paused: list[Body] = field(default_factory=list)
    """Events that say that deletes are paused."""
    unchecked: list[tuple[Area, str]] = field(default_factory=list)
