"""Hashes that ExternalSecrets and their targets carry, bit for bit as external-secrets computes them."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from manager.core.secret_value import SecretValue
from manager.kube.resources import Body

FIELD_MANAGER = "externalsecrets.external-secrets.io/"
DECIMALS = tuple(map(str, range(256)))  # five times as fast as `str`: a MiB is hashed several times while others wait
MAX_MANAGER_CHARACTERS = 63  # a longer name is hashed, as in external-secrets


def object_hash(rendering: str | bytes) -> str:
    """Return lowercase hex SHA3-224 of Go's `%+v` text of a value."""
    return hashlib.sha3_224(rendering if isinstance(rendering, bytes) else rendering.encode()).hexdigest()


def data_hash(data: Mapping[str, SecretValue]) -> str:
    """Return the hash of a Secret's data: `map[key:[1 2 3] …]`, keys in byte order, bytes in decimal."""
    decimal = DECIMALS.__getitem__
    entries = (
        f"{key}:[{' '.join(map(decimal, value.reveal()))}]" for key, value in sorted(data.items(), key=_bytes_of_key)
    )
    return object_hash(f"map[{' '.join(entries)}]")


def metadata_hash(labels: Mapping[str, str] | None, annotations: Mapping[str, str] | None) -> str:
    """Return the hash of an object's annotations and labels."""
    return object_hash(f"{{annotations:{_go_map(annotations)} labels:{_go_map(labels)}}}")


def synced_version(body: Body) -> str:
    """Return the `status.syncedResourceVersion` of an object after its sync."""
    meta = body["metadata"]
    return f"{meta.get('generation', 0)}-{metadata_hash(meta.get('labels'), meta.get('annotations'))}"


def owner_hash(namespace: str, name: str) -> str:
    """Return the value of the created-by label."""
    return object_hash(f"{namespace}/{name}")


def field_manager(name: str) -> str:
    """Return the field manager under which the target of an ExternalSecret is written."""
    plain = FIELD_MANAGER + name
    return plain if len(plain) <= MAX_MANAGER_CHARACTERS else f"{FIELD_MANAGER}sha3/{object_hash(name)}"


def _go_map(values: Mapping[str, str] | None) -> str:
    ordered = sorted((values or {}).items(), key=lambda item: item[0].encode())
    return f"map[{' '.join(f'{key}:{value}' for key, value in ordered)}]"


def _bytes_of_key(item: tuple[str, SecretValue]) -> bytes:
    return item[0].encode()


def content_hash(body: Body) -> str | None:
    """Return the hash of an object's spec, or of its data where it has no spec; None where it has neither."""
    content = body.get("spec", body.get("data"))
    return None if content is None else object_hash(_go_value(content))


def _go_value(value: Any) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _go_float(value)
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda item: str(item[0]).encode())
        return f"map[{' '.join(f'{key}:{_go_value(each)}' for key, each in ordered)}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_go_value, value))}]"
    return str(value)


def _go_float(value: float) -> str:
    """Write a number as Go's %v: the shortest digits, with an exponent below -4 and from 6 on (asked of Go 1.26)."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    point = len(digits) + int(exponent)
    text = "".join(map(str, digits))
    minus = "-" if sign else ""
    if value and not -4 < point <= 6:
        mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
        return f"{minus}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1):02d}"
    return minus + format(Decimal(repr(abs(value))).normalize(), "f")


def spec_hash(spec: object) -> str:
    """Return a hash of a spec."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
