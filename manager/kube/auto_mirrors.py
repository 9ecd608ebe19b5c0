"""How an object shows that it is an auto mirror: one that gives way to whoever claims its name (DESIGN.md 4a, 4)."""

from collections.abc import Collection, Mapping
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


def maker_of(meta: Body, controllers: Collection[str]) -> str:
    """Return the field manager that wrote the mark `reflects`, empty where one of the controllers did, or nobody knows.

    Whoever copies a mirror with its annotations (`kubectl get -o yaml | kubectl apply`) makes an object of his own.
    """
    entries = (each for each in meta.get("managedFields") or ())
    writers = {
        str(each.get("manager", "")) for each in entries if f"f:{REFLECTS}" in _annotations(each.get("fieldsV1") or {})
    }
    return "" if writers & set(controllers) else min(writers, default="")


def _annotations(fields: Body) -> Body:
    found: Body = (fields.get("f:metadata") or {}).get("f:annotations") or {}
    return found
