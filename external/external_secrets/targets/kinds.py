"""Kinds that `target.manifest` names: found by discovery, and watched while an ExternalSecret uses them."""

import asyncio
from collections.abc import Callable

import re2
import structlog

from external.api.external_secret import ExternalSecretSpec
from external.errors import FAILED
from external.external_secrets.view import MANAGED
from manager.core.clock import Clock
from manager.core.errors import ApiError, NeedsHuman, Retry
from manager.kube.client import KubeClient
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Key, Resource, key_of
from manager.runtime.controller import describe

DISCOVERY_SECONDS = 300.0  # until a kind that was found is looked up again; its CRD may be gone
RETRY_SECONDS = 15.0  # between two attempts to watch
WATCH_PAUSE_SECONDS = 1.0  # between two watches: a server that ends each at once must not be asked without a pause
CACHED = frozenset({SECRETS, CONFIGMAPS})
API_VERSION = re2.compile(r"([a-z0-9][-a-z0-9.]*/)?v[0-9][a-z0-9]*")  # it becomes part of a URL
INVALID = "invalid generic target"

log = structlog.get_logger(__name__)


class NotServed(Retry):
    """The API server serves no such kind, so there are no objects of it either."""


def next_pause(last: float, lasted: float) -> float:
    """Return the pause after a watch that lasted so long; it doubles while watches end at once."""
    return WATCH_PAUSE_SECONDS if lasted > 2 * RETRY_SECONDS else min(2 * last, RETRY_SECONDS)


class TargetKinds:
    """Resources by apiVersion and kind.

    Args:
        changed: called with every labelled object that changed or is gone, and its resourceVersion (empty if gone).
        used: returns whether any ExternalSecret still writes objects of this kind.
    """

    def __init__(
        self,
        client: KubeClient,
        clock: Clock,
        changed: Callable[[Key, str], None],
        used: Callable[[Resource], bool],
        *,
        enabled: bool,
    ) -> None:
        self._client = client
        self._clock = clock
        self._changed = changed
        self._used = used
        self._enabled = enabled
        self._known: dict[tuple[str, str], tuple[Resource, float]] = {
            (each.api_version, each.kind): (each, float("inf")) for each in CACHED
        }
        self._seen: dict[Resource, dict[Key, str]] = {}
        self._watches: dict[Resource, asyncio.Task[None]] = {}

    async def of(self, spec: ExternalSecretSpec) -> Resource:
        """Return the kind of an ExternalSecret's target. Raises as `find` does."""
        manifest = spec.target.manifest
        return SECRETS if manifest is None else await self.find(manifest.api_version, manifest.kind)

    async def find(self, api_version: str, kind: str) -> Resource:
        """Return the resource of a kind.

        Raises:
            NeedsHuman: generic targets are switched off, or the kind is cluster-scoped.
            NotServed: the API server does not serve it, or not yet.

        """
        if not self._enabled:
            cure = "an administrator allows them by external.generic_targets"
            raise NeedsHuman(FAILED, f"{INVALID}: spec.target.manifest is switched off here; {cure}")
        if API_VERSION.fullmatch(api_version) is None or not kind:
            raise NeedsHuman(FAILED, f"{INVALID}: spec.target.manifest needs apiVersion and kind of a served kind")
        known, until = self._known.get((api_version, kind), (None, 0.0))
        if known is not None and self._clock.monotonic() < until:
            return known
        resource = await self._discover(api_version, kind)
        if known is not None and known.plural == resource.plural:
            resource = known  # one instance of each: watches and keys compare by identity
        self._known[api_version, kind] = resource, self._clock.monotonic() + DISCOVERY_SECONDS
        return resource

    def watch(self, resource: Resource) -> None:
        """Watch labelled objects of a resource, unless the cache does or a watch is running."""
        running = self._watches.get(resource)
        if resource not in CACHED and (running is None or running.done()):
            self._watches[resource] = asyncio.create_task(self._follow(resource), name=f"watch {resource.plural}")

    async def close(self) -> None:
        """End all watches."""
        for task in self._watches.values():
            task.cancel()
        await asyncio.gather(*self._watches.values(), return_exceptions=True)

    async def _discover(self, api_version: str, kind: str) -> Resource:
        group, _, version = api_version.rpartition("/")
        for each in await self._client.resources(api_version):
            if each.get("kind") == kind and "/" not in each.get("name", "/"):
                if not each.get("namespaced"):
                    text = f"{kind} stands outside of namespaces, and an ExternalSecret writes only into its own"
                    raise NeedsHuman(FAILED, f"{INVALID}: spec.target.manifest: {text}")
                return Resource(group, version, each["name"], kind)
        raise NotServed(FAILED, f"{INVALID}: spec.target.manifest: the API server serves no {kind} of {api_version}")

    async def _follow(self, resource: Resource) -> None:
        between = WATCH_PAUSE_SECONDS
        while self._used(resource):
            started = self._clock.monotonic()
            try:
                await self._once(resource)
                await asyncio.sleep(between)
                between = next_pause(between, self._clock.monotonic() - started)
            except ApiError as error:
                log.warning("cannot watch", resource=resource.plural, status=error.status)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:  # the watch of one kind must not end for an odd object
                log.error("watch failed", resource=resource.plural, error=describe(error))
                await asyncio.sleep(RETRY_SECONDS)
        self._seen.pop(resource, None)

    async def _once(self, resource: Resource) -> None:
        version, selector = "", f"{MANAGED}=true"
        seen = self._seen.setdefault(resource, {})
        before = dict(seen)
        async for items, listed in self._client.pages(resource, selector=selector):
            version = version or listed
            for body in items:
                before.pop(self._report(resource, body), None)
        for key in before:  # its DELETE event was missed between two watches
            del seen[key]
            self._changed(key, "")
        async for event, body in self._client.watch(resource, namespace="", selector=selector, version=version):
            if event == "ERROR":
                return  # most often 410: list again
            if event == "DELETED":
                seen.pop(key_of(resource, body), None)
                self._changed(key_of(resource, body), "")
            elif event != "BOOKMARK":
                self._report(resource, body)

    def _report(self, resource: Resource, body: Body) -> Key:
        """Report an object if its version is new: most objects of a list were reported before."""
        key, version = key_of(resource, body), body["metadata"].get("resourceVersion", "")
        if self._seen[resource].get(key) != version:
            self._seen[resource][key] = version
            self._changed(key, version)
        return key
