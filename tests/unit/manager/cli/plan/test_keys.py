"""Which keys a manifest adds, changes and removes."""

from typing import Any

import pytest

from external.api.hashes import field_manager
from manager.cli.manifests.reading import Manifest
from manager.cli.plan.keys import KeyPlan, planned, target_name
from manager.kube.resources import Body

ESO, SEALED = "external-secrets.io/v1", "bitnami.com/v1alpha1"


def manifest(kind: str, api: str = ESO, **more: Any) -> Manifest:
    return Manifest("f", 1, {"apiVersion": api, "kind": kind, "metadata": {"namespace": "ns", "name": "x"}, **more})


def external(*entries: tuple[str, str], **spec: Any) -> Manifest:
    data = [{"secretKey": name, "remoteRef": {"key": remote}} for name, remote in entries]
    return manifest("ExternalSecret", spec={"secretStoreRef": {"name": "s"}, "data": data, **spec})


def secret(*keys: str, manager: str = field_manager("x"), owner: str = "ExternalSecret") -> Body:
    owners = [{"controller": True, "kind": owner, "name": "x", "uid": "u"}] if owner else []
    entry = {"manager": manager, "fieldsV1": {"f:data": {f"f:{each}": {} for each in keys}}}
    return {"metadata": {"namespace": "ns", "name": "x", "ownerReferences": owners, "managedFields": [entry]}}


def sealed(values: dict[str, str], texts: dict[str, Any] | None = None) -> Manifest:
    return manifest("SealedSecret", SEALED, spec={"encryptedData": values, "template": {"data": texts or {}}})


@pytest.mark.parametrize(
    ("given", "live", "present", "found"),
    [
        (external(("a", "r")), None, None, KeyPlan(added=("a",))),
        (external(("a", "r")), external(("a", "r")), secret("a"), KeyPlan(kept=("a",))),
        (external(("a", "q")), external(("a", "r")), secret("a"), KeyPlan(changed=("a",))),
        (
            external(("a", "r"), secretStoreRef={"name": "other"}),
            external(("a", "r")),
            secret("a"),
            KeyPlan(changed=("a",)),
        ),
        (external(("b", "r")), external(("a", "r")), secret("a"), KeyPlan(added=("b",), removed=("a",))),
        (
            external(("a", "r"), dataFrom=[{"extract": {"key": "k"}}]),
            external(("a", "r")),
            secret("a", "b"),
            KeyPlan(kept=("a",), more=True),
        ),
        (
            external(("a", "r"), target={"creationPolicy": "Merge"}),
            external(("a", "r")),
            secret("a", "theirs", manager="kubectl-edit", owner=""),
            KeyPlan(kept=("a",)),
        ),
        (
            external(("user", "r"), target={"template": {"data": {"url": "{{ .user }}"}}}),
            external(("user", "r"), target={"template": {"data": {"url": "x{{ .user }}"}}}),
            secret("url"),
            KeyPlan(changed=("url",)),
        ),
        (
            external(("user", "r"), target={"template": {"mergePolicy": "Merge", "data": {"url": "u"}}}),
            None,
            None,
            KeyPlan(added=("url", "user")),
        ),
        (
            external(("a", "r"), target={"template": {"templateFrom": [{"configMap": {"name": "c"}}]}}),
            None,
            None,
            KeyPlan(more=True),
        ),
        (
            sealed({"k": "2", "n": "1"}),
            sealed({"k": "1", "o": "1"}),
            secret("k", "o", owner="SealedSecret"),
            KeyPlan(("n",), ("k",), ("o",)),
        ),
        (sealed({"k": "1"}, {"t": "{{ .k }}", "k2": None}), None, None, KeyPlan(added=("k", "t"))),
        (
            sealed({"k": "2"}, {"t": "{{ .k }}"}),
            sealed({"k": "1"}, {"t": "{{ .k }}"}),
            secret("k", "t", owner="SealedSecret"),
            KeyPlan(changed=("k", "t")),
        ),
        (
            manifest("Secret", "v1", stringData={"a": "x", "b": "new"}),
            manifest("Secret", "v1", data={"a": "eA==", "b": "b2xk", "c": ""}),
            {**secret("a", "b", "c", manager="kubectl-client-side-apply", owner="")},
            KeyPlan(changed=("b",), removed=("c",), kept=("a",)),
        ),
    ],
)
def test_keys_are_compared_with_the_cluster(
    given: Manifest, live: Manifest | None, present: Body | None, found: KeyPlan
) -> None:
    assert planned(given, None if live is None else live.body, present) == found


def test_keys_of_literal_templates_count() -> None:
    given = external(("a", "r"), target={"template": {"templateFrom": [{"literal": "x: 1"}]}})

    assert planned(given, None, None, ["x"]) == KeyPlan(added=("x",))


def test_values_are_masked() -> None:
    assert KeyPlan(("a",), ("b",), ("c",), ("d", "e"), more=True).lines() == [
        "+ a: ***",
        "~ b: ***",
        "- c: ***",
        "= 2 keys stay as they are",
        "  and keys that only the provider or a template knows",
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (external(), "x"),
        (external(target={"name": "y"}), "y"),
        (external(target={"creationPolicy": "None"}), ""),
        (external(target={"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}), ""),
        (sealed({}), "x"),
        (manifest("SecretStore"), ""),
    ],
)
def test_the_secret_of_a_manifest_is_known_by_its_spec(given: Manifest, name: str) -> None:
    assert target_name(given) == name
