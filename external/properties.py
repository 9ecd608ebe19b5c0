"""From a provider's text to a value: `property`, `extract`, decoding, key conversion (providers 1.4-1.6; core 2.6)."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from manager.errors import NeedsHuman
from manager.plain import Plain

BEYOND = frozenset("*?#|@{}[]!\\")  # gjson syntax that this version does not read
LONGEST_KEY = 253

Fail = Callable[[str], Exception]


@dataclass(frozen=True, slots=True)
class _Slice:
    """A JSON value and the text it was written as."""

    value: Any
    text: str


def take(document: bytes, path: str) -> Plain | None:
    """Return the value at a property path, None when it does not exist.

    A key that contains the dots itself wins over the path. Strings come unescaped, numbers and nested values as they
    were written, null as empty.

    Raises:
        NeedsHuman: the path uses query syntax.

    """
    root = _parse(document)
    if root is None:
        return None
    found = _member(root, path)
    if found is None and BEYOND & set(path):
        raise NeedsHuman("SecretSyncedError", "property uses gjson query syntax, which this version does not read")
    if found is None:
        found = root
        for step in path.split("."):
            found = _member(found, step) if found is not None else None
    return None if found is None else _plain(found)


def to_map(document: bytes) -> dict[str, Plain] | None:
    """Return the members of a JSON object as values, None when the document is no object."""
    root = _parse(document)
    if root is None or not isinstance(root.value, dict):
        return None
    members = {name: _member(root, name) for name in root.value}
    return {name: _plain(member) for name, member in members.items() if member is not None}


def decode(value: Plain, strategy: str | None, fail: Fail) -> Plain:
    """Apply a decodingStrategy."""
    if strategy in (None, "", "None"):
        return value
    decoders: Mapping[str, tuple[str, ...]] = {"Base64": ("std",), "Base64URL": ("url",), "Auto": ("std", "url")}
    for kind in decoders[strategy or ""]:
        try:
            altchars = b"-_" if kind == "url" else None
            return Plain(base64.b64decode(value.reveal(), altchars=altchars, validate=True))
        except (binascii.Error, ValueError):
            continue
    if strategy == "Auto":
        return value
    raise fail(f"the value is not {strategy}")


def convert_keys(data: Mapping[str, Plain], strategy: str | None, fail: Fail) -> dict[str, Plain]:
    """Make every key fit for a Secret; two keys must not become one."""
    converted: dict[str, Plain] = {}
    for key, value in data.items():
        name = "".join(each if _fits(each) else _replacement(each, strategy) for each in key)
        if name in converted:
            raise fail(f"secret name collision during conversion: {name}")
        converted[name] = value
    return converted


def validate_keys(data: Mapping[str, Plain], fail: Fail) -> dict[str, Plain]:
    """Drop the empty key; refuse what the API server would refuse."""
    for key in data:
        if len(key.encode()) > LONGEST_KEY or not all(_fits(each) for each in key):
            raise fail("invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)")
    return {key: value for key, value in data.items() if key}


def _fits(character: str) -> bool:
    return character in "-._" or character.isalpha() or character.isnumeric()


def _replacement(character: str, strategy: str | None) -> str:
    return f"_U{ord(character):04x}_" if strategy == "Unicode" else "_"


def _plain(found: _Slice) -> Plain:
    if isinstance(found.value, str):
        return Plain(found.value.encode("utf-8", "surrogatepass"))
    return Plain(b"" if found.value is None else found.text.encode())


def _parse(document: bytes) -> _Slice | None:
    try:
        text = document.decode()
        return _Slice(json.loads(text), text.strip())
    except (ValueError, RecursionError):
        return None


def _member(holder: _Slice, step: str) -> _Slice | None:
    if isinstance(holder.value, dict) and step in holder.value:
        return _find(holder, lambda position, key: key == step)
    if isinstance(holder.value, list) and step.isdecimal() and int(step) < len(holder.value):
        wanted = int(step)
        return _find(holder, lambda position, key: position == wanted)
    return None


def _find(holder: _Slice, wanted: Callable[[int, str], bool]) -> _Slice | None:
    """Walk over the members of an object or array and return the last wanted one, with its own text."""
    text, at, position = holder.text, 1, 0
    decoder = json.JSONDecoder()
    keyed = isinstance(holder.value, dict)
    found = None
    while True:
        at = _skip(text, at)
        if text[at] in "}]":
            return found
        key = ""
        if keyed:
            key, at = decoder.raw_decode(text, at)
            at = _skip(text, at)
        value, end = decoder.raw_decode(text, at)
        if wanted(position, key):
            found = _Slice(value, text[at:end])
        at, position = end, position + 1


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n,:":
        at += 1
    return at
