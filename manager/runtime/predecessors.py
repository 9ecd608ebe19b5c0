"""Finds a live controller of a system that Coffer replaces: two of them must not write the same objects.

Its labels alone prove nothing: any tenant may run a Deployment that carries them, and would stop a module for the whole
cluster. What an original has and a tenant has not is the right to write Secrets everywhere.
"""

from collections.abc import Mapping

import structlog

from manager.core.errors import ApiError, Unreachable
from manager.kube.client import KubeClient
from manager.kube.resources import DEPLOYMENTS, SUBJECT_ACCESS_REVIEWS, Body

SELECTORS: Mapping[str, tuple[str, ...]] = {
    "sealed": ("app.kubernetes.io/name=sealed-secrets", "name=sealed-secrets-controller"),
    "external": ("app.kubernetes.io/name=external-secrets",),
    "reflector": ("app.kubernetes.io/name=reflector",),
}
"""Labels on the originals' Deployments, by their charts and manifests (sealed-secrets.md 8.2, reflector.md 2.14)."""

log = structlog.get_logger(__name__)


async def find_predecessor(client: KubeClient, module: str, home: str = "") -> str:
    """Return `namespace/name` of a running original of a module, empty when there is none or none can be seen.

    Args:
        client: the API server.
        module: which of the three.
        home: Coffer's own namespace, where nobody may look further; tenants have no Deployments in it.

    """
    for selector in SELECTORS.get(module, ()):
        try:
            async for items, _ in client.pages(DEPLOYMENTS, namespace=home, selector=selector):
                for body in items:
                    if _runs(body) and (home or await _may_write(client, body)):
                        return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
        except Unreachable:
            raise
        except ApiError as error:
            log.warning("cannot look for an original controller", module=module, status=error.status)
    return ""


async def _may_write(client: KubeClient, body: Body) -> bool:
    """Tell whether a Deployment's ServiceAccount may create Secrets in every namespace; where unknown, that it may."""
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


def _runs(body: Body) -> bool:
    return bool((body.get("status") or {}).get("readyReplicas"))
