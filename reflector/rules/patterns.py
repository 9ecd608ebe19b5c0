"""Lists of regular expressions over namespace names, in linear time whatever a tenant writes (reflector.md 1.4)."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2

LONGEST = 65_536  # characters of a list: three thousand names; what was parsed of one stays in memory
LARGEST_ITEM = 32_768  # bytes RE2 may use for one item: no search of a name takes longer than 0.1 ms
LARGEST_LIST = 10_000  # instructions of all items together: 500 names are decided within half a second
ITEM = 40  # instructions that calling RE2 for an item is worth
REMEMBERED = 4_096  # names whose answer a list keeps
LITERAL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True, slots=True)
class Match:
    """The answer for one name."""

    whole: bool
    """The first match, leftmost alternative first, covers the whole name: what the original accepts."""
    fully: bool
    """Some match covers the whole name: what most people mean."""


NONE, LATER, WHOLE = Match(whole=False, fully=False), Match(whole=False, fully=True), Match(whole=True, fully=True)


@dataclass(frozen=True, slots=True)
class Patterns:
    """A parsed list; an item that is invalid matches nothing."""

    names: frozenset[str]
    """Items that are plain names: a list of thousands costs one look-up."""
    expressions: tuple["_Expression | _AllExcept", ...]
    invalid: tuple[str, ...]
    """Items that are no expression, or too large."""
    _answers: dict[str, Match] = field(default_factory=dict)

    def match(self, name: str) -> Match:
        """Match a name against every item."""
        if name in self.names:
            return WHOLE
        found = self._answers.get(name)
        if found is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            found = self._answers[name] = self._match(name)
        return found

    def _match(self, name: str) -> Match:
        if any(each.whole(name) for each in self.expressions):
            return WHOLE
        return LATER if any(each.fully(name) for each in self.expressions) else NONE


@lru_cache(maxsize=64)
def patterns(text: str) -> Patterns:
    """Parse a comma-separated list of regular expressions."""
    if len(text) > LONGEST:
        return Patterns(frozenset(), (), (f"longer than {LONGEST} characters",))
    names, expressions, invalid, room = set(), [], [], LARGEST_LIST
    for item in (each.strip() for each in text.split(",")):
        if not item:
            continue
        if LITERAL.issuperset(item):
            names.add(item)
            continue
        compiled = _exclusion(item) or _compile(item, room)
        if compiled is None:
            invalid.append(item)
        else:
            expressions.append(compiled)
            room -= compiled.size
    return Patterns(frozenset(names), tuple(expressions), tuple(invalid))


@dataclass(frozen=True, slots=True)
class _Expression:
    compiled: Any

    @property
    def size(self) -> int:
        return ITEM + int(self.compiled.programsize)

    def whole(self, name: str) -> bool:
        found = self.compiled.search(name)
        return found is not None and len(found.group(0)) == len(name)

    def fully(self, name: str) -> bool:
        return self.compiled.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class _AllExcept:
    """`^(?!(?:a|b)$).*`: the usual way to exclude, which RE2 cannot say; recognised for literal names alone."""

    names: frozenset[str]
    prefixes: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names) + len(self.prefixes)

    def whole(self, name: str) -> bool:
        return name not in self.names and not name.startswith(self.prefixes)

    fully = whole


def _compile(item: str, room: int) -> _Expression | None:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = LARGEST_ITEM
    try:
        found = _Expression(re2.compile(item, options))
    except re2.error:
        return None
    return found if found.size <= room else None


def _exclusion(item: str) -> _AllExcept | None:
    """Read the exclusion idiom: a negative look-ahead of literal names at the start, then `.*`.

    What is not understood to the letter is refused: an exclusion read too narrowly would give a Secret away.
    """
    body = item.removeprefix("^").removesuffix("$")
    if not body.startswith("(?!") or not body.endswith((").*", ").+")):
        return None
    inner, ending = body[3:-3], ""
    for opening, closing in (("(?:", ")$"), ("(", ")$"), ("(?:", ")"), ("(", ")")):
        if inner.startswith(opening) and inner.endswith(closing):
            # Behind a group `$` stands for every alternative; without one only for the last, where it is seen below.
            inner, ending = inner[len(opening) : -len(closing)], closing[1:]
            break
    names, prefixes = set(), []
    for alternative in inner.split("|"):
        text = alternative + ending
        anchored = text.endswith("$")
        literal = text.rstrip("$")
        open_end = literal.endswith(".*")
        literal = literal.removesuffix(".*")
        if not literal or not LITERAL.issuperset(literal):
            return None
        if anchored and not open_end:
            names.add(literal)
        else:
            prefixes.append(literal)
    return _AllExcept(frozenset(names), tuple(prefixes))
