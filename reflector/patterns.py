"""Lists of regular expressions over namespace names, in linear time whatever a tenant writes (reflector.md 1.4)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

EXCEPT_PREFIX, EXCEPT_SUFFIX = "^(?!", ")"
LITERAL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True, slots=True)
class Match:
    """The answer for one name."""

    whole: bool
    """The first match, leftmost alternative first, covers the whole name: what the original accepts."""
    fully: bool
    """Some match covers the whole name: what most people mean."""
    invalid: tuple[str, ...]
    """Items that are no expression; they match nothing."""


@lru_cache(maxsize=65_536)
def match_list(patterns: str, name: str) -> Match:
    """Match a name against a comma-separated list; an item that is invalid matches nothing."""
    items = [item.strip() for item in patterns.split(",") if item.strip()]
    compiled = [(item, _compile(item)) for item in items]
    return Match(
        whole=any(each.whole(name) for _, each in compiled if each),
        fully=any(each.fully(name) for _, each in compiled if each),
        invalid=tuple(item for item, each in compiled if each is None),
    )


@dataclass(frozen=True, slots=True)
class _Expression:
    compiled: Any

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

    def whole(self, name: str) -> bool:
        return name not in self.names and not name.startswith(self.prefixes)

    fully = whole


@lru_cache(maxsize=4096)
def _compile(item: str) -> _Expression | _AllExcept | None:
    exclusion = _exclusion(item)
    if exclusion is not None:
        return exclusion
    options = re2.Options()
    options.log_errors = False
    try:
        return _Expression(re2.compile(item, options))
    except re2.error:
        return None


def _exclusion(item: str) -> _AllExcept | None:
    """Read the exclusion idiom: a negative look-ahead of literal names at the start, then `.*`."""
    body = item.removeprefix("^").removesuffix("$")
    if not body.startswith("(?!") or not body.endswith((").*", ").+")):
        return None
    inner = body[3:-3]
    anchored = inner.endswith("$")
    inner = inner.removesuffix("$")
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner.removeprefix("(").removeprefix("?:").removesuffix(")")
    names, prefixes = set(), []
    for alternative in inner.split("|"):
        whole = anchored or alternative.endswith("$")
        literal = alternative.removesuffix("$").removesuffix(".*")
        if not literal or not LITERAL.issuperset(literal):
            return None
        if whole and not alternative.endswith(".*"):
            names.add(literal)
        else:
            prefixes.append(literal)
    return _AllExcept(frozenset(names), tuple(prefixes))
