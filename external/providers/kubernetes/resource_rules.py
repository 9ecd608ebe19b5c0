"""What a store lets its users read of custom resources. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from external.api.providers.kubernetes import ResourceRule
from external.api.regular_expressions import expression

COMBINING = frozenset("{[|@!(")
"""Signs of a path that lead to several places, or to another one than its text says."""


class ObjectName(NamedTuple):
    """An object; one of the cluster has no namespace."""

    namespace: str
    name: str


@dataclass(frozen=True)
class _Rule:
    name: Any
    namespace: Any
    properties: Sequence[Any]

    def admits(self, place: ObjectName, path: str) -> bool:
        """Return True if an object, or the property at a path, may be read; all of an object has no path."""
        if self.name is not None and not self.name.search(place.name):
            return False
        if self.namespace is not None and not (place.namespace and self.namespace.search(place.namespace)):
            return False
        return not self.properties or bool(path and any(_covers(each, path) for each in self.properties))


class AccessRules:
    """The rules of one store.

    Args:
        rules: none admit everything.
        cluster: whether the store is cluster-scoped, so that rules may name namespaces.
        at: path of the rules, for messages.

    Raises:
        ValueError: a rule admits what its author cannot have meant; the text names its field.

    """

    def __init__(self, rules: Iterable[ResourceRule], *, cluster: bool, at: str) -> None:
        self._rules = [_read(rule, cluster=cluster, at=f"{at}[{number}]") for number, rule in enumerate(rules)]

    def admit(self, place: ObjectName, path: str = "") -> bool:
        """Return True if a rule lets an object be read, or one property of it."""
        return not self._rules or any(rule.admits(place, path) for rule in self._rules)


def _read(rule: ResourceRule, *, cluster: bool, at: str) -> _Rule:
    if not (rule.name or rule.namespace or rule.properties):
        raise ValueError(f"{at}: it admits everything: set name, namespace or properties")
    if rule.namespace and not cluster:
        raise ValueError(f"{at}.namespace: a SecretStore reads its own namespace only; remove it")
    properties = [_compiled(each, f"{at}.properties[{n}]") for n, each in enumerate(rule.properties or ())]
    return _Rule(
        _compiled(rule.name, f"{at}.name") if rule.name else None,
        _compiled(rule.namespace, f"{at}.namespace") if rule.namespace else None,
        properties,
    )


def _compiled(pattern: str, at: str) -> Any:
    try:
        return expression(pattern)
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from None


def _covers(pattern: Any, path: str) -> bool:
    """Return True if a pattern matches in a path; all of one that combines, as `{spec.user,spec.password}` does."""
    return bool(pattern.fullmatch(path) if COMBINING & set(path) else pattern.search(path))
