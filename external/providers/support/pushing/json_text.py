"""Sets and removes one value in a JSON text; the rest keeps its order, spacing and digits. Pure.

Texts are edited, not written again: a number of twenty digits would come back as another one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from external.providers.push import PushRefused
from external.providers.support.pushing.payload import json_text
from manager.core.documents import ANSWER, Unreadable, decoder, read_json

PROPERTY = "data[].match.remoteRef.property"
SEARCHING = frozenset("*?|#")
FORCED_NAME = re.compile(r":\d+")
DECODER = decoder(parse_int=float)  # Python refuses integers of 4,300 digits
MAX_MEMBERS = 20_000
MAX_STEPS = 50  # of a property; each makes an object around the value
BLANKS = " \t\r\n"
NO_OBJECT = "what the provider holds is no JSON object, so it has no property to push to"


class _Member(NamedTuple):
    """A member of an object, or an item of a list."""

    name: str
    start: int
    """Where its name begins; of an item, its value."""
    value: int
    end: int


@dataclass(frozen=True)
class _Container:
    """An object or list inside a text."""

    at: int
    named: bool
    """Whether it is an object."""
    members: Sequence[_Member]

    def find(self, name: str) -> int | None:
        """Return the number of the first member of a name, which is the one that is read."""
        return next((number for number, each in enumerate(self.members) if each.name == name), None)


def steps_of(path: str) -> tuple[str, ...]:
    r"""Return the names that a property path leads through; `\.` is a dot inside a name.

    Raises:
        PushRefused: the path has an empty step, or one that searches.

    """
    steps, signs = [""], iter(path)
    for sign in signs:
        if sign == "\\":
            steps[-1] += next(signs, "")
        elif sign == ".":
            steps.append("")
        elif sign in SEARCHING or (sign == "@" and not steps[-1]):
            raise PushRefused(rf"{PROPERTY}: a step with {sign} searches; write \{sign} for the sign itself")
        else:
            steps[-1] += sign
    if len(steps) > MAX_STEPS:
        raise PushRefused(f"{PROPERTY}: it has more than {MAX_STEPS} steps")
    if "" in steps:
        raise PushRefused(rf"{PROPERTY}: it has an empty step; write \. for a dot that belongs to a name")
    return tuple(each[1:] if FORCED_NAME.fullmatch(each) else each for each in steps)


class JsonText:
    """A JSON object as text.

    Raises:
        PushRefused: it is no JSON object.

    """

    def __init__(self, text: str) -> None:
        try:
            if not isinstance(read_json(text, ANSWER), dict):
                raise PushRefused(NO_OBJECT)
        except Unreadable:
            raise PushRefused(NO_OBJECT) from None
        self.text = text
        self._root = _container(text, _skip(text, 0))

    def __bool__(self) -> bool:
        return bool(self._root.members)

    def raw(self, path: Sequence[str]) -> str | None:
        """Return the value at a path as it is written, None if there is none."""
        way = self._way(path)
        if len(way) < len(path):
            return None
        container, number = way[-1]
        member = container.members[number]
        return self.text[member.value : member.end]

    def with_text(self, path: Sequence[str], value: str) -> str:
        """Return the text with a string at a path, and with objects around it where there are none.

        Raises:
            PushRefused: the path leads into a list or a scalar, or to an object or list, which would be lost.

        """
        way = self._way(path)
        if len(way) == len(path):
            return self._replaced(way[-1], value)
        inner = self._root if not way else _opened(self.text, way[-1])
        if inner is None or not inner.named:
            raise PushRefused(f"{PROPERTY}: it leads into what is no object: remove that, or push to another property")
        added: object = value
        for step in reversed(path[len(way) + 1 :]):
            added = {step: added}
        member = f"{json_text(path[len(way)])}:{json_text(added)}"
        if not inner.members:
            return self.text[: inner.at + 1] + member + self.text[inner.at + 1 :]
        end = inner.members[-1].end
        return f"{self.text[:end]},{member}{self.text[end:]}"

    def without(self, path: Sequence[str]) -> str | None:
        """Return the text without the value at a path and the objects that it leaves empty; None if there is none.

        Raises:
            PushRefused: it is an item of a list, whose other items would move.

        """
        way = self._way(path)
        if len(way) < len(path):
            return None
        while len(way) > 1 and len(way[-1][0].members) == 1 and way[-1][0].named:
            way.pop()
        container, number = way[-1]
        if not container.named:
            raise PushRefused(f"{PROPERTY}: it is an item of a list, whose other items would move")
        members = container.members
        start, end = members[number].start, members[number].end
        if number:
            start = members[number - 1].end
        elif len(members) > 1:
            end = members[1].start
        return self.text[:start] + self.text[end:]

    def _way(self, path: Sequence[str]) -> list[tuple[_Container, int]]:
        """Return the containers on a path, each with the number of the next member; fewer where it ends early."""
        way: list[tuple[_Container, int]] = []
        inner: _Container | None = self._root
        for step in path:
            number = inner.find(step) if inner is not None else None
            if inner is None or number is None:
                break
            way.append((inner, number))
            inner = _opened(self.text, way[-1])
        return way

    def _replaced(self, place: tuple[_Container, int], value: str) -> str:
        member = place[0].members[place[1]]
        before = self.text[member.value : member.end]
        if before[0] in "{[":
            raise PushRefused(f"{PROPERTY}: an object or a list is there, which would be lost: remove it first")
        if DECODER.decode(before) == value:
            return self.text
        return self.text[: member.value] + json_text(value) + self.text[member.end :]


def document_with(document: bytes, path: str, value: str) -> bytes:
    """Return a JSON document with a text at a property; an empty one becomes an object. Raises PushRefused."""
    found = _read(document or b"{}")
    return found.with_text(_as_read(found, path), value).encode()


def document_without(document: bytes, path: str) -> bytes | None:
    """Return a JSON document without a property, None if it has none; empty if nothing is left. Raises PushRefused."""
    found = _read(document)
    rest = found.without(_as_read(found, path))
    return None if rest is None else rest.encode() if JsonText(rest) else b""


def has_property(document: bytes, path: str) -> bool:
    """Return True if a document is a JSON object with a property. Raises PushRefused for a path that is none."""
    steps = steps_of(path)
    try:
        found = _read(document)
    except PushRefused:
        return False
    return found.raw((path,)) is not None or found.raw(steps) is not None


def _read(document: bytes) -> JsonText:
    try:
        return JsonText(document.decode())
    except UnicodeDecodeError:
        raise PushRefused(NO_OBJECT) from None


def _as_read(document: JsonText, path: str) -> tuple[str, ...]:
    """Return the way to a property as readers find it: a name that contains the dots itself wins over the path."""
    steps = steps_of(path)
    return (path,) if len(steps) > 1 and document.raw((path,)) is not None else steps


def _opened(text: str, place: tuple[_Container, int]) -> _Container | None:
    at = place[0].members[place[1]].value
    return _container(text, at) if text[at] in "{[" else None


def _container(text: str, at: int) -> _Container:
    """Return the members of the object or list at a position of a text that is JSON."""
    named, members = text[at] == "{", list[_Member]()
    here = _skip(text, at + 1)
    while text[here] not in "}]":
        start, name = here, str(len(members))
        if named:
            name, here = DECODER.raw_decode(text, here)
            here = _skip(text, _skip(text, here) + 1)
        end = DECODER.raw_decode(text, here)[1]
        members.append(_Member(name, start, here, end))
        if len(members) > MAX_MEMBERS:
            raise PushRefused(f"the provider's document has an object or list of more than {MAX_MEMBERS} members")
        here = _skip(text, end)
        if text[here] == ",":
            here = _skip(text, here + 1)
    return _Container(at, named, members)


def _skip(text: str, at: int) -> int:
    while text[at] in BLANKS:
        at += 1
    return at
