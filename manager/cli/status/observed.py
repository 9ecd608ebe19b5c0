"""What `coffer status` reads of a cluster, before anything is decided. Reads only; of Secrets metadata only."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from manager.chain.paused import SELECTOR
from manager.core.errors import Forbidden, NotFound
from manager.kube.client import KubeClient
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_PUSH_SECRETS,
    CLUSTER_SECRET_STORES,
    DEPLOYMENTS,
    EVENTS,
    EXTERNAL_SECRETS,
    LEASES,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    Resource,
)
from manager.kube.writer import SEALING_KEY_LABEL
from manager.runtime.predecessors import find_predecessor

OF_MODULE = {
    SEALED_SECRETS: "sealed",
    SECRET_STORES: "external",
    CLUSTER_SECRET_STORES: "external",
    EXTERNAL_SECRETS: "external",
    CLUSTER_EXTERNAL_SECRETS: "external",
    PUSH_SECRETS: "external",
    CLUSTER_PUSH_SECRETS: "external",
}
"""The kinds with a condition, in the order in which they are shown."""
MODULES = ("sealed", "external", "reflector")
PAGE_OBJECTS = 250  # of a list of whole objects: nothing else of ours runs beside it
OUR_LABEL = "app.kubernetes.io/name=coffer"


@dataclass
class Observed:
    """The objects of a cluster that say how Coffer fares."""

    bodies: dict[Resource, list[Body]] = field(default_factory=dict)
    """Without the kinds whose CRDs are not installed."""
    lease: Body | None = None
    deployments: list[Body] = field(default_factory=list)
    """Coffer's own."""
    keys: list[Body] = field(default_factory=list)
    """Metadata of the Secrets with sealing keys in Coffer's namespace."""
    originals: dict[str, str] = field(default_factory=dict)
    """Module -> `namespace/name` of the original controller that runs."""
    paused: list[Body] = field(default_factory=list)
    """Events that say that deletes are paused."""
    unread: list[str] = field(default_factory=list)
    """What this user may not read."""

    def of(self, resource: Resource) -> list[Body]:
        """Return the objects of a kind."""
        return self.bodies.get(resource, [])


async def observe(client: KubeClient, own: str, lease: str, namespace: str = "") -> Observed:
    """Read a cluster.

    Args:
        client: of the user who asks.
        own: Coffer's namespace.
        lease: the name of its Lease.
        namespace: whose objects are read; empty for all.

    Raises:
        ApiError: the API server does not answer, or this user may list none of the kinds.

    """
    found = Observed()
    lists = (_listed(client, found, each, namespace if each.namespaced else "") for each in OF_MODULE)
    found.bodies = dict(zip(OF_MODULE, await asyncio.gather(*lists), strict=True))
    found.keys = await _listed(client, found, SECRETS, own, selector=SEALING_KEY_LABEL)
    found.deployments = await _listed(client, found, DEPLOYMENTS, own, selector=OUR_LABEL)
    found.paused = await _listed(client, found, EVENTS, namespace, fields=SELECTOR)
    try:
        found.lease = await client.find(Key(LEASES, own, lease))
    except Forbidden:
        found.unread.append(f"the Lease {own}/{lease}")
    for module in MODULES:
        place = await find_predecessor(client, module)
        found.originals |= {module: place} if place else {}
    return found


async def _listed(
    client: KubeClient, found: Observed, resource: Resource, namespace: str = "", **choice: Any
) -> list[Body]:
    """Return the objects of a kind; none if its CRD is missing, or if this user may not list it, which is noted."""
    bodies: list[Body] = []
    try:
        async for items, _ in client.pages(resource, namespace=namespace, most=PAGE_OBJECTS, **choice):
            bodies += items
    except NotFound:
        return []
    except Forbidden:
        found.unread.append(resource.plural + (f" in namespace {namespace}" if namespace else ""))
    return bodies
