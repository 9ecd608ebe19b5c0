"""What is read from raw ExternalSecrets and stores, of any shape."""

from typing import Any

import pytest

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parse
from external.api.selectors import selects
from external.api.store_conditions import admits
from external.providers.registry import BUILT_IN
from external.stores.summary import store_summary
from external.summaries import external_secret_summary
from manager.core.errors import NeedsHuman
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Key


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"data": [{"secretKey": "canary key", "remoteRef": {"key": "r"}}]}, "spec.data[0].secretKey"),
        ({"data": [{"secretKey": "k"}]}, "spec.data[0].remoteRef"),
        ({"target": {"creationPolicy": "canary"}}, "spec.target.creationPolicy"),
        ({"data": "canary"}, "spec.data"),
        ("canary", "spec"),
        (None, "spec"),
    ],
)
def test_an_unreadable_spec_is_named_by_field_not_quoted(raw: Any, place: str) -> None:
    with pytest.raises(NeedsHuman) as caught:
        parse(ExternalSecretSpec, raw, reason="SecretSyncedError")

    assert place in caught.value.message
    assert "canary" not in caught.value.message


def test_of_very_many_faults_the_first_are_named() -> None:
    with pytest.raises(NeedsHuman) as caught:
        parse(ExternalSecretSpec, {"data": [{}] * 400}, reason="SecretSyncedError")

    assert "spec.data[0].remoteRef" in caught.value.message
    assert "and 790 more" in caught.value.message
    assert len(caught.value.message) < 1000


def test_of_faults_without_end_none_is_named() -> None:
    with pytest.raises(NeedsHuman) as caught:
        parse(ExternalSecretSpec, {"data": [{}] * 1000}, reason="SecretSyncedError")

    assert caught.value.message == "spec: more than 1000 fields are wrong or unknown"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"data": [{"secretKey": "k", "remoteRef": {"key": "r", "propery": "p"}}]},
            "spec.data[0].remoteRef.propery: unknown field; did you mean property?",
        ),
        (
            {"target": {"template": {"metadata": {"label": {}}}}},
            "spec.target.template.metadata.label: unknown field; did you mean labels?",
        ),
        ({"refreshintervall": "1m"}, "spec.refreshintervall: unknown field; did you mean refreshInterval?"),
        (
            {"dataFrom": [{"find": {"name": {"regex": "a"}}}]},
            "dataFrom[0].find.name.regex: unknown field; did you mean",
        ),
        ({"zzzz": 1}, "spec.zzzz: unknown field"),
    ],
)
def test_an_unknown_field_is_named_with_the_nearest_known_one(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(NeedsHuman) as caught:
        parse(ExternalSecretSpec, spec, reason="R")

    assert said in caught.value.message


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"condition": [{"namespaces": ["a"]}]}, "spec.condition: unknown field; did you mean conditions?"),
        (
            {"conditions": [{"namespace": ["a"]}]},
            "spec.conditions[0].namespace: unknown field; did you mean namespaces?",
        ),
        (
            {"provider": {"aws": {"service": "SecretsManager", "region": "r", "rol": "arn"}}},
            "spec.provider.aws.rol: unknown field; did you mean role?",
        ),
        (
            {"provider": {"vault": {"server": "s", "auth": {"kubernets": {}}}}},
            "spec.provider.vault.auth.kubernets: unknown field; did you mean kubernetes?",
        ),
    ],
)
def test_a_store_with_an_unknown_field_cannot_be_read(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(NeedsHuman) as caught:
        parse(BUILT_IN.store_spec, {"provider": {"fake": {"data": []}}, **spec}, reason="R")

    assert said in caught.value.message


def test_a_long_unknown_name_is_cut() -> None:
    with pytest.raises(NeedsHuman) as caught:
        parse(ExternalSecretSpec, {"x" * 100_000: 1}, reason="R")

    assert len(caught.value.message) < 200


def test_a_wrong_interval_is_answered_with_a_right_one() -> None:
    with pytest.raises(NeedsHuman) as caught:
        parse(ExternalSecretSpec, {"refreshInterval": "daily"}, reason="R")

    assert caught.value.message == "spec.refreshInterval: must be a duration such as 1h, 30m or 1h30m"


def test_unknown_provider_fields_are_kept() -> None:
    found = parse(BUILT_IN.store_spec, {"provider": {"oracle": {"server": "x"}}}, reason="R")

    assert found.provider.model_dump(exclude_none=True) == {"oracle": {"server": "x"}}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"spec": None},
        {"spec": "x", "status": 5},
        {"spec": {"data": [5], "dataFrom": {}}, "status": {"refreshTime": "x"}},
    ],
)
def test_an_odd_external_secret_is_digested(odd: Any) -> None:
    found = external_secret_summary({"metadata": {"namespace": "ns", "name": "es"}, **odd})

    assert found.target == "es"
    assert not found.ready


def test_a_digest_names_every_store_once() -> None:
    refs = [{"name": "a"}, {"name": "b", "kind": "ClusterSecretStore"}, {"name": "a"}]
    data = [{"sourceRef": {"storeRef": each}} for each in refs]

    found = external_secret_summary(
        {"metadata": {"namespace": "ns", "name": "es"}, "spec": {"secretStoreRef": {"name": "a"}, "data": data}}
    )

    assert set(found.stores) == {Key(SECRET_STORES, "ns", "a"), Key(CLUSTER_SECRET_STORES, "", "b")}
    assert len(found.stores) == 2


def test_a_stores_credentials_are_found_wherever_they_stand() -> None:
    provider = {
        "aws": {
            "auth": {
                "secretRef": {
                    "accessKeyIDSecretRef": {"name": "a", "key": "k"},
                    "secretAccessKeySecretRef": {"name": "b", "namespace": "other"},
                }
            }
        },
        "webhook": {"secrets": [{"name": "auth", "secretRef": {"name": "c"}}]},
    }

    cluster = store_summary({"metadata": {"name": "s"}, "spec": {"provider": provider}})
    namespaced = store_summary({"metadata": {"name": "s", "namespace": "ns"}, "spec": {"provider": provider}})

    assert set(cluster.credentials) == {("", "a"), ("other", "b"), ("", "c")}
    assert set(namespaced.credentials) == {("ns", "a"), ("ns", "b"), ("ns", "c")}


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"namespaces": ["prod"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"namespaceRegexes": ["pro.*"]}, True),
        ({"namespaceRegexes": ["pro"]}, False),
        ({"namespaceRegexes": ["rod"]}, False),
        ({"namespaceRegexes": ["x|prod"]}, True),
        ({"namespaceRegexes": ["(?!x)"]}, False),
        ({"namespaceSelector": {"matchLabels": {"t": "1"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"t": "2"}}}, False),
        ({"namespaceSelector": {}}, True),
        ({"namespaceSelector": {"matchExpressions": [{"key": "t", "operator": "NotIn"}]}}, False),
        ({"namespaceSelector": {"matchExpressions": [{"key": "t", "operator": "NotIn", "values": "2"}]}}, False),
        ({"namespaceSelector": {"matchExpressions": [{"key": "a b", "operator": "DoesNotExist"}]}}, False),
        ({"namespaceSelector": {"matchExpressions": [{"key": "u", "operator": "NotIn", "values": ["a b"]}]}}, False),
        ({"namespaceSelector": {"matchExpressions": [{"key": "a..b/u", "operator": "DoesNotExist"}]}}, False),
        ({"namespaceSelector": {"matchExpressions": {"key": "t"}}}, False),
        ({}, False),
    ],
)
def test_a_cluster_store_admits_by_full_match(condition: Any, answer: bool) -> None:
    assert admits([condition], "prod", {"t": "1"}) is answer
    assert admits([], "prod", {})


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [("pro", True), ("rod", True), ("^rod", False), ("x", False), ("prod", True), ("test-*", False), ("(?!x)", False)],
)
def test_as_a_setting_an_expression_may_match_a_part(pattern: str, answer: bool) -> None:
    assert admits([{"namespaceRegexes": [pattern]}], "prod", {}, partly=True) is answer
    assert admits([{"namespaceRegexes": ["test-*"]}], "test-7", {}, partly=True)


@pytest.mark.parametrize(
    ("operator", "values", "answer"),
    [
        ("In", ["1"], True),
        ("In", ["2"], False),
        ("NotIn", ["2"], True),
        ("Exists", None, True),
        ("DoesNotExist", None, False),
        ("Gt", ["0"], False),
    ],
)
def test_selector_expressions(operator: str, values: Any, answer: bool) -> None:
    assert selects({"matchExpressions": [{"key": "t", "operator": operator, "values": values}]}, {"t": "1"}) is answer


@pytest.mark.parametrize("interval", [None, 0, 300, "1h", "90s", "0s"])
def test_a_store_names_its_interval_in_seconds_or_as_a_duration(interval: Any) -> None:
    parse(BUILT_IN.store_spec, {"provider": {}, "refreshInterval": interval}, reason="R")


@pytest.mark.parametrize("interval", ["nonsense", -5, "-5m", "10"])
def test_any_other_interval_of_a_store_is_told(interval: Any) -> None:
    with pytest.raises(NeedsHuman, match=r"spec\.refreshInterval"):
        parse(BUILT_IN.store_spec, {"provider": {}, "refreshInterval": interval}, reason="R")
