"""Find a running controller that Coffer replaces: two controllers must not write the same objects.

Labels are no proof: any tenant may run a Deployment that carries them, and would stop a module for the whole cluster.
Only an original has the right to write Secrets in every namespace. A process that is limited to some namespaces looks
in these alone, and asks each of them for the rights there. In Coffer's own namespace labels suffice: tenants have no
Deployments in it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import structlog

from manager.core.clock import Jitter
from manager.core.errors import ApiError, Unreachable
from manager.kube.client import KubeClient
from manager.kube.resources import DEPLOYMENTS, LOCAL_SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS, Body
from manager.runtime.metrics import Metrics
from manager.runtime.module import Module

SELECTORS: Mapping[str, tuple[str, ...]] = {
    "sealed": ("app.kubernetes.io/name=sealed-secrets", "name=sealed-secrets-controller"),
    "external": ("app.kubernetes.io/name=external-secrets",),
    "reflector": ("app.kubernetes.io/name=reflector",),
}
"""Labels on the originals' Deployments, as their charts and manifests set them."""

POLL_SECONDS = 5.0  # between two checks whether an original has stopped
UNREACHABLE_SECONDS = 3.0  # until the next check after the API server did not answer

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Confinement:
    """Where a process that is limited to some namespaces looks for an original."""

    home: str
    """Coffer's own namespace."""
    namespaces: tuple[str, ...]
    """Those that it is limited to; its own may be among them."""

    @property
    def places(self) -> tuple[str, ...]:
        """Every namespace to search."""
        return tuple(dict.fromkeys((self.home, *self.namespaces)))


@dataclass(frozen=True)
class PredecessorGate:
    """Keeps a module from writing while the controller that it replaces runs.

    Args:
        takeover: write although an original runs.
        interval: seconds between two checks while the module works.
        within: where to look if the process may read some namespaces only; None: everywhere.
    """

    client: KubeClient
    metrics: Metrics
    jitter: Jitter
    takeover: bool
    interval: float
    within: Confinement | None = None

    async def wait(self, module: Module) -> None:
        """Return once no original of the module runs."""
        gauge = self.metrics.observing.labels(module.name)
        while True:
            try:
                found = await self._find(module)
            except Unreachable:
                await asyncio.sleep(UNREACHABLE_SECONDS)
                continue
            gauge.set(1 if found else 0)
            if not found:
                return
            log.warning("an original controller is running; only observing", module=module.name, original=found)
            await asyncio.sleep(POLL_SECONDS)

    async def give_way(self, module: Module) -> None:
        """Pause the module's controllers whenever an original is found that was started later; never returns."""
        while True:
            await asyncio.sleep(self.jitter.spread(self.interval))
            try:
                found = await self._find(module)
            except Unreachable:
                continue
            if found:
                for controller in module.controllers:
                    controller.pause()
                await self.wait(module)
                log.info("module goes on", module=module.name)
                for controller in module.controllers:
                    controller.go_on()

    async def _find(self, module: Module) -> str:
        return "" if self.takeover else await find_predecessor(self.client, module.name, self.within)


async def find_predecessor(client: KubeClient, module: str, within: Confinement | None = None) -> str:
    """Return `namespace/name` of a running original of a module, empty if there is none or we may not see it.

    Args:
        client: the API server.
        module: the name of the module.
        within: the namespaces to search; None: the whole cluster.

    """
    for selector in SELECTORS.get(module, ()):
        for place in within.places if within else ("",):
            async for body in _running(client, module, place, selector):
                if (within and place == within.home) or await may_write(client, body, within):
                    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
    return ""


async def _running(client: KubeClient, module: str, place: str, selector: str) -> AsyncIterator[Body]:
    """Yield the running Deployments with an original's labels in a namespace, none if we may not see them."""
    try:
        async for items, _ in client.pages(DEPLOYMENTS, namespace=place, selector=selector):
            for body in items:
                if (body.get("status") or {}).get("readyReplicas"):
                    yield body
    except Unreachable:
        raise
    except ApiError as error:
        log.warning("cannot look for an original controller", module=module, namespace=place, status=error.status)


async def labelled(client: KubeClient, module: str) -> AsyncIterator[Body]:
    """Yield the Deployments with the labels of a module's original, which any tenant may have set. Raises ApiError."""
    for selector in SELECTORS.get(module, ()):
        async for items, _ in client.pages(DEPLOYMENTS, selector=selector):
            for body in items:
                yield body


async def may_write(client: KubeClient, body: Body, within: Confinement | None = None) -> bool:
    """Return True if a Deployment's ServiceAccount may create Secrets in every namespace, or if that is unknown."""
    for namespace in within.namespaces if within else ("",):
        if not await _may_write_in(client, body, namespace):
            return False
    return True


async def _may_write_in(client: KubeClient, body: Body, place: str) -> bool:
    namespace = body["metadata"]["namespace"]
    account = body["spec"]["template"]["spec"].get("serviceAccountName") or "default"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    resource = LOCAL_SUBJECT_ACCESS_REVIEWS if place else SUBJECT_ACCESS_REVIEWS
    about = {"namespace": place} if place else {}
    review = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": about,
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{account}",
            "groups": groups,
            "resourceAttributes": {"verb": "create", "resource": "secrets", **about},
        },
    }
    try:
        answer = await client.post(resource, resource.path(place), review)
    except Unreachable:
        raise
    except ApiError as error:
        log.warning("cannot ask for the rights of a Deployment", namespace=namespace, status=error.status)
        return True
    return bool((answer.get("status") or {}).get("allowed"))
