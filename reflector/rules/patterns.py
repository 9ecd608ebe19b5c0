"""Match namespace names with a tenant's list of regular expressions, in linear time."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2

MAX_LIST_CHARACTERS = 65_536  # three thousand names; parsed lists stay in memory
MAX_ITEM_BYTES = 32_768  # of RE2's memory for one item: no search of a name takes longer than 0.1 ms
MAX_LIST_INSTRUCTIONS = 10_000  # of all items together: 500 names take at most half a second
CALL_INSTRUCTIONS = 40  # what a call of RE2 costs, in instructions
MAX_ANSWERS = 4_096  # kept for each list
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
    """Items that are plain names; thousands of them cost one look-up."""
    expressions: tuple["_Expression | _AllExcept", ...]
    invalid: tuple[str, ...]
    """Items that are malformed or too large."""
    _answers: dict[str, Match] = field(default_factory=dict)

    def match(self, name: str) -> Match:
        """Match a name against every item."""
        if name in self.names:
            return WHOLE
        found = self._answers.get(name)
        if found is None:
            if len(self._answers) >= MAX_ANSWERS:
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
    if len(text) > MAX_LIST_CHARACTERS:
        return Patterns(frozenset(), (), (f"longer than {MAX_LIST_CHARACTERS} characters",))
    names, expressions, invalid, room = set(), [], [], MAX_LIST_INSTRUCTIONS
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


@lru_cache(maxsize=64)
def unmatched(text: str, names: frozenset[str]) -> tuple[str, ...]:
    """Return the items of a list that match none of these names; an exclusion matches what it does not name."""
    found = patterns(text)
    expressions = (each for each in found.expressions if not any(each.whole(name) for name in names))
    return (*sorted(found.names - names), *(each.text for each in expressions))


@dataclass(frozen=True, slots=True)
class _Expression:
    compiled: Any

    @property
    def text(self) -> str:
        return str(self.compiled.pattern)

    @property
    def size(self) -> int:
        return CALL_INSTRUCTIONS + int(self.compiled.programsize)

    def whole(self, name: str) -> bool:
        found = self.compiled.search(name)
        return found is not None and len(found.group(0)) == len(name)

    def fully(self, name: str) -> bool:
        return self.compiled.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class _AllExcept:
    """`^(?!(?:a|b)$).*`: the usual exclusion, which RE2 does not support; recognised for literal names only."""

    names: frozenset[str]
    prefixes: tuple[str, ...]
    text: str

    @property
    def size(self) -> int:
        return len(self.names) + len(self.prefixes)

    def whole(self, name: str) -> bool:
        return name not in self.names and not name.startswith(self.prefixes)

    fully = whole


def _compile(item: str, room: int) -> _Expression | None:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_ITEM_BYTES
    try:
        found = _Expression(re2.compile(item, options))
    except re2.error:
        return None
    return found if found.size <= room else None


def _exclusion(item: str) -> _AllExcept | None:
    """Read the exclusion idiom: a negative look-ahead of literal names at the start, then `.*`.

    Anything else is refused: an exclusion that is read too narrowly would copy a Secret to an excluded namespace.
    """
    body = item.removeprefix("^").removesuffix("$")
    if not body.startswith("(?!") or not body.endswith((").*", ").+")):
        return None
    inner, ending = body[3:-3], ""
    for opening, closing in (("(?:", ")$"), ("(", ")$"), ("(?:", ")"), ("(", ")")):
        if inner.startswith(opening) and inner.endswith(closing):
            # After a group, `$` belongs to every alternative; without a group only to the last, as checked below.
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
    return _AllExcept(frozenset(names), tuple(prefixes), item)
