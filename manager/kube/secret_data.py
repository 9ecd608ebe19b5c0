"""Convert the `data` of a Secret between base64 on the wire and masked values in the process."""

import base64
from collections.abc import Mapping

from manager.core.secret_value import SecretValue
from manager.kube.resources import Body

LARGEST = 1024 * 1024  # of all values together, as the API server allows


def decoded(secret: Body) -> dict[str, SecretValue]:
    """Return the decoded values of a Secret."""
    return {key: SecretValue(base64.b64decode(value or "")) for key, value in (secret.get("data") or {}).items()}


def encoded(data: Mapping[str, SecretValue]) -> dict[str, str]:
    """Return `data` for a write: the only place where plaintext leaves its masked type."""
    return {key: base64.b64encode(value.reveal()).decode() for key, value in data.items()}


def size(data: Mapping[str, SecretValue]) -> int:
    """Return the number of bytes of all values together."""
    return sum(len(value) for value in data.values())
