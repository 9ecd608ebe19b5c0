"""Which objects and properties a store of custom resources lets be read. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from external.api.providers.crd import ResourceRule
from external.api.regular_expressions import expression
from external.providers.support.lookup import INVALID
from manager.core.errors import NeedsHuman


class Rule(NamedTuple):
    """A rule with its expressions compiled; None matches everything."""

    name: Any
    namespace: Any
    properties: Sequence[Any]
    """Empty for whole objects."""


class Whitelist:
    """Decides by the rules of a store; without rules everything may be read.

    Args:
        cluster: whether it is a cluster store, whose rules may name namespaces.
    """

    def __init__(self, rules: Sequence[ResourceRule], at: str, *, cluster: bool) -> None:
        self._rules = [_compiled(each, f"{at}.rules[{number}]", cluster=cluster) for number, each in enumerate(rules)]

    def permits(self, name: str, namespace: str, path: str) -> bool:
        """Return True if an object, or with a path a property of it, may be read.

        A rule with properties never lets a whole object be read, and one with a namespace no object without one.
        """
        return not self._rules or any(_passes(each, name, namespace, path) for each in self._rules)


def _compiled(rule: ResourceRule, at: str, *, cluster: bool) -> Rule:
    if not rule.name and not rule.namespace and not rule.properties:
        raise NeedsHuman(INVALID, f"{at} is empty: it must name name, namespace or properties")
    if rule.namespace and not cluster:
        raise NeedsHuman(INVALID, f"{at}.namespace: only rules of a ClusterSecretStore name namespaces")
    try:
        name, namespace = (expression(each) if each else None for each in (rule.name, rule.namespace))
        return Rule(name, namespace, [expression(each) for each in rule.properties or ()])
    except ValueError:
        raise NeedsHuman(INVALID, f"{at}: one of its texts is no RE2 expression") from None


def _passes(rule: Rule, name: str, namespace: str, path: str) -> bool:
    if rule.name is not None and not rule.name.search(name):
        return False
    if rule.namespace is not None and (not namespace or not rule.namespace.search(namespace)):
        return False
    return not rule.properties or (bool(path) and any(each.search(path) for each in rule.properties))
