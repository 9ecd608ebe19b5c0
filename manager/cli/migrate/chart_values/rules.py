"""The rows of the tables: where a value of an original's chart goes, or why it has no counterpart. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, Any]


class NoCounterpart(Exception):
    """A conversion found that what is set cannot be said here; the text says why, and quotes no value."""


class Several(dict[str, Any]):
    """The result of a conversion that sets several values: path -> value."""


Convert = Callable[[Any, Values], Any]
"""Takes a value and all values of its file. Returns our value, or Several. Raises NoCounterpart."""


def as_it_is(value: Any, _values: Values) -> Any:
    """Return a value unchanged."""
    return value


@dataclass(frozen=True)
class Rule:
    """One value of an original's chart, or a mapping with all that is in it.

    Args:
        path: where it is, with dots.
        to: where it goes in our chart; empty where it has no counterpart.
        why: why it has no counterpart, or what to look at when it has one.
        default: the original's default. A value that equals it asks for nothing.
        matters: whether something is lost where it is set and has no counterpart.
        convert: how it becomes our value.
        silent: it asks for nothing by itself, so the chart lets it pass.
        even_empty: an empty text asks for something too: a flag that is named alone.
    """

    path: str
    to: str = ""
    why: str = ""
    default: Any = None
    matters: bool = field(default=True, kw_only=True)
    convert: Convert = field(default=as_it_is, kw_only=True)
    silent: bool = field(default=False, kw_only=True)
    even_empty: bool = field(default=False, kw_only=True)

    @property
    def same(self) -> bool:
        """Whether the value means the same under the same path."""
        return self.to == self.path and self.convert is as_it_is


@dataclass(frozen=True)
class Table:
    """What is known of the values of one original's chart."""

    chart: str
    version: str
    """The newest version of the chart whose values are known."""
    rules: Mapping[str, Rule]
    """By path."""

    def has_more_beneath(self, path: str) -> bool:
        """Whether parts of a mapping have rules of their own."""
        return any(each.startswith(f"{path}.") for each in self.rules)


def table(chart: str, version: str, *groups: Iterable[Rule]) -> Table:
    """Return a table of rules. Raises ValueError where a path has two."""
    rules: dict[str, Rule] = {}
    for each in (rule for group in groups for rule in group):
        if each.path in rules:
            raise ValueError(f"{chart}: {each.path} has two rules")
        rules[each.path] = each
    return Table(chart, version, rules)


def same(*paths: str, default: Any = None) -> tuple[Rule, ...]:
    """Return rules for values that mean the same here."""
    return tuple(Rule(path, path, default=default) for path in paths)


def beneath(theirs: str, ours: str, defaults: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return rules for values in a mapping that has another name here: their name -> the original's default."""
    return tuple(Rule(f"{theirs}.{name}", f"{ours}.{name}", default=each) for name, each in defaults.items())


def unneeded(why: str, *paths: str, default: Any = None, silent: bool = False) -> tuple[Rule, ...]:
    """Return rules for values that have no counterpart, without loss."""
    return tuple(Rule(path, "", why, default, matters=False, silent=silent) for path in paths)
