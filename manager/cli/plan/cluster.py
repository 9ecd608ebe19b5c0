"""Read what a plan compares manifests with. Reads only; of Secrets metadata, but for a manifest that is one."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from external.push_summaries import push_secret_summary
from external.summaries import external_secret_summary
from manager.cli.lint.schemas import crds
from manager.cli.manifests.reading import Manifest
from manager.cli.plan.keys import target_name
from manager.core.errors import ApiError, Forbidden, NeedsHuman, NotFound, Unreachable
from manager.kube.client import KubeClient
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_PUSH_SECRETS,
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    Resource,
)

PLANNED: dict[tuple[str, str], Resource] = {
    (each.group, each.kind): each
    for each in (
        SECRETS,
        CONFIGMAPS,
        SEALED_SECRETS,
        EXTERNAL_SECRETS,
        SECRET_STORES,
        CLUSTER_SECRET_STORES,
        CLUSTER_EXTERNAL_SECRETS,
        PUSH_SECRETS,
        CLUSTER_PUSH_SECRETS,
    )
}
AT_ONCE = 8


@dataclass
class Cluster:
    """What was read, by key; None for what does not exist."""

    bodies: dict[Key, Body | None] = field(default_factory=dict)
    unread: dict[Key, str] = field(default_factory=dict)
    """What may not be read, or not be read whole, and why."""

    def of(self, key: Key | None) -> Body | None:
        """Return an object; None if it does not exist, or was not read."""
        return None if key is None else self.bodies.get(key)


def key_of(manifest: Manifest) -> Key | None:
    """Return the key of a manifest that is planned; None for any other kind, and for one without a name."""
    resource = PLANNED.get((manifest.group, manifest.kind))
    if resource is None or not manifest.name or (resource.namespaced and not manifest.namespace):
        return None
    return Key(resource, manifest.namespace if resource.namespaced else "", manifest.name)


def target_of(manifest: Manifest) -> Key | None:
    """Return the Secret that a manifest makes; None if it makes none."""
    name = target_name(manifest)
    return Key(SECRETS, manifest.namespace, name) if name and manifest.namespace else None


def stores_of(manifest: Manifest) -> tuple[Key, ...]:
    """Return the stores that a manifest names."""
    body = {**manifest.body, "metadata": {"namespace": manifest.namespace, "name": manifest.name}}
    try:
        if manifest.kind == "ExternalSecret":
            return external_secret_summary(body).stores
        return push_secret_summary(body).stores if manifest.kind == "PushSecret" else ()
    except NeedsHuman:
        return ()  # the rules tell it


async def read(client: KubeClient, given: Sequence[Manifest]) -> Cluster:
    """Read the objects of the manifests, their Secrets and their stores. Raises Unreachable."""
    found, turns = Cluster(), asyncio.Semaphore(AT_ONCE)

    async def one(key: Key) -> None:
        async with turns:
            try:
                whole = key.resource is not SECRETS or key in plain
                found.bodies[key] = await (client.find(key) if whole else client.find_metadata(key))
            except Unreachable:
                raise
            except Forbidden:
                found.unread[key] = "this user has no right to it"
            except NotFound:
                found.bodies[key] = None
            except ApiError as error:
                found.unread[key] = str(error)

    plain = {key for each in given if each.kind == "Secret" and (key := key_of(each)) is not None}
    await asyncio.gather(*map(one, dict.fromkeys(_keys(given))))
    return found


def _keys(given: Iterable[Manifest]) -> Iterable[Key]:
    for each in given:
        yield from (key for key in (key_of(each), target_of(each)) if key is not None)
        if each.group == EXTERNAL_SECRETS.group:
            yield from stores_of(each)


def unplanned(manifest: Manifest) -> bool:
    """Return True for a kind that Coffer has nothing to do with."""
    known = (manifest.group, manifest.kind) in PLANNED or (manifest.group, manifest.kind) in crds()
    return not known
