"""Read `managedFields`: which field manager wrote which field of an object. Pure.

The API server keeps this record itself, so unlike a label or an annotation it proves who wrote a field. A path is given
by plain names, such as `"metadata", "labels"`; without one it is the object itself.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from manager.kube.resources import Body


def is_recorded(metadata: Body) -> bool:
    """Return True if the API server keeps a record for the object at all."""
    return bool(metadata.get("managedFields"))


def managers_of(metadata: Body, *path: str) -> frozenset[str]:
    """Return the field managers that are recorded for a field."""
    return frozenset(manager for manager, fields in _entries(metadata) if _at(fields, path) is not None)


def manages(metadata: Body, manager: str, *path: str) -> bool:
    """Return True if a field manager is recorded for a field."""
    return manager in managers_of(metadata, *path)


def managers_of_item(metadata: Body, item: str, *path: str) -> frozenset[str]:
    """Return the field managers that are recorded for an item of a list of strings, such as a finalizer."""
    name = f"v:{json.dumps(item)}"
    return frozenset(manager for manager, fields in _entries(metadata) if name in (_at(fields, path) or ()))


def owned_keys(metadata: Body, manager: str, *path: str) -> frozenset[str]:
    """Return the names of the fields beneath a path that are recorded for a field manager."""
    maps = (_at(fields, path) for name, fields in _entries(metadata) if name == manager)
    return frozenset(key.removeprefix("f:") for each in maps for key in each or () if key.startswith("f:"))


def _entries(metadata: Body) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in metadata.get("managedFields") or ():
        yield str(entry.get("manager", "")), entry.get("fieldsV1") or {}


def _at(fields: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any] | None:
    """Return the record beneath a path, None if the path is not recorded."""
    for name in path:
        found = fields.get(f"f:{name}")
        if not isinstance(found, Mapping):
            return None
        fields = found
    return fields
