"""Fields that a CRD does not have: the API server drops them without a word. Pure."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from manager.cli.crds import every_crd
from manager.core.suggestions import MAX_NAME_CHARACTERS, nearest

OPEN = "x-kubernetes-preserve-unknown-fields"
MAX_UNKNOWN = 20
TOP = frozenset({"apiVersion", "kind", "metadata", "status"})


@cache
def crds() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Return (group, kind) -> the CRD of Coffer."""
    return {(each["spec"]["group"], each["spec"]["names"]["kind"]): each for each in every_crd().values()}


def served_versions(crd: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return version -> its schema."""
    versions = crd["spec"]["versions"]
    return {each["name"]: each["schema"]["openAPIV3Schema"] for each in versions if each["served"]}


def unknown_fields(body: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return the fields of an object that a schema does not have, with the nearest known name."""
    found = []
    for each in _unknown(body, schema, ""):
        found.append(each)
        if len(found) >= MAX_UNKNOWN:
            break
    return found


def _unknown(given: object, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if isinstance(given, list):
        for index, each in enumerate(given):
            yield from _unknown(each, schema.get("items") or {}, f"{path}[{index}]")
        return
    if not isinstance(given, dict):
        return
    known: Mapping[str, Any] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    closed = bool(known) and not others and not schema.get(OPEN)
    for name, each in given.items():
        place = f"{path}.{name[:MAX_NAME_CHARACTERS]}".removeprefix(".")
        if not path and name in TOP:
            continue
        if name in known:
            yield from _unknown(each, known[name], place)
        elif isinstance(others, dict):
            yield from _unknown(each, others, place)
        elif closed:
            yield f"{place}: unknown field{nearest(name, known)}"
