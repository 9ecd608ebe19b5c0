"""Each conversion of a value, with two values that it takes and one that it refuses."""

from typing import Any

import pytest

from manager.cli.migrate.chart_values import conversions as to
from manager.cli.migrate.chart_values.rules import Convert, NoCounterpart, Several

GENERIC = "settings.external.generic_targets"
MONITOR = "metrics.serviceMonitor"
CONVERTED: list[tuple[Convert, Any, Any]] = [
    (to.log_level, "warn", "WARNING"),
    (to.log_level, "Information", "INFO"),
    (to.seconds, "5m", 300),
    (to.seconds, "1.5s", 1.5),
    (to.number, "30080", 30080),
    (to.number, 3, 3),
    (to.pairs, {"a": "b", "c": "d"}, ["a=b", "c=d"]),
    (to.pairs, {"a/b": ""}, ["a/b="]),
    (to.names, ["pull"], [{"name": "pull"}]),
    (to.names, [{"name": "pull"}], [{"name": "pull"}]),
    (to.in_a_list, "a.example", ["a.example"]),
    (to.in_a_list, "b.example", ["b.example"]),
    (to.one_port, "6443", [6443]),
    (to.one_port, 443, [443]),
    (to.peers_in_cidr, "192.0.2.0/24", [{"ipBlock": {"cidr": "192.0.2.0/24"}}]),
    (to.peers_in_cidr, "2001:db8::/64", [{"ipBlock": {"cidr": "2001:db8::/64"}}]),
    (to.arguments, ["controller", "--key-size", "2048", "--update-status"], ["--key-size=2048", "--update-status"]),
    (to.arguments, ["--key-ttl=1h"], ["--key-ttl=1h"]),
    (to.subjects, "- {kind: Group, name: g}\n", [{"kind": "Group", "name": "g"}]),
    (to.subjects, [{"kind": "Group", "name": "g"}], [{"kind": "Group", "name": "g"}]),
    (to.host_names, [{"name": "a", "path": "/"}], ["a"]),
    (to.host_names, ["a", "b"], ["a", "b"]),
    (to.generic_targets, False, Several({GENERIC: False})),
    (
        to.generic_targets,
        True,
        Several({GENERIC: True, "rbac.genericTargets": [{"apiGroups": [""], "resources": ["configmaps"]}]}),
    ),
    (
        to.target_rights,
        [{"apiGroup": "a", "resources": ["b"], "verbs": ["get"]}],
        [{"apiGroups": ["a"], "resources": ["b"]}],
    ),
    (to.target_rights, [{"resources": ["b", "c"]}], [{"apiGroups": [""], "resources": ["b", "c"]}]),
    (to.truth, "", True),
    (to.truth, "false", False),
]
REFUSED: list[tuple[Convert, Any, str]] = [
    (to.log_level, "loud", "DEBUG, INFO, WARNING or ERROR"),
    (to.seconds, "soon", "not a duration"),
    (to.number, "many", "not a whole number"),
    (to.number, [], "not a whole number"),
    (to.pairs, ["a"], "not a mapping"),
    (to.names, "pull", "not a list"),
    (to.one_port, "https", "not a whole number"),
    (to.arguments, ["sh", "-c"], "only flags"),
    (to.arguments, ["--a=b", "c"], "only flags"),
    (to.subjects, "{{ tpl }", "not YAML"),
    (to.subjects, "a: b", "not a list"),
    (to.host_names, [{"path": "/"}], "no name"),
    (to.ingress_tls, "yes", "neither true nor false"),
    (to.target_rights, ["configmaps"], "lacks resources"),
    (to.target_rights, [{"resources": "configmaps"}], "lacks resources"),
    (to.truth, "maybe", "neither true nor false"),
]


@pytest.mark.parametrize(("convert", "given", "expected"), CONVERTED)
def test_a_value_becomes_ours(convert: Convert, given: Any, expected: Any) -> None:
    assert convert(given, {}) == expected


@pytest.mark.parametrize(("convert", "given", "why"), REFUSED)
def test_what_cannot_be_said_here_is_refused_without_its_value(convert: Convert, given: Any, why: str) -> None:
    with pytest.raises(NoCounterpart, match=why) as refused:
        convert(given, {})
    assert "loud" not in str(refused.value)


def test_the_certificate_of_an_ingress_has_the_name_of_its_host() -> None:
    named = to.ingress_tls(True, {"ingress": {"hostname": "seal.example"}})
    assert named == [{"hosts": ["seal.example"], "secretName": "seal.example-tls"}]

    default = to.ingress_tls(True, {"ingress": "none"})
    assert default == [{"hosts": ["sealed-secrets.local"], "secretName": "sealed-secrets.local-tls"}]


def test_a_service_monitor_keeps_labels_unless_it_says_otherwise() -> None:
    """The original's default, which is not ours."""
    kept = Several({f"{MONITOR}.enabled": True, f"{MONITOR}.honorLabels": True})
    assert to.honoring(True, {}) == kept
    assert to.honoring(True, {"metrics": {"serviceMonitor": {"honorLabels": True}}}) == kept

    other = {"metrics": {"serviceMonitor": {"honorLabels": False}}}
    assert to.honoring(True, other) == Several({f"{MONITOR}.enabled": True})
