"""Takes values from a provider's JSON text, decodes them and converts keys, byte for byte as gjson and Go do."""

import base64
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal

from external.providers.protocol import ProviderError
from external.providers.support.naming import document
from manager.core.documents import ANSWER, Unreadable, decoder, read_json
from manager.core.secret_value import SecretValue

PLAIN_PATH = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
"""A path without any of gjson's special characters."""
ODD_INDEX = re.compile(r"(^|\.)(0[0-9]|[0-9]{9})")  # gjson reads 01 as 1, and too large an index wraps round
MAX_KEY_BYTES = 253
MAX_MEMBERS = 20_000  # of an object that becomes a Secret, which holds 1 MiB
MAX_INDEXED_VALUES = 100_000  # of one document, 25 MB of memory; a larger one is read by the sandbox


def _refuse(_name: str) -> float:
    raise ValueError("not JSON")  # NaN and Infinity: Python's reader accepts them


# Numbers keep their text. Integers are read as float: Python refuses integers of 4,300 digits.
DECODER = decoder(parse_int=float, parse_constant=_refuse)
LINE_ENDS = b"\r\n"  # Go's base64 decoders skip them: many stored values end with one

ALPHABETS = {"Base64": (b"+/",), "Base64URL": (b"-_",), "Auto": (b"+/", b"-_")}
WELL_FORMED = {
    signs: re.compile(rb"(?:[A-Za-z0-9%b]{4})*(?:[A-Za-z0-9%b]{2}==|[A-Za-z0-9%b]{3}=)?" % ((re.escape(signs),) * 3))
    for signs in (b"+/", b"-_")
}
"""What Go decodes: Python mixes the alphabets and accepts wrong padding."""

Fail = Callable[[str], Exception]


class Beyond(Exception):
    """Only gjson knows the answer."""


class _Container:
    """The positions of the members of one object or list; of a repeated name the first and the last.

    Reads no further than asked for, and nothing twice. Raises ValueError, Beyond.
    """

    def __init__(self, text: str, at: int, end_of: Callable[[int], int]) -> None:
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}
        self._text, self._end_of = text, end_of
        self._named, self._close = (True, "}") if text[at] == "{" else (False, "]")
        self._at = _skip(text, at + 1)
        self._number = 0
        self._open: int | None = None
        """Position of the member found last, whose end is not known yet."""

    def find(self, name: str) -> int | None:
        """Return the position of a member's value, None if there is no such member."""
        while name not in self.first and self._next():
            pass
        return self.first.get(name)

    def end(self) -> int:
        """Read all members and return the end of the container."""
        while self._next():
            pass
        return self._at + 1

    def _next(self) -> bool:
        """Read the next member; return False if there is none."""
        text, at = self._text, self._at
        if self._open is not None:
            at = _skip(text, self._end_of(self._open))
            self._at, self._open = at, None
            if text[at] == self._close:
                return False
            at = _after(text, at, ",")
        elif text[at] == self._close:
            return False
        name, at = _name(text, at) if self._named else (str(self._number), at)
        self.first.setdefault(name, at)
        self.last[name] = self._open = at
        self._number += 1
        return True


class Document:
    """A provider's text, parsed once for all lookups: tenants choose its size and depth."""

    def __init__(self, document: bytes) -> None:
        self._containers: dict[int, _Container] = {}
        self._ends: dict[int, int] = {}
        self._text, self._many = "", False
        try:
            self._text = document.decode().strip(" \t\r\n")
            if self._text[:1] in ("{", "["):
                whole = self._container(0).end() == len(self._text)
            else:
                DECODER.decode(self._text)
                whole = True
        except Beyond:
            whole, self._many = True, True
        except (ValueError, IndexError, RecursionError):
            whole = False
        self._is_json = whole

    def take(self, path: str, *, natural: bool = False) -> SecretValue | None:
        """Return the value at a property path, None if it does not exist.

        A key that contains the dots itself wins over the path; of a repeated key the first counts. As in gjson,
        strings come unescaped, nested values as written, numbers without an exponent, null as empty.

        Args:
            natural: take a member of exactly this name, whatever characters it has; return a list of texts as lines.

        Raises:
            Beyond: the document is very large or no JSON (gjson reads it nevertheless), or the path has gjson's special
                characters, or leads nowhere through members that may be repeated.

        """
        plain = PLAIN_PATH.fullmatch(path) is not None and ODD_INDEX.search(path) is None
        if (not plain and not natural) or not self._is_json or self._many:
            raise Beyond
        at = self._enter(0, path) if natural or self._text[:1] == "{" else None
        lines = natural and at is not None
        if at is None:
            if not plain:
                raise Beyond
            at = self._follow(path)
        return None if at is None else self._value(at, decimals=True, lines=lines)

    def to_map(self, *, decimals: bool = False, natural: bool = False) -> dict[str, SecretValue] | None:
        """Return the members of a JSON object as values, None if the document is no object.

        Args:
            decimals: write numbers without an exponent; otherwise they stay as written.
            natural: return a list of texts as lines.

        Raises:
            ProviderError: it has more members than any Secret has keys.

        """
        if not self._is_json or self._text[:1] != "{":
            return None
        members = {} if self._many else self._container(0).last
        if self._many or len(members) > MAX_MEMBERS:
            raise ProviderError(f"the JSON object has more than {MAX_MEMBERS} members")
        return {name: self._value(at, decimals=decimals, lines=natural) for name, at in members.items()}

    def _container(self, at: int) -> _Container:
        if at not in self._containers:
            self._containers[at] = _Container(self._text, at, self._end)
        return self._containers[at]

    def _end(self, start: int) -> int:
        """Return the end of the value at a position."""
        if start not in self._ends:
            if len(self._ends) >= MAX_INDEXED_VALUES:
                raise Beyond
            self._ends[start] = DECODER.raw_decode(self._text, start)[1]
        return self._ends[start]

    def _enter(self, at: int, step: str) -> int | None:
        return self._container(at).find(step) if self._text[at] in "{[" else None

    def _follow(self, path: str) -> int | None:
        at: int | None = 0
        steps = path.split(".")
        for step in steps:
            at = None if at is None else self._enter(at, step)
        if at is None and len(steps) > 1:
            raise Beyond
        return at

    def _value(self, start: int, *, decimals: bool, lines: bool) -> SecretValue:
        text = self._text[start : self._end(start)]
        if text[0] in "{[":
            return _rewritten(text) if lines else SecretValue(text.encode())
        value = DECODER.decode(text)
        if isinstance(value, str):
            # Half a surrogate pair becomes U+FFFD, as in Go: encoding it as UTF-8 would raise.
            return SecretValue(value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode())
        if value is None:
            return SecretValue(b"")
        return SecretValue((_number(value, text) if decimals and isinstance(value, float) else text).encode())


def take(document: bytes, path: str, *, natural: bool = False) -> SecretValue | None:
    """Return the value at a property path of a text, as `Document.take` does."""
    return Document(document).take(path, natural=natural)


def to_map(document: bytes, *, decimals: bool = False, natural: bool = False) -> dict[str, SecretValue] | None:
    """Return the members of a text that is a JSON object, as `Document.to_map` does."""
    return Document(document).to_map(decimals=decimals, natural=natural)


def decode(value: SecretValue, strategy: str | None, fail: Fail) -> SecretValue:
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
    raise fail(f"error applying decoding strategy {strategy} to data: the value is not {strategy}")


def convert_keys(data: Mapping[str, SecretValue], strategy: str | None, fail: Fail) -> dict[str, SecretValue]:
    """Replace all characters but letters and numbers of any script and `-._`. Raises if two keys become one."""
    converted: dict[str, SecretValue] = {}
    for key, value in data.items():
        name = "".join(each if _fits(each) else _replacement(each, strategy) for each in key)
        if name in converted:
            applied = f"error applying conversion strategy {strategy or 'Default'} to keys"
            raise fail(f"{applied}: secret name collision during conversion: {name}")
        converted[name] = value
    return converted


def validate_keys(data: Mapping[str, SecretValue], fail: Fail) -> dict[str, SecretValue]:
    """Drop the empty key. Raises for a key that the conversion would have changed."""
    for key in data:
        if len(key.encode()) > MAX_KEY_BYTES or not all(_fits(each) for each in key):
            raise fail("invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)")
    return {key: value for key, value in data.items() if key}


def _decoded(value: SecretValue, alphabet: bytes) -> SecretValue:
    text = value.reveal().translate(None, LINE_ENDS)
    if WELL_FORMED[alphabet].fullmatch(text) is None:
        raise ValueError("not of this alphabet")
    return SecretValue(base64.b64decode(text, altchars=alphabet))


def _fits(character: str) -> bool:
    if character.isascii():
        return character in "-._" or character.isalnum()
    return unicodedata.category(character)[0] in "LN"


def _replacement(character: str, strategy: str | None) -> str:
    return f"_U{ord(character):04x}_" if strategy == "Unicode" else "_"


def _rewritten(text: str) -> SecretValue:
    """Return an object or a list as Go's encoder writes it; a list of texts as lines."""
    try:
        value = read_json(text, ANSWER)
    except Unreadable:
        return SecretValue(text.encode())  # a number has thousands of digits
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return SecretValue(
            "\n".join(value).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
        )
    return document(value)


def _number(value: float, text: str) -> str:
    """Write a number as gjson does: integers with all digits, others as the shortest decimal without an exponent."""
    if text.removeprefix("-").isdecimal():
        return text
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    plain = format(Decimal(repr(value)), "f")
    return plain.rstrip("0").removesuffix(".") if "." in plain else plain


def _name(text: str, at: int) -> tuple[str, int]:
    """Return the name of a member and the position of its value."""
    if text[at] != '"':
        raise ValueError("not JSON")
    name, at = DECODER.raw_decode(text, at)
    return name, _after(text, _skip(text, at), ":")


def _after(text: str, at: int, sign: str) -> int:
    if text[at] != sign:
        raise ValueError("not JSON")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
