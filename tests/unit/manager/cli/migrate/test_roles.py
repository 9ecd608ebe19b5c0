"""Which rights tenants lose with an original, and which Coffer's chart gives them again."""

from typing import Any

import pytest

from manager.cli.migrate.assessment import REPLACEMENT
from manager.cli.migrate.hazards import Hazard
from manager.cli.migrate.originals import RELEASE_NAME, RELEASE_NAMESPACE, ReleaseKey
from manager.cli.migrate.roles import AGGREGATE, BUILT_IN, CHANGE, READ, Rbac, role_hazards
from tests.controller import rendered

GROUP = "external-secrets.io"
NAMED = {"app.kubernetes.io/name": "external-secrets"}


def role(*resources: str, verbs: Any = READ, into: tuple[str, ...] = (), labels: Any = None, **metadata: Any) -> Any:
    marks = {f"{AGGREGATE}{each}": "true" for each in into} | (NAMED if labels is None else labels)
    rules = [{"apiGroups": [GROUP], "resources": list(resources), "verbs": sorted(verbs)}]
    return {"metadata": {"name": "external-secrets-edit", "labels": marks, **metadata}, "rules": rules}


def binding(name: str, subject: Any, namespace: str = "") -> Any:
    meta = {"name": "b", **({"namespace": namespace} if namespace else {})}
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    ref = {"kind": "ClusterRole", "name": name}
    return {"kind": kind, "metadata": meta, "roleRef": ref, "subjects": [subject] if subject else None}


TEAM = {"kind": "Group", "name": "team"}


def said(given: Any, *bindings: Any) -> list[Hazard]:
    release = ReleaseKey("eso", "release")
    return list(role_hazards(Rbac((given,), bindings, {release: "external"}, frozenset({"eso"})), REPLACEMENT))


def test_the_replacement_is_what_the_chart_gives() -> None:
    found: dict[str, set[tuple[str, str, str]]] = {each: set() for each in BUILT_IN}
    for each in rendered("coffer"):
        for name in BUILT_IN if each["kind"] == "ClusterRole" else ():
            if (each["metadata"].get("labels") or {}).get(f"{AGGREGATE}{name}") == "true":
                found[name] |= {
                    (group, plural, verb)
                    for rule in each["rules"]
                    for group in rule["apiGroups"]
                    for plural in rule["resources"]
                    for verb in rule["verbs"]
                }

    assert {name: REPLACEMENT.rights(name) for name in BUILT_IN} == found


@pytest.mark.parametrize(
    ("resource", "verbs", "into"),
    [("externalsecrets", READ, BUILT_IN), ("secretstores", CHANGE, ("edit", "admin"))],
)
def test_rights_that_the_chart_gives_again_are_no_hazard(resource: str, verbs: Any, into: Any) -> None:
    assert said(role(resource, verbs=verbs, into=into)) == []


@pytest.mark.parametrize("verbs", [CHANGE, {"*"}])
def test_rights_on_namespaced_kinds_that_nothing_replaces_block(verbs: Any) -> None:
    (found,) = said(role("externalsecrets", verbs=verbs, into=("view",)))

    assert found.blocks
    assert found.problem.startswith("lost by view: create externalsecrets, delete externalsecrets")


def test_kinds_that_are_not_served_are_named_once_for_all_roles() -> None:
    (found,) = said(role("generatorstates", into=BUILT_IN))

    assert found.problem == "lost by view, edit, admin: generatorstates, which Coffer does not serve"
    assert not found.blocks


@pytest.mark.parametrize(
    ("bindings", "blocks"),
    [
        pytest.param((), False, id="a RoleBinding reaches nothing outside of namespaces"),
        pytest.param((binding("edit", TEAM, "ns"),), False, id="in one namespace"),
        pytest.param((binding("edit", TEAM),), True, id="everywhere"),
        pytest.param(
            (binding("edit", {"kind": "ServiceAccount", "name": "x", "namespace": "eso"}),), False, id="the original's"
        ),
        pytest.param((binding("edit", None),), False, id="without a subject"),
    ],
)
def test_rights_on_cluster_kinds_count_where_a_cluster_binding_gives_them(bindings: Any, blocks: bool) -> None:
    (found,) = said(role("clustersecretstores", verbs={"create"}, into=("edit",)), *bindings)

    assert found.problem.startswith("lost by edit: create clustersecretstores")
    assert found.blocks is blocks


@pytest.mark.parametrize("namespace", ["", "ns"])
def test_a_binding_that_names_a_role_which_goes_away_blocks(namespace: str) -> None:
    (found,) = said(role("externalsecrets"), binding("external-secrets-edit", TEAM, namespace))

    assert found.blocks
    assert found.about == ("RoleBinding ns/b" if namespace else "ClusterRoleBinding b")


def test_the_originals_own_binding_is_no_hazard() -> None:
    account = {"kind": "ServiceAccount", "name": "external-secrets", "namespace": "eso"}

    assert said(role("externalsecrets"), binding("external-secrets-edit", account)) == []


@pytest.mark.parametrize(
    ("metadata", "number"),
    [
        ({"annotations": {RELEASE_NAME: "release", RELEASE_NAMESPACE: "eso"}}, 1),
        ({"annotations": {RELEASE_NAME: "other", RELEASE_NAMESPACE: "eso"}}, 0),
        ({}, 0),
    ],
)
def test_a_role_belongs_to_an_original_by_its_release_too(metadata: Any, number: int) -> None:
    given = role("generatorstates", into=("view",), labels={}, **metadata)

    assert len(said(given)) == number
