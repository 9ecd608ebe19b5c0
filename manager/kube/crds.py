"""CustomResourceDefinitions from our own typed models: one source of truth for schema and parser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from manager.core.field_docs import field_docs
from manager.kube.resources import Body, Resource

KEPT = (
    *("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems"),
    *("minProperties", "maxProperties", "default"),
)
INT_OR_STRING = "x-kubernetes-int-or-string"
VALIDATIONS = "x-kubernetes-validations"
PRESERVED = "x-kubernetes-preserve-unknown-fields"
REQUIRED = "x-coffer-required"
"""Marks a field that has a default and is required, as some fields of the originals are."""

KEEP: Mapping[str, str] = MappingProxyType(
    {"argocd.argoproj.io/sync-options": "Prune=false", "helm.sh/resource-policy": "keep"}
)
"""Annotations that keep a CRD, and so every object of its kind, when a release goes or Argo CD prunes."""


@dataclass(frozen=True)
class CustomResource:
    """The content of a CustomResourceDefinition."""

    resource: Resource
    spec: type[BaseModel]
    status: type[BaseModel]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Mapping[str, str | int], ...] = ()
    """Printer columns; `kubectl get` shows those of priority 1 with `-o wide` only."""
    unserved: tuple[str, ...] = ()
    """Older versions that stay listed, so that the API server can read objects stored in them."""
    selectable: tuple[str, ...] = ()
    spec_required: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    with_status: bool = True
    """False leaves the subresource out: `status` is written with the object."""
    unchecked: bool = False
    """Leave out the CEL rules of the models: the original's admission does not check embedded specs."""


def crd_name(resource: Resource) -> str:
    """Return the name of the CRD of a kind."""
    return f"{resource.plural}.{resource.group}"


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
            "name": crd_name(resource),
            "annotations": dict(KEEP),
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
    }
    if custom.with_status:
        version["subresources"] = {"status": {}}
    if custom.columns:  # the API server drops an empty list, and then every apply of the file shows a difference
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


class _Described(GenerateJsonSchema):
    """Adds the docstring of each field as its description."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        result = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        properties = result.get("properties", {})
        for owner in reversed(model.__mro__):
            for name, text in field_docs(owner).items() if _declares_fields(owner) else ():
                place = properties.get(model.model_fields[name].alias or name)
                if place is not None:
                    place["description"] = text
        return result


def _declares_fields(owner: type) -> bool:
    return issubclass(owner, BaseModel) and owner is not BaseModel and owner.__module__ != "pydantic.main"


def structural(model: type[BaseModel]) -> Body:
    """Return a model's schema in Kubernetes' form: no references, unions, titles, or defaults inside lists.

    A default inside a list shows as drift in GitOps tools, so the reconcilers fill these in. The API server prunes
    unknown fields unless the model sets `PRESERVED`.
    """
    schema = model.model_json_schema(by_alias=True, schema_generator=_Described)
    return _converted(schema, schema.get("$defs", {}))


def _converted(schema: Mapping[str, Any], definitions: Mapping[str, Any], *, in_list: bool = False) -> Body:
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        merged = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
        return _converted(merged, definitions, in_list=in_list)
    described = _description(schema)
    if schema.get(INT_OR_STRING):
        return {**described, INT_OR_STRING: True}
    if "anyOf" in schema:
        chosen = [each for each in schema["anyOf"] if each.get("type") != "null"]
        rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
        return _converted({**chosen[0], **rest}, definitions, in_list=in_list)
    kept = [name for name in KEPT if schema.get(name) is not None and not (in_list and name == "default")]
    result: Body = described | {name: schema[name] for name in kept}
    if "const" in schema:
        result["enum"] = [schema["const"]]
    result |= {name: value for name, value in schema.items() if name.startswith("x-kubernetes-") or name == "nullable"}
    if schema.get("type") == "object":
        result |= _object(schema, definitions, in_list=in_list)
    if "items" in schema:
        result["items"] = _converted(schema["items"], definitions, in_list=True)
    return result


def _description(schema: Mapping[str, Any]) -> Body:
    text = schema.get("description", "").partition("\n\n")[0]
    return {"description": " ".join(text.split())} if text else {}


def _unchecked(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _unchecked(each) for name, each in schema.items() if name != VALIDATIONS}
    return [_unchecked(each) for each in schema] if isinstance(schema, list) else schema


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any], *, in_list: bool) -> Body:
    result: Body = {}
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    if properties:
        result["properties"] = {
            name: _converted(each, definitions, in_list=in_list) for name, each in properties.items()
        }
    required = set(schema.get("required", ())) | {name for name, each in properties.items() if each.get(REQUIRED)}
    if required:
        result["required"] = [name for name in properties if name in required]
    if isinstance(extra, dict) and extra:
        result["additionalProperties"] = _converted(extra, definitions, in_list=True)
    return result
