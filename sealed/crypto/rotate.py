"""Seal a SealedSecret again with the current key, item by item and in its own scope; the template stays. Pure."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sealed.crypto.unseal import Keys, binding, mapping, open_object
from sealed.crypto.wire_format import CannotDecrypt, Scope, seal

KEPT = ("name", "namespace", "labels", "annotations", "finalizers")  # fields that the API server fills in are left out
LAST_APPLIED = ("kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration")


def rotate(sealed: Mapping[str, Any], keys: Keys, current: RSAPublicKey, *, legacy: bool) -> dict[str, Any]:
    """Return the SealedSecret with new ciphertexts, without apiVersion and kind as the original answers.

    The scope is that of the object's own metadata, with which the old values must have opened: it cannot widen
    (CVE-2026-22728). No template is rendered: who asks learns nothing about a value.

    Raises:
        UnsealFailed, CannotDecrypt: a value cannot be opened, or a strict one has no place.

    """
    scope, bound_to = binding(sealed)
    metadata = mapping(sealed.get("metadata"))
    if scope is Scope.STRICT and not (metadata.get("namespace") and metadata.get("name")):
        raise CannotDecrypt
    opened = open_object(sealed, keys, legacy=legacy)
    template = mapping(sealed.get("spec")).get("template") if opened.template is None else _cleaned(opened.template)
    items = {name: seal(current, value, bound_to) for name, value in sorted(opened.values.items())}
    spec = ({"template": template} if template else {}) | {"encryptedData": items}
    return {"metadata": _kept(metadata), "spec": spec}


def _kept(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: metadata[name] for name in KEPT if metadata.get(name)}
    if "annotations" in kept:
        annotations = mapping(kept["annotations"])
        kept["annotations"] = {name: text for name, text in annotations.items() if name not in LAST_APPLIED}
    return kept


def _cleaned(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template that a legacy value brought, without what its API server had filled in."""
    return {**template, "metadata": _kept(mapping(template.get("metadata")))}
