"""Find a running controller that Coffer replaces: two controllers must not write the same objects.

Labels are no proof: any tenant may run a Deployment that carries them, and would stop a module for the whole cluster.
Only an original has the right to write Secrets in every namespace.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import structlog

from manager.core.clock import Jitter
from manager.core.errors import ApiError, Unreachable
from manager.kube.client import KubeClient
from manager.kube.resources import DEPLOYMENTS, SUBJECT_ACCESS_REVIEWS, Body
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
class PredecessorGate:
    """Keeps a module from writing while the controller that it replaces runs.

    Args:
        takeover: write although an original runs.
        interval: seconds between two checks while the module works.
        home: Coffer's own namespace if the process may read some namespaces only, empty for the whole cluster.
    """

    client: KubeClient
    metrics: Metrics
    jitter: Jitter
    takeover: bool
    interval: float
    home: str = ""

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
        return "" if self.takeover else await find_predecessor(self.client, module.name, self.home)


async def find_predecessor(client: KubeClient, module: str, home: str = "") -> str:
    """Return `namespace/name` of a running original of a module, empty if there is none or we may not see it.

    Args:
        client: the API server.
        module: the name of the module.
        home: the only namespace to search, Coffer's own, where tenants have no Deployments; empty for all.

    """
    try:
        async for body in labelled(client, module, home):
            if runs(body) and (home or await may_write(client, body)):
                return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
    except Unreachable:
        raise
    except ApiError as error:
        log.warning("cannot look for an original controller", module=module, status=error.status)
    return ""


async def labelled(client: KubeClient, module: str, home: str = "") -> AsyncIterator[Body]:
    """Yield the Deployments with the labels of a module's original, which any tenant may have set. Raises ApiError."""
    for selector in SELECTORS.get(module, ()):
        async for items, _ in client.pages(DEPLOYMENTS, namespace=home, selector=selector):
            for body in items:
                yield body


async def may_write(client: KubeClient, body: Body) -> bool:
    """Return True if a Deployment's ServiceAccount may create Secrets in every namespace, or if that is unknown."""
    namespace = body["metadata"]["namespace"]
    account = body["spec"]["template"]["spec"].get("serviceAccountName") or "default"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    review = {
        "apiVersion": SUBJECT_ACCESS_REVIEWS.api_version,
        "kind": SUBJECT_ACCESS_REVIEWS.kind,
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{account}",
            "groups": groups,
            "resourceAttributes": {"verb": "create", "resource": "secrets"},
        },
    }
    try:
        answer = await client.post(SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS.path(), review)
    except Unreachable:
        raise
    except ApiError as error:
        log.warning("cannot ask for the rights of a Deployment", namespace=namespace, status=error.status)
        return True
    return bool((answer.get("status") or {}).get("allowed"))


def runs(body: Body) -> bool:
    """Return True if a Deployment has a ready Pod."""
    return bool((body.get("status") or {}).get("readyReplicas"))
