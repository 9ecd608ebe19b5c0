"""What a Secret becomes by a push. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from external.api.push_metadata.kubernetes import KubernetesPushSpec
from external.api.target import copied
from external.providers.push import PushRefused, PushRequest
from external.providers.support.pushing.marks import OWNER
from external.providers.support.pushing.payload import payload
from manager.core.secret_value import SecretValue
from manager.kube.writer import BOOTSTRAP_TOKEN, SERVICE_ACCOUNT_TOKEN

DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
OPAQUE = "Opaque"
MARKS = (
    "reconcile.external-secrets.io/",
    "external-secrets.io/",
    "reflector.v1.k8s.emberstack.com/reflects",  # not reflection-allowed and its like, which are settings
    "reflector.v1.k8s.emberstack.com/reflected-",
    "reflector.v1.k8s.emberstack.com/auto-reflects",
    "sealedsecrets.bitnami.com/",
    "coffer.dev/",
    "meta.helm.sh/",
    "kubernetes.io/service-account.",
)
"""Beginnings of labels and annotations that say whose the source is, or what may be done with it."""


def desired_secret(
    found: Mapping[str, Any] | None, name: str, request: PushRequest, spec: KubernetesPushSpec
) -> Mapping[str, Any]:
    """Return the Secret as it has to be; equal to the one that was found if that needs no write.

    Raises:
        PushRefused: key, property and values do not go together.

    """
    before: Mapping[str, Any] = found or {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    wanted = {**before, "metadata": _metadata(before["metadata"], request, spec), "data": _data(before, request)}
    if found is None:
        wanted["type"] = _type(request)
    elif not request.ref.property and request.source.type and _type(request) != (found.get("type") or OPAQUE):
        text = f"the remote Secret has the type {found.get('type')}, which cannot change"
        raise PushRefused(f"{text}: delete it to have it created with the source's, or push to another remoteKey")
    return wanted if found is None or wanted != {"data": {}, **found} else found


def _type(request: PushRequest) -> str:
    """Return the source's type, but none that makes an API server fill in or accept a token."""
    given = request.source.type
    return OPAQUE if given in ("", SERVICE_ACCOUNT_TOKEN, BOOTSTRAP_TOKEN) else given


def _data(before: Mapping[str, Any], request: PushRequest) -> dict[str, str]:
    name, old = request.ref.property, before.get("data") or {}
    if not name and request.secret_key:
        raise PushRefused("requires property in RemoteRef to push secret value if secret key is defined")
    if not name:
        return {key: _kept(old.get(key), value) for key, value in request.values.items()}
    if DATA_KEY.fullmatch(name) is None:
        raise PushRefused("data[].match.remoteRef.property: a Secret has no such key: letters, digits, -, _ and . only")
    return {**old, name: _kept(old.get(name), payload(request))}


def _kept(old: object, value: SecretValue) -> str:
    """Return a value in base64; as it was, if it has not changed."""
    try:
        if isinstance(old, str) and base64.b64decode(old) == value.reveal():
            return old
    except binascii.Error:
        pass
    return base64.b64encode(value.reveal()).decode()


def _metadata(before: Mapping[str, Any], request: PushRequest, spec: KubernetesPushSpec) -> dict[str, Any]:
    labels = _merged(before.get("labels"), request.source.labels, spec.labels, spec)
    annotations = _merged(before.get("annotations"), request.source.annotations, spec.annotations, spec)
    annotations[OWNER] = request.owner
    kept = {name: value for name, value in before.items() if name not in ("labels", "annotations")}
    return kept | ({"labels": labels} if labels else {}) | {"annotations": annotations}


def _merged(
    remote: Mapping[str, str] | None,
    source: Mapping[str, str],
    own: Mapping[str, str] | None,
    spec: KubernetesPushSpec,
) -> dict[str, str]:
    taken = {name: value for name, value in copied(source).items() if not name.startswith(MARKS)}
    pushed = (taken if spec.source_merge_policy == "Merge" else {}) | dict(own or {})
    match spec.target_merge_policy:
        case "Ignore":
            return dict(remote or {})
        case "Replace":
            return pushed
        case _:
            return {**(remote or {}), **pushed}
