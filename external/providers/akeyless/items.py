"""Items of Akeyless: names, types, values. Pure."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.naming import document
from manager.core.secret_value import SecretValue

STATIC, DYNAMIC, ROTATED, CERTIFICATE = "STATIC_SECRET", "DYNAMIC_SECRET", "ROTATED_SECRET", "CERTIFICATE"
LISTED = (STATIC, DYNAMIC, ROTATED)
MAX_NAME_CHARACTERS = 2048
"""Of a name with its type: thousands are kept."""


class Item(NamedTuple):
    """What is known of an item without its value."""

    name: str
    """As Akeyless shows it: with a slash in front."""
    kind: str
    tags: frozenset[str]


def full_name(key: str) -> str:
    """Return a key with one slash in front, as Akeyless names items. Raises ProviderDenied for an empty one."""
    if not key.strip("/"):
        raise ProviderDenied("the key is empty")
    return "/" + key.lstrip("/")


def item_of(call: str, body: object) -> Item:
    """Return an item as the API shows it. Raises ProviderUnavailable for what is none."""
    given = body if isinstance(body, dict) else {}
    name, kind, tags = given.get("item_name"), given.get("item_type"), given.get("item_tags") or []
    if not isinstance(name, str) or not isinstance(kind, str) or not isinstance(tags, list):
        raise ProviderUnavailable(f"{call}: the answer is no item")
    if len(name) + len(kind) > MAX_NAME_CHARACTERS:
        raise ProviderUnavailable(f"{call}: the answer is no item")
    return Item(full_name(name), kind.upper(), frozenset(each for each in tags if isinstance(each, str)))


def number_of(version: str) -> int | None:
    """Return the number of a version, None for the latest. Raises ProviderDenied for what is no number."""
    if not version:
        return None
    if not version.isascii() or not version.isdecimal() or len(version) > 9:
        raise ProviderDenied("the version of an item is a number")
    return int(version)


def static_value(name: str, body: Mapping[str, Any]) -> SecretValue | None:
    """Return the value of a static secret; None if the answer has none for this name. Raises ProviderUnavailable."""
    named = next((each for each in (name, name.lstrip("/")) if each in body), None)
    if named is None:
        return None
    found = body[named]
    if isinstance(found, dict):
        return document(found)
    if not isinstance(found, str):
        raise ProviderUnavailable("GetSecretValue: the answer holds no value")
    return SecretValue(found.encode("utf-8", "replace"))


def rotated_value(body: Mapping[str, Any]) -> SecretValue:
    """Return the payload of a rotated secret, else its target's value, else all that the answer holds."""
    value = body.get("value")
    if not isinstance(value, dict):
        return document(value if value is not None else dict(body))
    for name in ("payload", "target_value"):
        found = value.get(name)
        if found is not None:
            return SecretValue(found.encode("utf-8", "replace")) if isinstance(found, str) else document(found)
    return document(value)


def whole(call: str, body: Mapping[str, Any]) -> SecretValue:
    """Return an answer as JSON. Raises ProviderUnavailable for an empty one."""
    if not body:
        raise ProviderUnavailable(f"{call}: the answer is empty")
    return SecretValue(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"))
