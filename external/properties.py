"""From a provider's text to a value: `property`, `extract`, decoding, key conversion (providers 1.4-1.6; core 2.6)."""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from manager.plain import Plain

PLAIN_PATH = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
"""Without any of gjson's signs."""
ODD_INDEX = re.compile(r"(^|\.)(0[0-9]|[0-9]{9})")  # gjson reads 01 as 1, and an index that is too large as a small one
LONGEST_KEY = 253


def _refuse(_name: str) -> float:
    raise ValueError("not JSON")  # NaN and Infinity, which Python would take


# Numbers are kept as text; Python refuses integers of 4,300 digits.
DECODER = json.JSONDecoder(parse_int=float, parse_constant=_refuse)
LINE_ENDS = b"\r\n"  # Go's decoders skip them: many a value in a store ends with one

ALPHABETS = {"Base64": (b"+/",), "Base64URL": (b"-_",), "Auto": (b"+/", b"-_")}

Fail = Callable[[str], Exception]


class Beyond(Exception):
    """Only gjson itself knows the answer."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """A JSON value and the text it was written as."""

    value: Any
    text: str


def take(document: bytes, path: str, *, natural: bool = False) -> Plain | None:
    """Return the value at a property path, None when it does not exist.

    A key that contains the dots itself wins over the path; of a key that stands twice the first counts. Strings come
    unescaped, nested values as they were written, numbers without an exponent, null as empty (providers 1.5).

    Args:
        natural: a member of exactly this name is taken whatever is in it, and a list of texts given line by line.

    Raises:
        Beyond: the document is no JSON, which gjson reads all the same, or the path has its signs, or leads nowhere
            through members that may stand twice.

    """
    plain = PLAIN_PATH.fullmatch(path) is not None and ODD_INDEX.search(path) is None
    if not plain and not natural:
        raise Beyond
    root = _parse(document)
    if root is None:
        raise Beyond
    at = _enter(root.text, 0, path) if natural or root.text[:1] == "{" else None
    lines = natural and at is not None
    if at is None:
        if not plain:
            raise Beyond
        at = _follow(root.text, path)
        if at is None:
            return None
    value, end = DECODER.raw_decode(root.text, at)
    text = root.text[at:end]
    if lines and _is_lines(value):
        return Plain("\n".join(value).encode())
    return _plain(_Slice(value, _number(value, text) if isinstance(value, float) else text))


def _follow(text: str, path: str) -> int | None:
    at: int | None = 0
    steps = path.split(".")
    for step in steps:
        at = None if at is None else _enter(text, at, step)
    if at is None and len(steps) > 1:
        raise Beyond
    return at


def to_map(document: bytes, *, decimals: bool = False, natural: bool = False) -> dict[str, Plain] | None:
    """Return the members of a JSON object as values, None when the document is no object.

    Args:
        decimals: write numbers without an exponent; otherwise they stay as they were written.
        natural: give a list of texts line by line.
    """
    root = _parse(document)
    if root is None or not isinstance(root.value, dict):
        return None
    members = _members(root)
    if decimals:
        members = {
            name: replace(each, text=_number(each.value, each.text)) if isinstance(each.value, float) else each
            for name, each in members.items()
        }
    return {
        name: Plain("\n".join(member.value).encode()) if natural and _is_lines(member.value) else _plain(member)
        for name, member in members.items()
    }


def decode(value: Plain, strategy: str | None, fail: Fail) -> Plain:
    """Apply a decodingStrategy."""
    if strategy in (None, "", "None"):
        return value
    for alphabet in ALPHABETS[strategy or ""]:
        try:
            return _decoded(value, alphabet)
        except ValueError:
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


def _decoded(value: Plain, alphabet: bytes) -> Plain:
    text = value.reveal().translate(None, LINE_ENDS)
    if alphabet == b"-_" and any(each in text for each in (b"+", b"/")):
        raise ValueError("not of this alphabet")  # b64decode takes both alphabets then
    return Plain(base64.b64decode(text, altchars=alphabet, validate=True))


def _fits(character: str) -> bool:
    return character in "-._" or (character.isascii() and character.isalnum())  # what the API server takes


def _replacement(character: str, strategy: str | None) -> str:
    return f"_U{ord(character):04x}_" if strategy == "Unicode" else "_"


def _plain(found: _Slice) -> Plain:
    if isinstance(found.value, str):
        # Half a surrogate pair becomes U+FFFD, as in Go: it has no UTF-8, and encoding it would raise.
        whole = found.value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return Plain(whole.encode())
    return Plain(b"" if found.value is None else found.text.encode())


def _parse(document: bytes) -> _Slice | None:
    try:
        text = document.decode().strip(" \t\r\n")
        return _Slice(DECODER.decode(text), text)
    except (ValueError, RecursionError):
        return None


def _is_lines(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _number(value: float, text: str) -> str:
    """Write a number as gjson does: integers digit by digit, others as the shortest decimal without an exponent."""
    if text.removeprefix("-").isdecimal():
        return text
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    plain = format(Decimal(repr(value)), "f")
    return plain.rstrip("0").removesuffix(".") if "." in plain else plain


def _enter(text: str, at: int, step: str) -> int | None:
    """Return where the value of one member starts in the container at `at`, None when there is no such member.

    What stands before it is skipped and nothing is read twice: tenants choose how deep and how large a document is, and
    the event loop waits.
    """
    if text[at] not in "{[":
        return None
    named, position, at = text[at] == "{", 0, _skip(text, at + 1)
    while text[at] not in "}]":
        name = str(position)
        if named:
            name, at = DECODER.raw_decode(text, at)
            at = _skip(text, at)
        if name == step:
            return at
        _, end = DECODER.raw_decode(text, at)
        position, at = position + 1, _skip(text, end)
    return None


def _members(holder: _Slice) -> dict[str, _Slice]:
    """Return the members of an object, each with its own text, in one pass over it."""
    found: dict[str, _Slice] = {}
    text, at = holder.text, _skip(holder.text, 1)
    while text[at] != "}":
        name, at = DECODER.raw_decode(text, at)
        start = _skip(text, at)
        value, end = DECODER.raw_decode(text, start)
        found[name] = _Slice(value, text[start:end])
        at = _skip(text, end)
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n,:":
        at += 1
    return at
