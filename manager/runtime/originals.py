"""Finds a live controller of a system that Coffer replaces: two of them must not write the same objects."""

from collections.abc import Mapping

import structlog

from manager.errors import ApiError, Unreachable
from manager.kube.client import KubeClient
from manager.kube.resources import DEPLOYMENTS, Body

SELECTORS: Mapping[str, tuple[str, ...]] = {
    "sealed": ("app.kubernetes.io/name=sealed-secrets", "name=sealed-secrets-controller"),
    "external": ("app.kubernetes.io/name=external-secrets",),
    "reflector": ("app.kubernetes.io/name=reflector",),
}
"""Labels on the originals' Deployments, by their charts and manifests (sealed-secrets.md 8.2, reflector.md 2.14)."""

log = structlog.get_logger(__name__)


async def find_original(client: KubeClient, module: str) -> str:
    """Return `namespace/name` of a running original of a module, empty when there is none or none can be seen."""
    for selector in SELECTORS.get(module, ()):
        try:
            async for items, _ in client.pages(DEPLOYMENTS, selector=selector):
                for body in items:
                    if _runs(body):
                        return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
        except Unreachable:
            raise
        except ApiError as error:
            log.warning("cannot look for an original controller", module=module, status=error.status)
    return ""


def _runs(body: Body) -> bool:
    return bool((body.get("status") or {}).get("readyReplicas"))
