"""What the whitelist of a store admits."""

from typing import Any

import pytest

from external.api.providers.kubernetes import ResourceRule
from external.providers.kubernetes.resource_rules import AccessRules, ObjectName

PLACE = ObjectName("team-a", "db-main")


def rules(*given: dict[str, Any], cluster: bool = True) -> AccessRules:
    return AccessRules([ResourceRule.model_validate(each) for each in given], cluster=cluster, at="rules")


def test_without_rules_everything_is_admitted() -> None:
    assert rules().admit(PLACE)
    assert rules().admit(PLACE, "spec.password")


@pytest.mark.parametrize(
    ("rule", "path", "admitted"),
    [
        ({"name": "^db-"}, "", True),
        ({"name": "^db$"}, "", False),
        ({"name": "main", "namespace": "^team-a$"}, "", True),
        ({"name": "main", "namespace": "^team-b$"}, "", False),
        ({"properties": ["^spec\\.user$"]}, "spec.user", True),
        ({"properties": ["^spec\\.user$"]}, "spec.password", False),
        ({"properties": ["^spec\\.user$"]}, "", False),
        ({"properties": ["user"]}, "spec.user.name", True),
    ],
)
def test_all_fields_of_a_rule_must_match(rule: dict[str, Any], path: str, admitted: bool) -> None:
    assert rules(rule).admit(PLACE, path) is admitted


def test_one_rule_of_several_is_enough() -> None:
    assert rules({"name": "none"}, {"namespace": "team"}).admit(PLACE)


def test_an_object_without_namespace_passes_no_rule_of_namespaces() -> None:
    assert not rules({"namespace": ".*"}).admit(ObjectName("", "db-main"))


@pytest.mark.parametrize(
    "path",
    [
        "{spec.user,spec.password}",
        "[spec.user,spec.password]",
        "spec|@this|spec.user|spec.password",
        'spec.list.#(name=="spec.user").password',
        "@values.spec.user",
    ],
)
def test_a_path_that_combines_must_match_as_a_whole(path: str) -> None:
    assert not rules({"properties": ["spec.user"]}).admit(PLACE, path)
    assert rules({"properties": [".*"]}).admit(PLACE, path)


@pytest.mark.parametrize(
    ("rule", "cluster", "text"),
    [
        ({}, True, r"rules\[0\]: it admits everything"),
        ({"properties": []}, True, r"rules\[0\]: it admits everything"),
        ({"name": ""}, True, r"rules\[0\]: it admits everything"),
        ({"namespace": "a"}, False, r"rules\[0\]\.namespace: a SecretStore reads its own namespace only"),
        ({"name": "("}, True, r"rules\[0\]\.name: it is no RE2 expression"),
        ({"properties": ["a", "("]}, True, r"rules\[0\]\.properties\[1\]: it is no RE2 expression"),
    ],
)
def test_a_rule_that_nobody_can_have_meant_is_refused(rule: dict[str, Any], cluster: bool, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        rules(rule, cluster=cluster)
