"""References are found by the types of fields, whatever the fields are called."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from external.api.fields import CaProvider, model_in
from external.api.references import SELECTORS, Reference, reference_fields, references
from external.crd_models import EveryGenerator, EveryStoreSpec
from external.crds import CRDS
from external.providers.registry import BUILT_IN
from manager.kube.crds import render

Path = tuple[str, ...]
WHOLE_OBJECT = {"name", "namespace"}
OBJECT_KEYS = ({"name", "key"}, {"name", "audiences"}, {"name", "type"})

EveryProvider: Any = EveryStoreSpec.model_fields["provider"].annotation


def selector_paths(schema: dict[str, Any], at: Path = ()) -> Iterator[Path]:
    """Yield where a schema has the shape of a selector: what names an object, and what of it."""
    properties = schema.get("properties", {})
    named = any(keys <= set(properties) for keys in OBJECT_KEYS) or set(properties) == WHOLE_OBJECT
    if at and named and "value" not in properties:
        yield at
        return
    for name, inner in properties.items():
        yield from selector_paths(inner.get("items", inner), (*at, name))


def field_paths(model: type[BaseModel], at: Path = ()) -> Iterator[Path]:
    """Yield where a model has a field of a selector's type."""
    for name, inner in reference_fields(model).items():
        if inner in SELECTORS:
            yield (*at, name)
        else:
            yield from field_paths(inner, (*at, name))


def schema_of(kind: str) -> dict[str, Any]:
    """Return the schema of `spec` of one of our CRDs."""
    custom = next(each for each in CRDS if each.resource.kind == kind)
    found: dict[str, Any] = render(custom)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def test_every_selector_of_every_provider_is_found() -> None:
    expected = set(selector_paths(schema_of("ClusterSecretStore")["properties"]["provider"]))

    assert set(field_paths(EveryProvider)) == expected
    assert len(expected) > 80


def test_every_selector_of_every_generator_is_found() -> None:
    schema = schema_of("ClusterGenerator")["properties"]["generator"]

    assert set(field_paths(EveryGenerator)) == set(selector_paths(schema))


@pytest.mark.parametrize("path", sorted(field_paths(EveryProvider)), ids=".".join)
def test_a_selector_is_read_where_it_is_written(path: Path) -> None:
    owner: Any = EveryProvider
    for step in path[:-1]:
        owner = reference_fields(owner)[step]
    selector = reference_fields(owner)[path[-1]]
    given: Any = {"name": "n", "namespace": "ns"}
    for step in reversed(path):
        given = {step: given}

    assert list(references(EveryProvider, given)) == [Reference("ns", "n", SELECTORS[selector])]


def test_lists_of_references_are_read_to_the_end() -> None:
    secrets = [{"name": "a", "secretRef": {"name": "one"}}, {"name": "b", "secretRef": {"name": "two"}}]

    assert [each.name for each in references(BUILT_IN.provider_model, {"webhook": {"secrets": secrets}})] == [
        "one",
        "two",
    ]


def test_a_bundle_says_of_which_kind_its_object_is() -> None:
    given = {"vault": {"caProvider": {"type": "ConfigMap", "name": "ca", "key": "k"}}}

    assert list(references(BUILT_IN.provider_model, given)) == [Reference("", "ca", "ConfigMap")]


@pytest.mark.parametrize("odd", [None, 1, "text", [], [1], {"vault": None}, {"vault": {"auth": [[{}]]}}, {"aws": "x"}])
def test_odd_objects_refer_to_nothing(odd: object) -> None:
    assert list(references(BUILT_IN.provider_model, odd)) == []


def test_names_that_are_no_text_are_passed_over() -> None:
    assert list(references(BUILT_IN.provider_model, {"vault": {"auth": {"tokenSecretRef": {"name": 7}}}})) == []


def test_the_model_of_a_type_is_found_through_its_wrapping() -> None:
    assert model_in(list[CaProvider] | None) is CaProvider
    assert model_in(dict[str, str]) is None
