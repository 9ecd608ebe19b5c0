"""An explanation as JSON. Names only, never values. Pure."""

from datetime import UTC, datetime
from typing import Any

from manager.chain.model import Explanation, KeyOrigin, Node

Record = dict[str, Any]


def record(found: Explanation) -> Record:
    """Return the whole explanation as JSON."""
    return {
        "kind": found.subject.resource.kind,
        "namespace": found.subject.namespace or None,
        "name": found.subject.name,
        "exists": found.exists,
        "healthy": not found.faults,
        "changed": _stamp(found.changed),
        "facts": [{"name": name, "text": text} for name, text in found.facts],
        "owners": list(found.owners),
        "keys": [_key_record(each) for each in found.keys],
        "managers": [{"name": each.name, "at": _stamp(each.at), "keys": list(each.keys)} for each in found.managers],
        "source": None if found.source is None else str(found.source),
        "mirrors": [
            {"namespace": each.key.namespace, "name": each.key.name, "state": each.state} for each in found.mirrors
        ],
        "pushedBy": list(found.pushed),
        "usedBy": [{"kind": each.kind, "name": each.name, "as": list(each.ways)} for each in found.users],
        "stalePods": [
            {"name": each.name, "started": _stamp(each.started), "containers": list(each.containers)}
            for each in found.stale
        ],
        "next": [{"what": each.what, "at": _stamp(each.at)} for each in found.next],
        "faults": [{"about": str(each.about), "problem": each.problem, "cure": each.cure} for each in found.faults],
        "tree": [_node(each) for each in found.trees],
        "notShown": list(found.unread),
    }


def _key_record(origin: KeyOrigin) -> Record:
    return {
        "name": origin.name,
        "giver": None if origin.giver is None else str(origin.giver),
        "entry": origin.entry or None,
        "store": None if origin.store is None else str(origin.store),
        "remoteKey": origin.remote_key or None,
        "property": origin.remote_property or None,
        "version": origin.version or None,
        "read": _stamp(origin.read),
        "written": _stamp(origin.written),
        "writer": origin.writer or None,
    }


def _node(node: Node) -> Record:
    return {
        "stage": str(node.stage),
        "name": node.name,
        "state": str(node.state),
        "note": node.note or None,
        "children": [_node(each) for each in node.children],
    }


def _stamp(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
