"""Which objects and properties a store of custom resources lets be read."""

from typing import Any

import pytest

from external.api.providers.crd import ResourceRule
from external.providers.kubernetes.whitelist import Whitelist
from manager.core.errors import NeedsHuman


def whitelist(*rules: dict[str, Any], cluster: bool = True) -> Whitelist:
    return Whitelist([ResourceRule.model_validate(each) for each in rules], "at", cluster=cluster)


@pytest.mark.parametrize(
    ("rules", "asked", "told"),
    [
        ([], ("a", "ns", ""), True),
        ([{"name": "^a$"}], ("a", "ns", ""), True),
        ([{"name": "b"}], ("abc", "", "x"), True),
        ([{"name": "^b"}], ("abc", "", ""), False),
        ([{"namespace": "^team-"}], ("a", "team-x", ""), True),
        ([{"namespace": "."}], ("a", "", ""), False),
        ([{"properties": ["^spec"]}], ("a", "", "spec.value"), True),
        ([{"properties": ["^spec"]}], ("a", "", "status"), False),
        ([{"properties": ["."]}], ("a", "", ""), False),
        ([{"name": "a", "namespace": "x"}], ("a", "y", ""), False),
        ([{"name": "z"}, {"name": "a"}], ("a", "", ""), True),
    ],
)
def test_a_rule_permits_what_all_its_fields_match(rules: Any, asked: tuple[str, str, str], *, told: bool) -> None:
    assert whitelist(*rules).permits(*asked) is told


@pytest.mark.parametrize(
    ("rule", "cluster", "said"),
    [
        ({}, True, r"at\.rules\[0\] is empty"),
        ({"namespace": "x"}, False, r"at\.rules\[0\]\.namespace: only rules of a ClusterSecretStore"),
        ({"name": "("}, True, "no RE2 expression"),
    ],
)
def test_a_rule_that_says_nothing_or_too_much_is_refused(rule: Any, said: str, *, cluster: bool) -> None:
    with pytest.raises(NeedsHuman, match=said):
        whitelist(rule, cluster=cluster)
