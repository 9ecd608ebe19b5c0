"""Which namespaces a ClusterSecretStore admits (core 7.4), with full matches where the original searches."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import re2

QUIET = re2.Options()
QUIET.log_errors = False  # or what a tenant wrote would stand in the log of the process


def admits(conditions: Sequence[Mapping[str, Any]], namespace: str, labels: Mapping[str, str]) -> bool:
    """Tell whether a namespace may use the store: no conditions admit all, otherwise any match of any condition."""
    return not conditions or any(_matches(each, namespace, labels) for each in conditions)


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


@lru_cache(maxsize=4096)
def _fully(pattern: str, name: str) -> bool:
    try:
        return re2.compile(pattern, QUIET).fullmatch(name) is not None
    except re2.error:
        return False
