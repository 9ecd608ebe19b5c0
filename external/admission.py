"""Which namespaces a ClusterSecretStore admits (core 7.4), with full matches where the original searches."""

from collections.abc import Mapping, Sequence
from typing import Any

from external.expressions import expression


def admits(conditions: Sequence[Mapping[str, Any]], namespace: str, labels: Mapping[str, str]) -> bool:
    """Tell whether a namespace may use the store: no conditions admit all, otherwise any match of any condition."""
    return not conditions or any(_matches(each, namespace, labels) for each in conditions)


def partly(conditions: Sequence[Mapping[str, Any]], namespace: str) -> tuple[str, ...]:
    """Return the expressions that match only a part of a namespace's name: the original would let it in by them."""
    patterns = [pattern for each in conditions for pattern in each.get("namespaceRegexes") or ()]
    return tuple(pattern for pattern in patterns if isinstance(pattern, str) and _partly(pattern, namespace))


def unreadable(conditions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the places of expressions that are none, and therefore match nothing."""
    return tuple(
        f"spec.conditions[{at}].namespaceRegexes[{index}]"
        for at, each in enumerate(conditions)
        for index, pattern in enumerate(each.get("namespaceRegexes") or ())
        if not _readable(pattern)
    )


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Evaluate a Kubernetes LabelSelector; an empty one selects all, an unknown operator nothing."""
    exact = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    return all(labels.get(key) == value for key, value in exact.items()) and all(
        _holds(each, labels) for each in expressions
    )


def _matches(condition: Mapping[str, Any], namespace: str, labels: Mapping[str, str]) -> bool:
    selector = condition.get("namespaceSelector")
    if isinstance(selector, dict) and selects(selector, labels):
        return True
    if namespace in (condition.get("namespaces") or ()):
        return True
    return any(_fully(pattern, namespace) for pattern in condition.get("namespaceRegexes") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression.get("key", ""), expression.get("values") or ()
    answers = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return answers.get(str(expression.get("operator")), False)


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
