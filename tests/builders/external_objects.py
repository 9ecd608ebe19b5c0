"""Builders of ExternalSecrets and their targets, with defaults."""

import base64
from typing import Any

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parse
from external.external_secrets.plan import Plan, plan
from external.external_secrets.view import ExternalSecret, View
from manager.core.secret_value import SecretValue
from manager.kube.resources import EXTERNAL_SECRETS, Key

KEY = Key(EXTERNAL_SECRETS, "ns", "es")
UID = "es-uid"


def spec(**changes: Any) -> ExternalSecretSpec:
    raw = {"secretStoreRef": {"name": "store"}, "data": [{"secretKey": "k", "remoteRef": {"key": "r"}}], **changes}
    return parse(ExternalSecretSpec, raw, reason="SecretSyncedError")


def view(secret: Any = None, target: Any = None, **meta: Any) -> View:
    body = {"metadata": {"namespace": "ns", "name": "es", "uid": UID, "generation": 1, **meta}}
    return View(ExternalSecret(KEY, body), spec(target=target or {}), secret)


def values(**data: str) -> dict[str, SecretValue]:
    return {name: SecretValue(text.encode()) for name, text in data.items()}


def decided(secret: Any = None, data: Any = None, target: Any = None, **meta: Any) -> Plan:
    """Decide for an ExternalSecret that fetched these data."""
    return plan(view(secret, target, **meta), None if data is None else values(**data))


def encoded(**data: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def secret(owner: Any = None, manager: str = "", keys: Any = ("k",), made: bool = False, **more: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "namespace": "ns",
        "name": "es",
        "uid": "s",
        "resourceVersion": "7",
        **more.pop("metadata", {}),
    }
    if owner:
        meta["ownerReferences"] = [
            {
                "kind": "ExternalSecret",
                "name": "es",
                "uid": owner,
                "controller": True,
                "apiVersion": "external-secrets.io/v1",
                "blockOwnerDeletion": True,
            }
        ]
    if manager:
        fields = {"f:data": {f"f:{key}": {} for key in keys}, "f:metadata": {"f:labels": {"f:stale": {}}}}
        fields |= {"f:type": {}} if made else {}
        meta["managedFields"] = [{"manager": manager, "fieldsV1": fields}]
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": encoded(k="v"), **more}
