"""Whole files: what is left out, what is joined, and what is said."""

from typing import Any

import pytest

from manager.cli.migrate.chart_values.translation import Note, translate

SEALED, EXTERNAL, REFLECTOR = "sealed-secrets", "external-secrets", "reflector"


def ours(chart: str, values: dict[str, Any]) -> dict[str, Any]:
    found = translate(chart, values)
    assert found.complete, found.notes
    return found.values


def lost(chart: str, values: dict[str, Any]) -> list[str]:
    found = translate(chart, values)
    return [each.key for each in found.notes if each.matters]


def test_nothing_becomes_nothing() -> None:
    assert ours(SEALED, {}) == {}
    assert ours(REFLECTOR, {"resources": {}, "podLabels": None, "cron": {}}) == {}


def test_a_mapping_of_the_pods_is_taken_whole() -> None:
    labels = {"podLabels": {"app.kubernetes.io/part-of": "a"}, "nodeSelector": {"node-role": ""}}

    assert ours(SEALED, labels) == labels


def test_defaults_in_a_mapping_are_left_out() -> None:
    context = {"runAsUser": 7, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}

    found = ours(SEALED, {"containerSecurityContext": context})

    assert found == {"securityContext": {"runAsUser": 7, "capabilities": {"add": ["CHOWN"]}}}


def test_several_values_may_fill_one_list_and_one_mapping() -> None:
    hosts = {
        "hostname": "a.example",
        "extraHosts": [{"name": "b.example"}],
        "tls": True,
        "extraTls": [{"hosts": ["c"]}],
    }
    assert ours(SEALED, {"ingress": hosts})["ingress"] == {
        "hosts": ["a.example", "b.example"],
        "tls": [{"hosts": ["a.example"], "secretName": "a.example-tls"}, {"hosts": ["c"]}],
    }

    labels = {"commonLabels": {"a": "b"}, "rbac": {"labels": {"c": "d"}}}
    assert ours(SEALED, labels) == {"commonLabels": {"a": "b", "c": "d"}}


def test_a_conversion_that_says_less_does_not_undo_another_value() -> None:
    for monitor in ({"honorLabels": False, "enabled": True}, {"enabled": True, "honorLabels": False}):
        found = ours(SEALED, {"metrics": {"serviceMonitor": monitor}})
        assert found["metrics"]["serviceMonitor"] == {"enabled": True, "honorLabels": False}


def test_known_arguments_become_settings() -> None:
    """An empty text is a flag that is named alone."""
    arguments = {"loglevel": "debug", "unsafe-allow-generic-targets": "", "template-left-delimiter": "<<"}

    found = ours(EXTERNAL, {"extraArgs": arguments})

    assert found["settings"] == {
        "process": {"log_level": "DEBUG"},
        "external": {"generic_targets": True, "template_left_delimiter": "<<"},
    }


def test_one_namespace_of_external_secrets_is_a_scope() -> None:
    assert ours(EXTERNAL, {"scopedNamespace": "team-a", "scopedRBAC": True}) == {"scope": ["team-a"]}
    assert ours(EXTERNAL, {"scopedNamespace": "", "scopedRBAC": False}) == {}


def test_what_has_no_counterpart_matters_only_if_it_is_lost() -> None:
    assert lost(EXTERNAL, {"processSecretStore": False, "webhook": {"replicaCount": 3}, "leaderElect": True}) == [
        "processSecretStore"
    ]
    assert lost(EXTERNAL, {"scopedNamespace": "", "createOperator": True}) == []
    assert lost(EXTERNAL, {"extraArgs": {"zap-devel": "", "loglevel": "loud"}}) == [
        "extraArgs.zap-devel",
        "extraArgs.loglevel",
    ]
    assert lost(SEALED, {"ingress": {"secrets": [{"key": "k"}]}, "containerSecurityContext": {"enabled": False}}) == [
        "ingress.secrets",
        "containerSecurityContext.enabled",
    ]


def test_a_key_that_no_table_has_matters() -> None:
    found = translate(REFLECTOR, {"crom": {"enabled": True}, "configuration": {"watcher": {"timeut": 3}}})

    assert [str(each) for each in found.notes] == [
        "crom: no counterpart: reflector 10.0.63 has no such value",
        "configuration.watcher.timeut: no counterpart: reflector 10.0.63 has no such value",
    ]
    assert not found.complete


def test_a_counterpart_may_come_with_something_to_look_at() -> None:
    found = translate(SEALED, {"fullnameOverride": "sealed"})

    (note,) = found.notes
    assert found.values == {"service": {"name": "sealed"}}
    assert note == Note("fullnameOverride", False, note.why, "service.name")
    assert str(note).startswith("fullnameOverride: here service.name: ")


def test_the_values_for_a_dependency_are_found_in_the_file_of_its_parent() -> None:
    found = ours(EXTERNAL, {"external-secrets": {"concurrent": 5}, "other": {"concurrent": 7}})

    assert found == {"settings": {"external": {"concurrency": 5}}}


def test_a_type_that_the_original_would_refuse_is_no_crash() -> None:
    assert lost(
        SEALED, {"privateKeyLabels": "a", "image": {"pullSecrets": 3}, "ingress": {"extraHosts": {"a": 1}}}
    ) == [
        "privateKeyLabels",
        "image.pullSecrets",
        "ingress.extraHosts",
    ]


def test_another_chart_is_unknown() -> None:
    with pytest.raises(KeyError):
        translate("vault", {})
