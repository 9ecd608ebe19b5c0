"""Writes docs/fields.md from the CRDs; with --check it only tells whether the page differs."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import external.crds
import sealed.api
from external.generators.registry import ALL
from external.providers.registry import KINDS
from manager.kube.crds import CustomResource, render
from tools.generated import Generated

FILE = Path(__file__).parent.parent / "docs" / "fields.md"
HEAD = """# Fields of the custom resources

Made from the CRDs by `make docs`. Every kind has all fields of the original's, so that what the original accepts can be
applied. What this version does not serve is named at the end of a kind, and an object that uses it says so in its
condition. `kubectl explain` shows the same text in a cluster.
"""
COLUMNS = "| field | type | default | meaning |\n|---|---|---|---|\n"
SERVED_PROVIDERS = frozenset(each.name for each in KINDS)
SERVED_GENERATORS = frozenset(each.resource.kind for each in ALL)
STORE = "SecretStore"
SHARED = {
    "ClusterSecretStore": ("spec.provider", f"As in {STORE}."),
    "ClusterGenerator": ("spec.generator", "As in the kind of the generator."),
    "ClusterExternalSecret": ("spec.externalSecretSpec", "As the spec of an ExternalSecret."),
}
"""Kind -> a field that stands elsewhere, and where."""


def rendered() -> str:
    """Return the page."""
    custom = (*sealed.api.CRDS, *external.crds.CRDS)
    return HEAD + "".join(_kind(each) for each in sorted(custom, key=lambda each: each.resource.kind))


def _kind(custom: CustomResource) -> str:
    resource = custom.resource
    [schema] = [each["schema"] for each in render(custom)["spec"]["versions"] if each["name"] == resource.version]
    tops = {name: each for name, each in schema["openAPIV3Schema"]["properties"].items() if name in ("spec", "status")}
    rows = "".join(_row(*each) for top, found in tops.items() for each in _fields(top, found, resource.kind))
    head = f"\n## {resource.kind}\n\n`{resource.group}/{resource.version}`\n\n"
    return head + (COLUMNS + rows if rows else "") + _unserved(resource.kind, tops)


def _fields(path: str, schema: Any, kind: str) -> Iterator[tuple[str, Any]]:
    """Yield path and schema of every field below one, in the CRD's order."""
    elsewhere, where = SHARED.get(kind, ("", ""))
    required = schema.get("required", ())
    for name, each in (schema.get("properties") or {}).items():
        below = f"{path}.{name}"
        if path == "spec.provider" and name not in SERVED_PROVIDERS:
            continue
        told = {**each, "description": where} if below == elsewhere else each
        yield below, {**told, "needed": name in required}
        if below != elsewhere:
            yield from _inner(below, each, kind)


def _inner(path: str, schema: Any, kind: str) -> Iterator[tuple[str, Any]]:
    if "items" in schema:
        yield from _fields(f"{path}[]", schema["items"], kind)
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from _fields(f"{path}.*", schema["additionalProperties"], kind)
    else:
        yield from _fields(path, schema, kind)


def _row(path: str, schema: Any) -> str:
    default = f"`{schema['default']}`" if "default" in schema else ""
    about = " ".join(str(schema.get("description", "")).split()).replace("|", "\\|")
    needed = ", required" if schema["needed"] else ""
    return f"| `{path}` | {_type(schema)}{needed} | {default} | {about} |\n"


def _type(schema: Any) -> str:
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    return str(schema.get("type", "any"))


def _unserved(kind: str, tops: Any) -> str:
    found: list[str] = []
    if kind == STORE:
        found = sorted(set(tops["spec"]["properties"]["provider"]["properties"]) - SERVED_PROVIDERS)
    elif kind == "ClusterGenerator":
        found = sorted(set(tops["spec"]["properties"]["kind"]["enum"]) - SERVED_GENERATORS)
    names = ", ".join(f"`{each}`" for each in found)
    return f"\nNot served by this version: {names}.\n" if names else ""


PAGE = Generated("fields page", lambda: {FILE: rendered()}, "make docs")


if __name__ == "__main__":
    sys.exit(PAGE.main())
