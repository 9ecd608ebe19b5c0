"""Write the status subresource: only on a difference, and never to another generation or another object."""

from typing import Any

from manager.core.errors import Conflict, NotFound
from manager.kube.client import KubeClient
from manager.kube.resources import Body, Key


async def write_status(client: KubeClient, key: Key, seen: Body, status: dict[str, Any]) -> Body:
    """Merge `status` into the object's status; return the object as the server has it.

    `seen` is the object from which the status was decided. A conflict is retried while uid and generation are the same:
    then only metadata or status changed. Raises Conflict if the spec changed, NotFound if the object is gone.
    """
    current = seen
    for _ in range(4):
        if _holds(current.get("status"), status):
            return current
        meta = current["metadata"]
        patch = {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}, "status": status}
        try:
            return await client.patch(key, patch, subresource="status")
        except Conflict:
            current = await client.get(key)
            _require_same(seen, current, key)
    raise Conflict(409, "Conflict", f"patch status {key}")


def _holds(current: object, wanted: dict[str, Any]) -> bool:
    present = current if isinstance(current, dict) else {}
    return all(present.get(name) == value for name, value in wanted.items())


def _require_same(seen: Body, current: Body, key: Key) -> None:
    if seen["metadata"]["uid"] != current["metadata"]["uid"]:
        raise NotFound(404, "NotFound", f"patch status {key}")
    if seen["metadata"].get("generation") != current["metadata"].get("generation"):
        raise Conflict(409, "Conflict", f"patch status {key}")
