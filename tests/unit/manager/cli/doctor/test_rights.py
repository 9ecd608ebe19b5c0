"""The rights that the doctor asks for are those that the chart gives."""

import pytest

from manager.cli.doctor.rights import Right, lacking, needed, review
from tests.controller import rendered

MODULES = ("sealed", "external", "reflector")
OPTIONAL = {("", "serviceaccounts"), ("", "serviceaccounts/token"), ("authentication.k8s.io", "tokenreviews")}
"""Rights that the chart gives for a feature which an installation may not use."""


def given(*values: str, role: str = "coffer", kind: str = "ClusterRole") -> set[tuple[str, str, str]]:
    """Return the rules of a role of the chart."""
    rules = [
        rule
        for each in rendered("home", *values)
        if each["kind"] == kind and each["metadata"]["name"] == role
        for rule in each["rules"]
    ]
    return {
        (group, resource, verb)
        for rule in rules
        if not rule.get("resourceNames")
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if (group, resource) not in OPTIONAL
    }


@pytest.mark.parametrize("modules", [MODULES, ("sealed",), ("external",), ("reflector",)], ids="-".join)
def test_the_chart_gives_what_is_asked_for_and_nothing_else(modules: tuple[str, ...]) -> None:
    values = [f"modules.{each}={str(each in modules).lower()}" for each in MODULES]
    asked = {(each.group, each.resource, each.verb) for each in needed(modules, "home") if not each.namespace}

    assert asked == given(*values)


def test_a_limited_process_is_given_what_is_asked_for() -> None:
    asked = {
        (each.group, each.resource, each.verb)
        for each in needed(MODULES, "home", ("team",))
        if each.namespace == "team"
    }

    assert asked <= given("scope={team}", role="coffer-scope", kind="Role")
    assert ("", "secrets", "get") in asked


def test_a_question_names_subresource_and_namespace() -> None:
    body = review(Right("external-secrets.io", "secretstores/status", "patch", "team"), "home:coffer")

    assert body["spec"]["user"] == "system:serviceaccount:home:coffer"
    assert body["spec"]["resourceAttributes"] == {
        "group": "external-secrets.io",
        "resource": "secretstores",
        "subresource": "status",
        "verb": "patch",
        "namespace": "team",
    }


def test_what_is_missing_is_told_by_kind() -> None:
    missing = [Right("", "secrets", "get"), Right("", "secrets", "list"), Right("x", "y/status", "patch", "team")]

    wide, narrow = lacking("home:coffer", missing)

    assert wide.problem == "it may not get, list secrets"
    assert "kubectl auth can-i get secrets -A --as system:serviceaccount:home:coffer" in wide.cure
    assert narrow.problem == "it may not patch y/status.x in team"
    assert str(missing[2]) == "patch y/status.x in team"
