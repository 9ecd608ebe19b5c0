"""The `data` of a Secret between base64 on the wire and masked values in the process."""

import base64
from collections.abc import Mapping

from manager.kube.resources import Body
from manager.plain import Plain

LARGEST = 1024 * 1024  # bytes of all values together (Kubernetes: MaxSecretSize)


def decoded(secret: Body) -> dict[str, Plain]:
    """Return the values of a Secret as the API server gave it."""
    return {key: Plain(base64.b64decode(value or "")) for key, value in (secret.get("data") or {}).items()}


def encoded(data: Mapping[str, Plain]) -> dict[str, str]:
    """Return `data` for a write: the one place where plaintext leaves its type."""
    return {key: base64.b64encode(value.reveal()).decode() for key, value in data.items()}


def size(data: Mapping[str, Plain]) -> int:
    """Return the bytes of all values together."""
    return sum(len(value) for value in data.values())
