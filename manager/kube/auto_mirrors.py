"""The annotations of mirrors, and which objects are auto mirrors: those give way to an owner of their name."""

from collections.abc import Collection, Mapping
from typing import Any

from manager.kube.managed_fields import managers_of
from manager.kube.resources import Body

PREFIX = "reflector.v1.k8s.emberstack.com/"
REFLECTS = PREFIX + "reflects"
AUTO_REFLECTS = PREFIX + "auto-reflects"
REFLECTED_VERSION = PREFIX + "reflected-version"
REFLECTED_AT = PREFIX + "reflected-at"
MARKS = frozenset({REFLECTS, AUTO_REFLECTS, REFLECTED_VERSION, REFLECTED_AT})


def yields(secret: Mapping[str, Any]) -> bool:
    """Return True if the reflector pushed a Secret and it has no owner.

    A SealedSecret or ExternalSecret of its name may take it over; then the reflector leaves it alone.
    """
    meta = secret["metadata"]
    annotations = meta.get("annotations") or {}
    pushed = str(annotations.get(AUTO_REFLECTS, "")).strip().lower() == "true" and bool(annotations.get(REFLECTS))
    return pushed and not meta.get("ownerReferences")


def author_of(metadata: Body, controllers: Collection[str]) -> str:
    """Return the field manager that wrote `reflects`; empty if it is one of the controllers, or not recorded.

    A copy of a mirror with its annotations (`kubectl get -o yaml | kubectl apply`) belongs to whoever applied it.
    """
    authors = managers_of(metadata, "metadata", "annotations", REFLECTS)
    return "" if authors & set(controllers) else min(authors, default="")
