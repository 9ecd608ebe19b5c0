"""CustomResourceDefinitions from our own typed models: one source of truth for schema and parser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from manager.kube.resources import Body, Resource

KEPT = ("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "default")
VALIDATIONS = "x-kubernetes-validations"
DROPPED_FIELDS = frozenset({"additionalProperties"})


@dataclass(frozen=True)
class CustomResource:
    """What a CustomResourceDefinition says beside its fields."""

    resource: Resource
    spec: type[BaseModel]
    status: type[BaseModel]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Mapping[str, str], ...] = ()
    unserved: tuple[str, ...] = ()
    """Older versions that stay listed, so that objects stored in them can be read (DESIGN.md 4a, 12)."""
    selectable: tuple[str, ...] = ()
    spec_required: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    unchecked: bool = False
    """Without the CEL rules of its models: the original's admission does not look into what is embedded."""


def render(custom: CustomResource) -> Body:
    """Return the CustomResourceDefinition."""
    resource = custom.resource
    singular = resource.kind.lower()
    names: Body = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": singular,
    }
    if custom.short_names:
        names["shortNames"] = list(custom.short_names)
    if custom.categories:
        names["categories"] = list(custom.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{resource.plural}.{resource.group}",
            **({"labels": dict(custom.labels)} if custom.labels else {}),
        },
        "spec": {
            "group": resource.group,
            "names": names,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [_version(custom), *(_unserved(name) for name in custom.unserved)],
        },
    }


def _version(custom: CustomResource) -> Body:
    spec = structural(custom.spec)
    properties = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": _unchecked(spec) if custom.unchecked else spec,
        "status": structural(custom.status),
    }
    schema: Body = {"type": "object", "properties": properties}
    if custom.spec_required:
        schema["required"] = ["spec"]
    version: Body = {
        "name": custom.resource.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    if custom.columns:  # the API server drops an empty list, and whoever applies the file again is in conflict with it
        version["additionalPrinterColumns"] = [dict(column) for column in custom.columns]
    if custom.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in custom.selectable]
    return version


def _unserved(name: str) -> Body:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "name": name,
        "served": False,
        "storage": False,
        "deprecated": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }


def structural(model: type[BaseModel]) -> Body:
    """Return a model's schema as Kubernetes wants it: no references, no unions, no titles.

    Models that allow extra fields keep what they do not know.
    """
    schema = model.model_json_schema(by_alias=True)
    return _converted(schema, schema.get("$defs", {}))


def _converted(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Body:
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        return _converted({**target, **{name: value for name, value in schema.items() if name != "$ref"}}, definitions)
    if schema.get("x-kubernetes-int-or-string"):
        return {"x-kubernetes-int-or-string": True}
    if "anyOf" in schema:
        chosen = [each for each in schema["anyOf"] if each.get("type") != "null"]
        rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
        return _converted({**chosen[0], **rest}, definitions)
    result: Body = {name: schema[name] for name in KEPT if name in schema and schema[name] is not None}
    if "const" in schema:
        result["enum"] = [schema["const"]]
    result |= {name: value for name, value in schema.items() if name.startswith("x-kubernetes-") or name == "nullable"}
    if schema.get("type") == "object":
        result |= _object(schema, definitions)
    if "items" in schema:
        result["items"] = _converted(schema["items"], definitions)
    return result


def _unchecked(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _unchecked(each) for name, each in schema.items() if name != VALIDATIONS}
    return [_unchecked(each) for each in schema] if isinstance(schema, list) else schema


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Body:
    result: Body = {}
    properties = schema.get("properties")
    extra = schema.get("additionalProperties")
    if properties:
        result["properties"] = {name: _converted(each, definitions) for name, each in properties.items()}
    if schema.get("required"):
        result["required"] = list(schema["required"])
    if extra is True:
        result["x-kubernetes-preserve-unknown-fields"] = True
    elif isinstance(extra, dict) and extra:
        result["additionalProperties"] = _converted(extra, definitions)
    elif not properties and extra is None:
        result["x-kubernetes-preserve-unknown-fields"] = True
    return result
