"""Read a cluster for a move. Reads only, in pages; of Secrets metadata, except the records of Helm releases."""

from collections.abc import Iterable

from external.generators.registry import CLUSTER_GENERATORS
from external.migration import needs_data, target_key
from manager.cli.migrate.listed import BINDINGS, CLUSTER_ROLES, CRDS, CRON_JOBS, SERVICES, WEBHOOKS, Listed
from manager.cli.migrate.originals import NAME_LABEL, ORIGINALS, ReleaseKey, release_of
from manager.cli.migrate.releases import Release, read_release
from manager.core.errors import Forbidden
from manager.kube.auto_mirrors import REFLECTS
from manager.kube.client import KubeClient
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_PUSH_SECRETS,
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    DEPLOYMENTS,
    EXTERNAL_SECRETS,
    NAMESPACES,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    Resource,
    key_of,
)
from manager.kube.writer import SEALING_KEY_LABEL
from manager.runtime.predecessors import find_predecessor, labelled, may_write

READ_WHOLE = (
    SEALED_SECRETS,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SECRET_STORES,
    CLUSTER_SECRET_STORES,
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_PUSH_SECRETS,
    CLUSTER_GENERATORS,
)
INSTANCE_LABEL = "app.kubernetes.io/instance"


class Reader:
    """Fills what is known of a cluster, one part after the other.

    Args:
        remembered: kind, namespace and name of objects whose metadata is kept, whoever refers to them now.
    """

    def __init__(
        self, client: KubeClient, listed: Listed, remembered: frozenset[tuple[str, str, str]] = frozenset()
    ) -> None:
        self._client = client
        self._listed = listed
        self._remembered = remembered
        self._records: dict[ReleaseKey, tuple[int, Key]] = {}
        """The last revision of every Helm release, and the Secret that records it."""

    async def read(self) -> None:
        """Read everything. Raises ApiError."""
        await self._crds()
        await self._kinds()
        await self._metadata()
        await self._originals()
        await self._access()
        await self._releases()

    async def _crds(self) -> None:
        groups = {group for each in ORIGINALS.values() for group in each.groups}
        for body in await self._all(CRDS):
            name = body["metadata"]["name"]
            if name.partition(".")[2] in groups:
                found = await self._client.find(Key(CRDS, "", name))
                self._listed.crds += [found] if found is not None else []

    async def _kinds(self) -> None:
        known = {(each.group, each.plural): each for each in READ_WHOLE}
        for crd in self._listed.crds:
            spec = crd["spec"]
            served = [each["name"] for each in spec["versions"] if each.get("served")]
            whole = known.get((spec["group"], spec["names"]["plural"]))
            if whole is not None and whole.version in served:
                self._listed.bodies[whole] = await self._all(whole)
            elif served:
                resource = _metadata_of(spec, served[0])
                self._listed.bodies[resource] = await self._all(resource)

    async def _metadata(self) -> None:
        """Read the metadata that decides who owns what, and drop the rest."""
        sealed = {Key(SECRETS, key.namespace, key.name) for key in self._keys(SEALED_SECRETS)}
        targets = {target_key(each): each for each in self._listed.of(EXTERNAL_SECRETS)}
        for resource in (NAMESPACES, SECRETS, CONFIGMAPS):
            async for items, _ in self._client.pages(resource, metadata_only=True):
                for body in items:
                    key = key_of(resource, body)
                    self._listed.cache.observe(resource, None, body)
                    self._note_record(key, body)
                    if key in sealed or key in targets or _marked(body) or self._is_remembered(key):
                        self._listed.metadata[key] = body
        for key, external in targets.items():
            held = self._listed.metadata.get(key)
            if held is not None and needs_data(external, held):
                found = await self._client.find(key)
                self._listed.metadata |= {key: found} if found is not None else {}

    def _is_remembered(self, key: Key) -> bool:
        return (key.resource.kind, key.namespace, key.name) in self._remembered

    def _note_record(self, key: Key, body: Body) -> None:
        """Remember the last revision of a release, whatever became of it: `helm uninstall` goes by that."""
        labels = body["metadata"].get("labels") or {}
        if labels.get("owner") == "helm" and key.resource is SECRETS:
            release = ReleaseKey(key.namespace, str(labels.get("name", "")))
            version = str(labels.get("version", ""))
            revision = int(version) if version.isdecimal() else 0
            self._records[release] = max(self._records.get(release, (0, key)), (revision, key), key=_revision)

    async def _originals(self) -> None:
        for module, original in ORIGINALS.items():
            self._listed.live[module] = await find_predecessor(self._client, module)
            mains = [body async for body in labelled(self._client, module) if await may_write(self._client, body)]
            instances = {_instance(body) for body in mains}
            others = []
            for name in original.names[1:]:
                found = await self._all(DEPLOYMENTS, f"{NAME_LABEL}={name}")
                others += [each for each in found if _instance(each) in instances]
            self._listed.deployments[module] = [*mains, *others]
            for name in original.names:
                self._listed.services += await self._all(SERVICES, f"{NAME_LABEL}={name}")
        self._listed.services += await self._all(SERVICES, "name=sealed-secrets-controller")
        self._listed.cron_jobs = await self._all(CRON_JOBS, f"{NAME_LABEL}={ORIGINALS['reflector'].names[0]}")

    async def _access(self) -> None:
        for resource in WEBHOOKS:
            self._listed.webhooks += [{"kind": resource.kind, **each} for each in await self._all(resource)]
        self._listed.cluster_roles = await self._all(CLUSTER_ROLES)
        for resource in BINDINGS:
            self._listed.bindings += [{"kind": resource.kind, **each} for each in await self._all(resource)]

    async def _releases(self) -> None:
        deployments = [each for found in self._listed.deployments.values() for each in found]
        living = {release_of(each["metadata"]) for each in deployments}
        for owner in living | {release_of(each["metadata"]) for each in self._listed.crds}:
            # Without a record and a Deployment, the annotations are left of a release that is gone.
            if owner is not None and (owner in living or owner in self._records):
                self._listed.releases[owner] = await self._release(self._records.get(owner))

    async def _release(self, record: tuple[int, Key] | None) -> Release | None:
        """Return a release; None if its record cannot be read, or is kept in another place than a Secret."""
        try:
            body = await self._client.find(record[1]) if record is not None else None
        except Forbidden:
            body = None
        return None if body is None else read_release(body)

    def _keys(self, resource: Resource) -> Iterable[Key]:
        return (key_of(resource, each) for each in self._listed.of(resource))

    async def _all(self, resource: Resource, selector: str = "") -> list[Body]:
        pages = self._client.pages(resource, selector=selector)
        return [body async for items, _ in pages for body in items]


def _metadata_of(spec: Body, version: str) -> Resource:
    names, namespaced = spec["names"], spec["scope"] == "Namespaced"
    return Resource(spec["group"], version, names["plural"], names["kind"], namespaced=namespaced, metadata_only=True)


def _revision(record: tuple[int, Key]) -> int:
    return record[0]


def _instance(deployment: Body) -> tuple[str, str]:
    meta = deployment["metadata"]
    return meta["namespace"], str((meta.get("labels") or {}).get(INSTANCE_LABEL, ""))


def _marked(body: Body) -> bool:
    """Return True for mirrors and sealing keys."""
    meta = body["metadata"]
    return REFLECTS in (meta.get("annotations") or {}) or SEALING_KEY_LABEL in (meta.get("labels") or {})
