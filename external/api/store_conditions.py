"""Which namespaces a ClusterSecretStore admits; an expression must match the whole name."""

from collections.abc import Mapping, Sequence
from typing import Any

from external.api.regular_expressions import expression
from external.api.selectors import problems, selects


def admits(
    conditions: Sequence[Mapping[str, Any]], namespace: str, labels: Mapping[str, str], *, partly: bool = False
) -> bool:
    """Return True if a namespace may use the store: without conditions, or if any condition matches.

    Args:
        partly: whether a part of the name may match, as in external-secrets.

    """
    return not conditions or any(_matches(each, namespace, labels, partly=partly) for each in conditions)


def only_partly(conditions: Sequence[Mapping[str, Any]], namespace: str) -> tuple[str, ...]:
    """Return the expressions that match a part of a namespace's name: external-secrets would admit it."""
    patterns = [pattern for each in conditions for pattern in each.get("namespaceRegexes") or ()]
    return tuple(pattern for pattern in patterns if isinstance(pattern, str) and _partly(pattern, namespace))


def unreadable(conditions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the errors of invalid expressions and selectors, which admit no namespace."""
    found = [
        f"spec.conditions[{at}].namespaceRegexes[{index}]: it is no RE2 expression, and matches nothing"
        for at, each in enumerate(conditions)
        for index, pattern in enumerate(each.get("namespaceRegexes") or ())
        if not _readable(pattern)
    ]
    for at, each in enumerate(conditions):
        selector = each.get("namespaceSelector")
        place = f"spec.conditions[{at}].namespaceSelector"
        wrong = () if selector is None else problems(selector, place)
        found += [f"{text}; the selector admits nobody" for text in wrong]
    return tuple(found)


def _matches(condition: Mapping[str, Any], namespace: str, labels: Mapping[str, str], *, partly: bool) -> bool:
    selector = condition.get("namespaceSelector")
    if isinstance(selector, dict) and selects(selector, labels):
        return True
    if namespace in (condition.get("namespaces") or ()):
        return True
    patterns = condition.get("namespaceRegexes") or ()
    return any(_fully(each, namespace) or (partly and _partly(each, namespace)) for each in patterns)


def _fully(pattern: str, name: str) -> bool:
    try:
        return expression(pattern).fullmatch(name) is not None
    except ValueError:
        return False


def _partly(pattern: str, name: str) -> bool:
    try:
        return expression(pattern).search(name) is not None and not _fully(pattern, name)
    except ValueError:
        return False


def _readable(pattern: object) -> bool:
    try:
        return isinstance(pattern, str) and expression(pattern) is not None
    except ValueError:
        return False
