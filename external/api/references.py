"""Which Secrets, ConfigMaps and ServiceAccounts an object refers to, found by the types of its fields. Pure."""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from pydantic import BaseModel

from external.api.fields import (
    CaProvider,
    ConfigMapKeySelector,
    LocalSecretKeySelector,
    SecretKeySelector,
    ServiceAccountSelector,
    model_in,
)
from external.api.providers.gcpsm import AwsCredentialsSecret

SELECTORS: Mapping[type[BaseModel], str] = MappingProxyType(
    {
        SecretKeySelector: "Secret",
        LocalSecretKeySelector: "Secret",
        ConfigMapKeySelector: "ConfigMap",
        ServiceAccountSelector: "ServiceAccount",
        CaProvider: "Secret",
        AwsCredentialsSecret: "Secret",
    }
)
"""Every type of field that names another object, and the kind that it names by default."""


class Reference(NamedTuple):
    """One reference, as written."""

    namespace: str
    """Empty if the object names none."""
    name: str
    kind: str


def references(model: type[BaseModel], given: object) -> Iterator[Reference]:
    """Yield each reference that a raw object makes.

    Args:
        model: the typed fields of the object; fields that it does not have are passed over.
        given: the object as the API server shows it, of any shape.

    """
    if not isinstance(given, dict):
        return
    for name, target in reference_fields(model).items():
        inner = given.get(name)
        for each in inner if isinstance(inner, list) else [inner]:
            if target in SELECTORS:
                yield from _reference(SELECTORS[target], each)
            else:
                yield from references(target, each)


@cache
def reference_fields(model: type[BaseModel]) -> Mapping[str, type[BaseModel]]:
    """Return the fields of a model that hold a selector, or a model with selectors inside, by their names in YAML."""
    found = {field.alias or name: model_in(field.annotation) for name, field in model.model_fields.items()}
    return {name: inner for name, inner in found.items() if inner and (inner in SELECTORS or reference_fields(inner))}


def _reference(kind: str, given: object) -> Iterator[Reference]:
    if isinstance(given, dict) and isinstance(given.get("name"), str):
        named = given.get("type")
        yield Reference(str(given.get("namespace") or ""), given["name"], named if isinstance(named, str) else kind)
