"""Label selectors as the replaced controllers read them: of several equalities on a label the last one counts."""

from collections.abc import Mapping
from dataclasses import dataclass

import re2

NAME = re2.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
VALUE = re2.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
MAX_SELECTOR_CHARACTERS = 8_192  # the labels of a namespace are far shorter
SET = re2.compile(r"(\S+)\s+(in|notin)\s*\(([^()]*)\)")


class SelectorError(ValueError):
    """The selector is malformed, so it matches nothing."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: str
    """`=`, `in`, `notin`, `exists` or `absent`."""
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return True if the labels satisfy the condition."""
        value = labels.get(self.key)
        if self.operator == "exists":
            return value is not None
        if self.operator == "absent":
            return value is None
        return (value not in self.values) is (self.operator == "notin")  # an absent label is not in the set


def parse_selector(text: str) -> tuple[Requirement, ...]:
    """Parse a selector. Raises SelectorError if any part of it is malformed."""
    if len(text) > MAX_SELECTOR_CHARACTERS:
        raise SelectorError(f"it is longer than {MAX_SELECTOR_CHARACTERS} characters")
    parts = [part.strip() for part in _split(text) if part.strip()]
    if not parts:
        raise SelectorError("there is no requirement in it")
    found = [_requirement(part) for part in parts]
    # The last equality on a label wins, as in the original: `a=1,a=2` means `a=2`.
    last = {each.key: each for each in found if each.operator == "="}
    return tuple(each for each in found if each.operator != "=" or last[each.key] is each)


def _split(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def _requirement(part: str) -> Requirement:
    found = SET.fullmatch(part)
    if found is not None:
        return _set(found.group(1), found.group(2), found.group(3))
    if part.startswith("!") and "=" not in part:
        return Requirement(_name(part[1:].strip()), "absent")
    for sign, operator in (("!=", "notin"), ("==", "="), ("=", "=")):
        if sign in part:
            key, value = part.split(sign, 1)
            return Requirement(_name(key.strip()), operator, frozenset({_value(value.strip())}))
    return Requirement(_name(part), "exists")


def _set(key: str, operator: str, inner: str) -> Requirement:
    items = [item.strip() for item in inner.split(",") if item]
    if not items:
        raise SelectorError("a set is empty")
    return Requirement(_name(key), operator, frozenset(_value(item) for item in items))


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise SelectorError("a label's name is malformed")
    return text


def _value(text: str) -> str:
    if not VALUE.fullmatch(text):
        raise SelectorError("a label's value is malformed")
    return text
