"""What a vault's answers say: names, values, tags, times. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.naming import document
from manager.core.clock import MAX_SECOND
from manager.core.secret_value import SecretValue

KINDS = {"secret": "secrets", "key": "keys", "cert": "certificates"}
"""Type of an object as `remoteRef.key` names it -> collection in the API."""
NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
VERSION = re.compile(r"[0-9A-Za-z]{1,64}")
KEY_MEMBERS = ("kid", "kty", "key_ops", "n", "e", "crv", "x", "y")
"""The public part of a key, in the order in which external-secrets writes it."""
TIMES = {"exp": "expires", "created": "created", "updated": "updated", "nbf": "notBefore"}
TAG_SEPARATOR = "."


class Place(NamedTuple):
    """Which object of a vault."""

    kind: str
    """secret, key or cert."""
    name: str

    @property
    def path(self) -> str:
        """Its path in the API."""
        return f"{KINDS[self.kind]}/{self.name}"


class VaultValue(SecretValue):
    """A value with what it is taken from: an object, or the tags of one."""

    __slots__ = ("kind", "name", "tag")

    def __init__(self, value: bytes, kind: str, name: str, tag: str = "") -> None:
        super().__init__(value)
        self.kind = kind
        """secret, key, cert, or tags."""
        self.name = name
        self.tag = tag
        """The property of the tags that it is; empty for a whole."""


class VaultObject(NamedTuple):
    """One version of an object, as the API shows it."""

    place: Place
    version: str
    body: Mapping[str, Any]

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Return its attributes."""
        return _mapping(self.body.get("attributes"))

    @property
    def tags(self) -> dict[str, str]:
        """Return its tags."""
        return {str(name): str(text) for name, text in _mapping(self.body.get("tags")).items()}

    @property
    def updated(self) -> int:
        """Return the second of its last change, 0 if it is not told."""
        found = self.attributes.get("updated")
        return found if isinstance(found, int) and 0 < found < MAX_SECOND else 0

    @property
    def enabled(self) -> bool:
        """Return True unless it is disabled."""
        return self.attributes.get("enabled") is not False


def place_of(key: str) -> Place:
    """Return which object a key names; text after a second slash has no effect. Raises ProviderDenied."""
    kind, slash, rest = key.partition("/")
    if not slash:
        kind, rest = "secret", key
    name = rest.partition("/")[0]
    if kind not in KINDS:
        raise ProviderDenied(f"unknown Azure Keyvault object Type for {key}: it is secret/, key/ or cert/ and a name")
    if not NAME.fullmatch(name):
        raise ProviderDenied("the name of an object has 1 to 127 letters, digits and dashes, and no other characters")
    return Place(kind, name)


def object_of(call: str, place: Place | None, body: Mapping[str, Any]) -> VaultObject:
    """Return what an answer, or an item of a list, shows. Raises ProviderUnavailable for what is no object of a vault.

    Args:
        place: what was asked for; None for an item of a list of secrets.
    """
    identifier = body.get("id") or body.get("kid") or _mapping(body.get("key")).get("kid")
    steps = identifier.split("/")[3:] if isinstance(identifier, str) else []
    if len(steps) < 2 or not isinstance(body.get("attributes"), dict):
        raise ProviderUnavailable(f"{call}: the answer is no object of a vault")
    found = Place("secret", steps[1]) if place is None else place
    if not NAME.fullmatch(found.name):
        raise ProviderUnavailable(f"{call}: the answer is no object of a vault")
    if [each.lower() for each in steps[:2]] != found.path.lower().split("/"):
        raise ProviderUnavailable(f"{call}: the answer is another object than the one that was asked for")
    return VaultObject(found, steps[2] if len(steps) > 2 else "", body)


def value_of(call: str, found: VaultObject) -> VaultValue:
    """Return the value of a secret, the DER of a certificate, or a public key as JSON. Raises ProviderUnavailable."""
    return VaultValue(_content(call, found), found.place.kind, found.place.name)


def tags_of(found: VaultObject, *, with_times: bool) -> VaultValue:
    """Return the tags of an object as JSON. Raises ProviderDenied for a time that is none.

    Args:
        with_times: whether its times are among them, as external-secrets has them without `useAzureSDK`.
    """
    told = found.tags
    for name, shown in TIMES.items() if with_times else ():
        second = found.attributes.get(name)
        if isinstance(second, int):
            if not 0 <= second < MAX_SECOND:
                raise ProviderDenied(f"its attribute {name} is no time that can be written")
            told[f"attribute.{shown}"] = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return VaultValue(document(told).reveal(), "tags", found.place.name)


def tag_value(whole: VaultValue, path: str) -> SecretValue | tuple[SecretValue, str] | None:
    """Return one tag, or a tag and the path into it if it is JSON; None without such a tag."""
    tags = json.loads(whole.reveal())
    if path in tags:
        return VaultValue(tags[path].encode(), "tags", whole.name, path)
    head, _, rest = path.partition(TAG_SEPARATOR)
    if not rest or head not in tags:
        return None
    return SecretValue(tags[head].encode()), rest


def tag_members(found: VaultValue) -> Mapping[str, SecretValue]:
    """Return tags by `NAME_TAG`; a tag that is a JSON object of texts becomes one value for each of its members."""
    if found.tag:
        return {f"{found.name}_{found.tag}": found}
    members: dict[str, SecretValue] = {}
    for tag, text in json.loads(found.reveal()).items():
        inner = _texts(text)
        given = {f"_{name}": each for name, each in inner.items()} if inner is not None else {"": text}
        members |= {f"{found.name}_{tag}{name}": SecretValue(each.encode()) for name, each in given.items()}
    return members


def _texts(tag: str) -> Mapping[str, str] | None:
    try:
        parsed = json.loads(tag) if len(tag) <= 256 and tag.startswith("{") else None  # a tag has 256 characters
    except ValueError:
        return None
    if not isinstance(parsed, dict) or not all(isinstance(each, str) for each in parsed.values()):
        return None
    return parsed


def _content(call: str, found: VaultObject) -> bytes:
    if found.place.kind == "secret":
        value = found.body.get("value")
        if isinstance(value, str):
            return value.encode("utf-8", "replace")
    elif found.place.kind == "key":
        key = _mapping(found.body.get("key"))
        if isinstance(key.get("kty"), str):
            shown = {name: key[name] for name in KEY_MEMBERS if key.get(name) is not None}
            return json.dumps(shown, separators=(",", ":")).encode()
    else:
        try:
            return base64.b64decode(str(found.body["cer"]), validate=True)
        except (KeyError, binascii.Error):
            pass
    raise ProviderUnavailable(f"{call}: the answer holds no value")


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def error_of(place: Place, error: ProviderError) -> ProviderError:
    """Return an error of one of several objects, which names it."""
    return type(error)(f"{place.name}: {error}")
