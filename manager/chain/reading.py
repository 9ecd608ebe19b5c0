"""Read what one chain concerns. Asks for objects by name where it can; lists only inside of one namespace.

Reads only; of Secrets metadata. A Secret of which the API server records no field managers is read whole, and only
the names of its keys are kept.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from external.summaries import external_secret_summary
from manager.chain.origins import source_of
from manager.chain.snapshot import CRON_JOBS, DAEMON_SETS, DATA, INGRESSES, JOBS, PODS, STATEFUL_SETS, Snapshot
from manager.chain.upstream import candidates, credentials_of, external_of
from manager.core.background import for_viewers
from manager.core.errors import Forbidden, NotFound
from manager.kube.client import KubeClient
from manager.kube.managed_fields import is_recorded
from manager.kube.resources import (
    DEPLOYMENTS,
    EXTERNAL_SECRETS,
    LEASES,
    NAMESPACES,
    PUSH_SECRETS,
    SECRETS,
    SERVICE_ACCOUNTS,
    Body,
    Key,
    Resource,
)
from manager.runtime.predecessors import find_predecessor
from reflector.rules.annotations import read as read_marks
from reflector.view import ViewBuilder

WORKLOADS = (PODS, DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS, CRON_JOBS, SERVICE_ACCOUNTS, INGRESSES)
MAX_LINKS = 8  # of a chain that are followed
MAX_MIRROR_NAMESPACES = 10  # whose workloads are listed for the tree
MAX_BYTES = 256 << 20  # of the listed objects of one chain
PAGE_OBJECTS = 250  # of a list of whole objects: one list runs at a time for each kind, and nothing is kept for long
MODULES = ("sealed", "external", "reflector")
TOO_MANY_MIRRORS = "mirrors: more namespaces and objects than are looked at; `coffer mirrors` lists them"
OTHER_NAMES = "pulls of it under another name are not looked for here: `coffer mirrors -n NAMESPACE` lists them"


@dataclass
class ChainReader:
    """Reads into a snapshot.

    Args:
        client: of the user who asks.
        snapshot: what is filled.
        builder: the reflector's, on the snapshot's cache.
        lease: the name of Coffer's Lease.
        budget: bytes of listed objects that are kept; it is noted what was not looked at.
    """

    client: KubeClient
    snapshot: Snapshot
    builder: ViewBuilder
    lease: str
    budget: int = MAX_BYTES
    _followed: set[Key] = field(default_factory=set, init=False)

    async def subject(self, key: Key) -> None:
        """Read the object that is asked for. Raises Forbidden: of the others it is only noted."""
        self.snapshot.bodies[key] = await self._read(key)

    async def secret(self, key: Key) -> None:
        """Read the chain of a Secret or a ConfigMap, and what uses it."""
        await self._object(key)
        lists = [self.listed(each, key.namespace) for each in WORKLOADS]
        lists += [self.listed(PUSH_SECRETS, key.namespace)] if key.resource is SECRETS else []
        await asyncio.gather(self._upstream(key, MAX_LINKS), self._mirrors(key), self.controller(), *lists)
        if key.resource is SECRETS and self.snapshot.body(key) is None and not external_of(self.snapshot, key):
            await self.targets(key)

    async def targets(self, key: Key) -> None:
        """List the ExternalSecrets of a namespace: which has this target is known by no name."""
        await self.listed(EXTERNAL_SECRETS, key.namespace)
        for each in self.snapshot.of(EXTERNAL_SECRETS, key.namespace):
            self.snapshot.bodies[Key(EXTERNAL_SECRETS, key.namespace, each["metadata"]["name"])] = each
        await asyncio.gather(*(self._stores(each) for each in external_of(self.snapshot, key)))

    async def external(self, key: Key) -> Key | None:
        """Read an ExternalSecret with its stores; return its target if that is a Secret."""
        await self._object(key)
        body = self.snapshot.body(key)
        if body is None:
            await self.controller()
            return None
        await self._stores(key)
        summary = external_secret_summary(body)
        if summary.manifest != (SECRETS.api_version, SECRETS.kind):
            await self.controller()
            return None
        return Key(SECRETS, key.namespace, summary.target)

    async def store(self, key: Key, users_in: str | None) -> None:
        """Read a store with its credentials, and the ExternalSecrets of a namespace; of none if it is None."""
        await asyncio.gather(self._object(key), self.controller())
        await self._credentials(key)
        if users_in is not None:
            await self.listed(EXTERNAL_SECRETS, users_in)

    async def workloads_of(self, keys: Iterable[Key]) -> None:
        """List the workloads in the namespaces of mirrors."""
        names = sorted({each.namespace for each in keys})
        left = names[MAX_MIRROR_NAMESPACES:]
        if left:
            self.snapshot.unread.append(f"workloads in {len(left)} more namespaces with mirrors: not looked for")
        lists = [self.listed(each, name) for name in names[:MAX_MIRROR_NAMESPACES] for each in WORKLOADS]
        await asyncio.gather(*lists)

    async def controller(self) -> None:
        """Read the Lease, and whether an original runs."""
        if self.snapshot.lease is not None:
            return
        try:
            self.snapshot.lease = await self.client.find(Key(LEASES, self.snapshot.own, self.lease))
            for module in MODULES:
                place = await find_predecessor(self.client, module)
                self.snapshot.originals |= {module: place} if place else {}
        except Forbidden:
            self.snapshot.unread.append(f"the Lease {self.snapshot.own}/{self.lease}: this user has no right to it")

    async def _upstream(self, key: Key, links: int) -> None:
        """Read what gives a Secret its values, up to the beginnings of the chain."""
        if links == 0 or key in self._followed:
            return
        self._followed.add(key)  # stores and credentials may refer to each other in a circle
        metadata = self.snapshot.body(key)
        source = source_of(metadata["metadata"]) if metadata is not None else None
        if source is not None:
            source = Key(key.resource, source.namespace, source.name)
            await self._object(source)
            await self._upstream(source, links - 1)
        if key.resource is not SECRETS:
            return
        found = list(candidates(key, None if metadata is None else metadata["metadata"]))
        await asyncio.gather(*map(self._object, found))
        await asyncio.gather(*(self._stores(each, links - 1) for each in external_of(self.snapshot, key)))

    async def _stores(self, external: Key, links: int = MAX_LINKS) -> None:
        body = self.snapshot.body(external)
        stores = external_secret_summary(body).stores if body is not None else ()
        await asyncio.gather(*map(self._object, stores))
        await asyncio.gather(*(self._credentials(each, links) for each in stores))

    async def _credentials(self, store: Key, links: int = MAX_LINKS) -> None:
        named = credentials_of(self.snapshot, store)
        await asyncio.gather(*map(self._object, named))
        await asyncio.gather(*(self._upstream(each, links - 1) for each in named))

    async def _mirrors(self, key: Key) -> None:
        """Read namespaces and the objects of the name that mirrors have, if the object is a source or a mirror."""
        body = self.snapshot.body(key)
        annotations = (body or {"metadata": {}})["metadata"].get("annotations") or {}
        marks = read_marks(annotations) if body is not None else None
        if marks is None:
            return
        names = {key.name, marks.target_name or key.name} if marks.source else {key.name}
        if marks.source:
            self.snapshot.unread.append(OTHER_NAMES)
        source = Key(key.resource, *marks.reflects) if marks.reflects else key
        lists = [self.observed(key.resource, fields=f"metadata.name={each}") for each in sorted({*names, source.name})]
        await asyncio.gather(self.observed(NAMESPACES), *lists)

    async def observed(self, resource: Resource, fields: str = "") -> None:
        """List metadata into the cache of the reflector's rules; too much of it is noted, and no mirrors are told."""
        try:
            async for items, _ in self.client.pages(resource, fields=fields, metadata_only=True):
                if not await self._affords(items):
                    self.snapshot.partial = True  # a plan on a part would call mirrors missing that exist
                    self.snapshot.unread.append(TOO_MANY_MIRRORS)
                    return
                await for_viewers(partial(self._observe, resource, items))
        except Forbidden:
            self.snapshot.unread.append(f"{resource.plural} of all namespaces: this user has no right to list them")

    def _observe(self, resource: Resource, items: Iterable[Body]) -> None:
        for body in items:
            self.snapshot.cache.observe(resource, None, body)

    async def _affords(self, items: list[Body]) -> bool:
        """Take objects out of the budget; return False if it is used up."""
        self.budget -= await for_viewers(lambda: sum(len(json.dumps(each)) for each in items))
        return self.budget >= 0

    async def _object(self, key: Key) -> None:
        if key in self.snapshot.bodies:
            return
        self.snapshot.bodies[key] = None
        try:
            self.snapshot.bodies[key] = await self._read(key)
        except Forbidden:
            self.snapshot.unread.append(f"{key}: this user has no right to get it")

    async def _read(self, key: Key) -> Body | None:
        if key.resource not in DATA:
            return await self.client.find(key)
        body = await self.client.find_metadata(key)
        if body is not None and not is_recorded(body["metadata"]):
            self.snapshot.names[key] = tuple(sorted((await self.client.get(key)).get("data") or ()))
        return body

    async def listed(self, resource: Resource, namespace: str) -> None:
        """List a kind in a namespace; what may not be listed is noted."""
        if (resource, namespace) in self.snapshot.listed:
            return
        bodies: list[Body] = []
        self.snapshot.listed[resource, namespace] = bodies
        try:
            async for items, _ in self.client.pages(resource, namespace=namespace, most=PAGE_OBJECTS):
                if not await self._affords(items):
                    text = f"{resource.plural} after the first {len(bodies)}: more than is looked at"
                    self.snapshot.unread.append(text)
                    return
                bodies += items
        except NotFound:
            return
        except Forbidden:
            where = f" in namespace {namespace}" if namespace else ""
            self.snapshot.unread.append(f"{resource.plural}{where}: this user has no right to list them")
