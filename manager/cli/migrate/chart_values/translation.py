"""Translate values of an original's chart into values of Coffer's. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from manager.cli.migrate.chart_values import external_secrets, reflector, sealed_secrets
from manager.cli.migrate.chart_values.rules import NoCounterpart, Rule, Several, Table, Values

TABLES: Mapping[str, Table] = {
    each.chart: each for each in (sealed_secrets.TABLE, external_secrets.TABLE, reflector.TABLE)
}
"""By the name of the original's chart."""
NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Note:
    """What is to be said of one value."""

    key: str
    """Its path in the original's chart."""
    matters: bool
    """Whether something that was set is lost."""
    why: str
    to: str = ""
    """Its path in our chart, if it has a counterpart."""

    def __str__(self) -> str:
        if self.to:
            return f"{self.key}: here {self.to}: {self.why}"
        return f"{self.key}: no counterpart: {self.why}"


@dataclass(frozen=True)
class Translation:
    """Our values, and what is to be said of theirs."""

    values: dict[str, Any]
    notes: tuple[Note, ...]

    @property
    def complete(self) -> bool:
        """Whether everything that matters has a counterpart."""
        return not any(each.matters for each in self.notes)


@dataclass(frozen=True)
class _Set:
    """A value that is set, and the rule for it; `rest` is its path below the rule's."""

    key: str
    value: Any
    rule: Rule | None
    rest: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        return (self.rule is not None and self.rule.even_empty) or _asks(self.value, self.default)

    @property
    def default(self) -> Any:
        found = self.rule.default if self.rule else None
        for name in self.rest:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found


def translate(original: str, values: Values) -> Translation:
    """Translate a values file of the chart of an original.

    What equals the original's default is left out, and Coffer's default applies. Raises KeyError for another chart.
    """
    known = TABLES[original]
    given = values[original] if _is_of_a_parent(known, values) else values
    ours: dict[str, Any] = {}
    notes: list[Note] = []
    for each in _settings(known, given):
        if each.rule is None:
            notes.append(Note(each.key, True, f"{known.chart} {known.version} has no such value"))
        elif each.asks:
            notes.extend(_translated(each, each.rule, given, ours))
    return Translation(ours, tuple(notes))


def _is_of_a_parent(known: Table, values: Values) -> bool:
    """Return True if the file is of a chart that has the original as a dependency."""
    return known.chart not in known.rules and isinstance(values.get(known.chart), Mapping)


def _settings(known: Table, values: Values, above: str = "", inherited: _Set | None = None) -> Iterator[_Set]:
    for name, value in values.items():
        if value is None:
            continue
        key = f"{above}.{name}" if above else str(name)
        rule = known.rules.get(key)
        if rule is not None:
            found = _Set(key, value, rule)
        elif inherited is not None and inherited.rule is not None:
            found = _Set(key, value, inherited.rule, (*inherited.rest, str(name)))
        else:
            found = _Set(key, value, None)
        if isinstance(value, Mapping) and known.has_more_beneath(key):
            yield from _settings(known, value, key, found)
        else:
            yield found


def _asks(value: Any, default: Any) -> bool:
    """Return True if a value asks for something: it is not the default, and not empty where the default is."""
    if isinstance(value, Mapping) and isinstance(default, Mapping):
        return bool(_without(value, default))
    return value != default and not (value in NOTHING and default in NOTHING)


def _translated(found: _Set, rule: Rule, values: Values, ours: dict[str, Any]) -> Iterator[Note]:
    if not rule.to:
        yield Note(found.key, rule.matters, rule.why)
        return
    to = ".".join((rule.to, *found.rest))
    try:
        converted = rule.convert(_without(found.value, found.default), values)
    except NoCounterpart as error:
        yield Note(found.key, True, str(error))
        return
    for path, value in (converted if isinstance(converted, Several) else {to: converted}).items():
        _put(ours, path, value)
    if rule.why:
        yield Note(found.key, False, rule.why, to)


def _without(value: Any, default: Any) -> Any:
    """Return a mapping without the entries that are as in the default."""
    if not isinstance(value, Mapping) or not isinstance(default, Mapping):
        return value
    return {
        name: _without(each, default.get(name))
        for name, each in value.items()
        if name not in default or _asks(each, default[name])
    }


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set a value; lists and mappings that several values make are joined."""
    *parents, name = path.split(".")
    for each in parents:
        values = values.setdefault(each, {})
    there = values.get(name)
    if isinstance(there, list) and isinstance(value, list):
        values[name] = there + value
    elif isinstance(there, dict) and isinstance(value, dict):
        values[name] = there | value
    else:
        values[name] = value
