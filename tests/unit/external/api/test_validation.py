"""What an ExternalSecret may not ask for: the rules and texts of external-secrets' admission webhook."""

from typing import Any

import pytest

from external.api.validation import problems, require_allowed
from manager.core.errors import NeedsHuman
from tests.builders.external_objects import spec

TOKEN, BOOTSTRAP = "kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"
OWNER = "kubernetes.io/service-account.name"
GENERATOR = {"generatorRef": {"kind": "UUID", "name": "u"}}
STORE = {"storeRef": {"name": "other"}}
EXTRACT, FIND = {"key": "r"}, {"name": {"regexp": "."}}
NOT_OWNED = "deletionPolicy=Delete must not be used when the controller doesn't own the secret"


def templated(**fields: Any) -> dict[str, Any]:
    return {"target": {"template": fields}}


def entry(**fields: Any) -> dict[str, Any]:
    return {"dataFrom": [fields]}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"target": {"deletionPolicy": "Delete", "creationPolicy": "Merge"}}, [NOT_OWNED]),
        ({"target": {"deletionPolicy": "Delete", "creationPolicy": "None"}}, [NOT_OWNED]),
        ({"target": {"deletionPolicy": "Delete", "creationPolicy": "CreateOrMerge"}}, [NOT_OWNED]),
        ({"target": {"deletionPolicy": "Delete", "creationPolicy": "Orphan"}}, []),
        ({"target": {"deletionPolicy": "Merge", "creationPolicy": "None"}}, ["There is no Secret to merge with"]),
        ({"data": None}, ["either data or dataFrom should be specified"]),
        (templated(type="Opaque", metadata={"annotations": {OWNER: "a"}}), []),
        (templated(type=TOKEN, metadata={"annotations": {"other": "a"}}), []),
        (templated(type=TOKEN, metadata={"annotations": {OWNER: "a"}}), [f'with annotation "{OWNER}" is not allowed']),
        (templated(type=TOKEN, templateFrom=[{"target": "aNNotations", "literal": ""}]), ["with templateFrom target"]),
        (templated(type=BOOTSTRAP), [f'template.type="{BOOTSTRAP}" is not allowed']),
        *(
            (templated(templateFrom=[{"target": place, "literal": "x"}]), [f'templateFrom target="{place}" is not'])
            for place in ("type", "metadata.annotations", "Metadata.Annotations", "immutable", "spec", "data.x")
        ),
        *((templated(templateFrom=[{"target": place, "literal": "x"}]), []) for place in ("", "DATA", "labels")),
        (entry(extract=EXTRACT, find=FIND), ["extract, find, or generatorRef cannot be set at the same time"]),
        (entry(extract=EXTRACT, sourceRef=GENERATOR), ["extract, find, or generatorRef cannot be set"]),
        (entry(sourceRef=GENERATOR), []),
        (entry(), ["either extract, find, or sourceRef must be set to dataFrom"]),
        (entry(extract=EXTRACT, sourceRef={}), ["generatorRef or storeRef must be set when using sourceRef"]),
        (entry(sourceRef=STORE), []),
        (
            {"data": [{"secretKey": "k", "remoteRef": {"key": each}} for each in "abc"]},
            ["duplicate secretKey found: k", "duplicate secretKey found: k"],
        ),
        (
            {"target": {"deletionPolicy": "Delete", "creationPolicy": "None"}, "data": None},
            [NOT_OWNED, "either data or dataFrom"],
        ),
    ],
)
def test_the_rules_of_the_originals_admission(changes: Any, found: list[str]) -> None:
    told = problems(spec(**changes))

    assert len(told) == len(found)
    assert all(text in each for text, each in zip(found, told, strict=True))


def test_keys_may_stand_twice_where_values_may_be_absent() -> None:
    data = [{"secretKey": "k", "remoteRef": {"key": each}} for each in "ab"]

    assert not problems(spec(data=data, target={"deletionPolicy": "Delete"}))


def test_an_entry_that_only_names_a_store_asks_for_nothing() -> None:
    assert [at for at, _ in spec(dataFrom=[{"sourceRef": STORE}, {"extract": EXTRACT}]).entries] == [
        "spec.dataFrom[1].extract",
        "spec.data[0]",
    ]


def test_what_is_not_served_is_answered_by_its_field() -> None:
    with pytest.raises(NeedsHuman) as caught:
        require_allowed(spec(data=[{"secretKey": "k", "remoteRef": {"key": "r"}, "sourceRef": GENERATOR}]))

    assert "spec.data[0].sourceRef.generatorRef" in caught.value.message
