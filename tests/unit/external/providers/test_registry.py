"""What the declarations of providers say is what their clients do."""

from typing import Any

import pytest

from external.api.references import Reference
from external.api.store import ORIGINAL_PROVIDERS
from external.providers.aws import CLIENTS
from external.providers.kind import Service
from external.providers.registry import BUILT_IN, KINDS, PRICES, PROVIDERS
from external.stores.connect import _not_served


def store(provider: Any) -> dict[str, Any]:
    return {"spec": {"provider": provider}}


def test_a_store_has_a_field_for_each_provider() -> None:
    fields = {each.alias: (each.annotation, each.description) for each in BUILT_IN.provider_model.model_fields.values()}

    assert fields == {kind.name: (kind.model | None, kind.about) for kind in KINDS}
    assert len(PROVIDERS) == len(KINDS)
    assert set(PROVIDERS) < ORIGINAL_PROVIDERS


def test_labels_are_of_one_service_each() -> None:
    labels = [service.label for kind in KINDS for service in kind.services.values()]

    assert len(set(labels)) == len(labels)
    assert set(PRICES) <= set(labels)


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_the_bill_knows_label_and_batch_of_aws_clients(name: str) -> None:
    service = BUILT_IN.service_of(store({"aws": {"service": name}}))

    assert (service.label, service.batch) == (CLIENTS[name].label, CLIENTS[name].batch)


@pytest.mark.parametrize(
    ("provider", "label"),
    [
        ({"vault": {"server": "https://x"}}, "HashiCorp/Vault"),
        ({"openBao": {}}, "OpenBao"),
        ({"webhook": {"service": "x"}}, "Webhook"),
        ({"aws": {"service": "CertificateManager"}}, "AWS/CertificateManager"),
        ({"aws": {"service": "New"}}, "AWS/New"),
        ({"aws": None}, "AWS/"),
        ({"oracle": {}}, "oracle"),
        ({}, ""),
        ("odd", ""),
        (None, ""),
    ],
)
def test_the_label_of_a_raw_store(provider: Any, label: str) -> None:
    assert BUILT_IN.service_of(store(provider)).label == label


def test_a_service_that_is_not_served_has_no_price_and_no_batch() -> None:
    assert BUILT_IN.service_of(store({"aws": {"service": "New"}})) == Service("AWS/New")


@pytest.mark.parametrize(("name", "told"), [("openBao", "ReadOnly"), ("vault", "ReadWrite"), ("aws", "ReadWrite")])
def test_capabilities_are_the_originals(name: str, told: str) -> None:
    assert BUILT_IN.capabilities(store({name: {}})) == told


@pytest.mark.parametrize(
    ("provider", "told"),
    [
        ({"aws": {"sessionTagsPolicy": "Simple"}}, True),
        ({"aws": {"sessionTagsPolicy": "None"}}, False),
        ({"aws": "odd"}, False),
        ({"webhook": {"url": "http://x/{{ .remoteRef.namespace }}"}}, True),
        ({"vault": {"sessionTagsPolicy": "Simple"}}, False),
    ],
)
def test_which_providers_see_who_asks(provider: dict[str, object], told: bool) -> None:
    assert BUILT_IN.per_consumer(provider) is told


def test_references_are_found_by_the_model_of_the_declaration() -> None:
    given = {"vault": {"auth": {"tokenSecretRef": {"name": "t", "namespace": "ns", "key": "k"}}}}

    assert BUILT_IN.references_of(given) == [Reference("ns", "t", "Secret")]
    assert BUILT_IN.references_of("odd") == []


def test_a_provider_of_the_original_is_told_from_a_misspelt_one() -> None:
    assert "not supported by this version; supported: akeyless, aws, " in _not_served(BUILT_IN, "oracle")
    assert "unknown field; did you mean vault?" in _not_served(BUILT_IN, "valt")
