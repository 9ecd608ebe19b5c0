"""Paths into an object of any kind, as `templateFrom[].target` writes them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_LIST_ENTRIES = 10_000  # to which an index may grow a list
RESERVED = frozenset({"apiVersion", "kind", "metadata", "status"})
"""Fields that no template writes: it could set other owners or name another object."""

Step = str | int


class PathError(ValueError):
    """A path is malformed, or does not fit the object. The text holds no value."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A rendered value and its path."""

    steps: tuple[Step, ...]
    value: Any = field(repr=False)
    joins: bool = False
    """Whether a map is merged with the map at its path, key by key."""


def parse_path(path: str) -> tuple[Step, ...]:
    """Read a path such as `spec.rules[0].host`. Raises PathError."""
    steps: list[Step] = []
    for segment in path.split("."):
        name, bracket, rest = segment.partition("[")
        if not segment:
            raise PathError("empty segment")
        if not name:
            raise PathError("path must start with a key")
        steps.append(name)
        while bracket:
            index, closed, rest = rest.partition("]")
            if not closed:
                raise PathError("unterminated '['")
            steps.append(_index(index))
            if rest and not rest.startswith("["):
                raise PathError("bad index")
            bracket, rest = rest[:1], rest[1:]
    if steps[0] in RESERVED:
        raise PathError(f"{steps[0]} is not for templates; labels and annotations have targets of their own")
    return tuple(steps)


def placed(holder: Any, steps: tuple[Step, ...], value: Any, *, joins: bool) -> Any:
    """Return `holder` with a value at a path; missing maps and lists on the way are created.

    Raises PathError.
    """
    if not steps:
        both = joins and isinstance(value, Mapping) and isinstance(holder, Mapping)
        return {**holder, **value} if both else value
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        if not isinstance(holder, Mapping | None):
            raise PathError(f"expected map at key {step}")
        return {**(holder or {}), step: placed((holder or {}).get(step), rest, value, joins=joins)}
    if not isinstance(holder, list | None):
        raise PathError(f"expected array at index {step}")
    items = [*(holder or ())]
    items += [None] * (step + 1 - len(items))
    items[step] = placed(items[step], rest, value, joins=joins)
    return items


def _index(text: str) -> int:
    if text.startswith("-"):
        raise PathError("negative index")
    if not text.isascii() or not text.isdecimal():
        raise PathError("bad index")
    if len(text) > len(str(MAX_LIST_ENTRIES)) or int(text) > MAX_LIST_ENTRIES:
        raise PathError(f"index exceeds maximum ({MAX_LIST_ENTRIES})")
    return int(text)
