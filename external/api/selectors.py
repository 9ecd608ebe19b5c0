"""Label selectors, checked as Kubernetes' `LabelSelectorAsSelector` does before they select anything. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import re2

from manager.kube.selectors import NAME, VALUE

OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}
"""The operators of Kubernetes, and whether they take values."""
ODD_PREFIX = re2.compile(r"\.\.|\.-|-\.")  # letters of a DNS name, but no valid one


def problems(selector: object, at: str) -> Iterator[str]:
    """Yield the errors of a selector, each with its field path."""
    if not isinstance(selector, Mapping):
        yield f"{at}: must be an object"
        return
    exact, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    if not isinstance(exact, Mapping) or not all(_is_name(key) and _is_value(value) for key, value in exact.items()):
        yield f"{at}.matchLabels: must be a map of names and values that a label can have"
    if not isinstance(expressions, list):
        yield f"{at}.matchExpressions: must be a list"
        return
    for index, each in enumerate(expressions):
        yield from _wrong(each, f"{at}.matchExpressions[{index}]")


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Evaluate a selector: an empty one selects all objects, an invalid one none."""
    if any(problems(selector, "")):
        return False
    exact = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    return all(labels.get(key) == value for key, value in exact.items()) and all(
        _holds(each, labels) for each in expressions
    )


def _wrong(expression: object, at: str) -> Iterator[str]:
    if not isinstance(expression, Mapping):
        yield f"{at}: must be an object"
        return
    operator, values = expression.get("operator"), expression.get("values") or []
    if not _is_name(expression.get("key")):
        yield f"{at}.key: must be a name that a label can have"
    if not isinstance(operator, str) or operator not in OPERATORS:
        yield f"{at}.operator: must be one of {', '.join(OPERATORS)}"
    elif OPERATORS[operator] != bool(values):
        yield f"{at}.values: {operator} takes {'at least one value' if OPERATORS[operator] else 'no values'}"
    if not isinstance(values, list) or not all(map(_is_value, values)):
        yield f"{at}.values: must be a list of values that a label can have"


def _is_name(text: object) -> bool:
    if not isinstance(text, str) or NAME.fullmatch(text) is None:
        return False
    return ODD_PREFIX.search(text.rpartition("/")[0]) is None


def _is_value(text: object) -> bool:
    return isinstance(text, str) and VALUE.fullmatch(text) is not None


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    answers = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return answers[expression["operator"]]
