"""How an object shows that it is an auto mirror: one that gives way to whoever claims its name (DESIGN.md 4a, 4)."""

from collections.abc import Mapping
from typing import Any

from manager.kube.resources import Body

PREFIX = "reflector.v1.k8s.emberstack.com/"
REFLECTS = PREFIX + "reflects"
AUTO_REFLECTS = PREFIX + "auto-reflects"
REFLECTED_VERSION = PREFIX + "reflected-version"
REFLECTED_AT = PREFIX + "reflected-at"
MARKS = frozenset({REFLECTS, AUTO_REFLECTS, REFLECTED_VERSION, REFLECTED_AT})


def yields(secret: Mapping[str, Any]) -> bool:
    """Tell whether a Secret was pushed here by the reflector and is owned by nobody else.

    A SealedSecret or ExternalSecret of the name may take it over; the reflector then leaves it alone.
    """
    meta = secret["metadata"]
    annotations = meta.get("annotations") or {}
    pushed = str(annotations.get(AUTO_REFLECTS, "")).strip().lower() == "true" and bool(annotations.get(REFLECTS))
    return pushed and not meta.get("ownerReferences")


def marked_by(meta: Body, manager: str) -> bool:
    """Tell whether a field manager wrote the mark `reflects`, not somebody who copied a mirror with its annotations."""
    entries = (each for each in meta.get("managedFields") or () if each.get("manager") == manager)
    return any(f"f:{REFLECTS}" in _annotations(each.get("fieldsV1") or {}) for each in entries)


def _annotations(fields: Body) -> Body:
    found: Body = (fields.get("f:metadata") or {}).get("f:annotations") or {}
    return found
