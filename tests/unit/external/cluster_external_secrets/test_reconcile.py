"""ClusterExternalSecrets: one ExternalSecret in every namespace they choose."""

from typing import Any

import pytest

from external.cluster_external_secrets.plan import FINALIZER, FORCE_SYNC, NAMESPACE_FINALIZER, TAKEN
from manager.core.errors import Forbidden
from manager.kube.resources import CLUSTER_EXTERNAL_SECRETS, EXTERNAL_SECRETS, NAMESPACES, Body
from tests.builders.external_module import ExternalModule

SPEC = {
    "secretStoreRef": {"name": "store"},
    "refreshInterval": "1h",
    "data": [{"secretKey": "k", "remoteRef": {"key": "r"}}],
}
ALL = {"namespaceSelectors": [{}]}
PROD = {"namespaceSelector": {"matchLabels": {"env": "prod"}}}


def cluster(bench: ExternalModule, meta: Any = None, **spec: Any) -> None:
    """Place a ClusterExternalSecret `ces`."""
    whole = {"externalSecretSpec": SPEC, **spec}
    bench.put(CLUSTER_EXTERNAL_SECRETS, {"metadata": {"name": "ces", **(meta or {})}, "spec": whole})


def found(bench: ExternalModule, namespace: str, name: str = "ces") -> Body | None:
    return bench.body(EXTERNAL_SECRETS, name, namespace)


def status(bench: ExternalModule) -> dict[str, Any]:
    """Return the status without what is empty."""
    given = (bench.body(CLUSTER_EXTERNAL_SECRETS, "ces") or {}).get("status") or {}
    return {name: value for name, value in given.items() if value}


async def test_every_chosen_namespace_gets_one_that_is_owned(bench: ExternalModule) -> None:
    for name, labels in (("a", {"env": "prod"}), ("b", {"env": "dev"}), ("c", {"env": "prod"})):
        bench.namespace(name, **labels)
    metadata = {"labels": {"l": "1"}, "annotations": {"n": "2"}}
    cluster(bench, {"annotations": {FORCE_SYNC: "now"}}, **PROD, externalSecretMetadata=metadata)

    await bench.settle()

    made = found(bench, "a") or {}
    owner = (bench.body(CLUSTER_EXTERNAL_SECRETS, "ces") or {})["metadata"]["uid"]
    assert [(each["uid"], each["controller"]) for each in made["metadata"]["ownerReferences"]] == [(owner, True)]
    assert (made["metadata"]["labels"], made["spec"]) == ({"l": "1"}, SPEC)
    assert made["metadata"]["annotations"] == {"n": "2", FORCE_SYNC: "now"}
    assert found(bench, "c")
    assert not found(bench, "b")
    assert status(bench) == {
        "conditions": [{"type": "Ready", "status": "True"}],
        "provisionedNamespaces": ["a", "c"],
        "externalSecretName": "ces",
    }


@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        (ALL, ["a", "b"]),
        ({"namespaceSelectors": [{"matchLabels": {"env": "prod"}}, {"matchLabels": {"env": "dev"}}]}, ["a", "b"]),
        (
            {"namespaceSelectors": [{"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["dev"]}]}]},
            ["a"],
        ),
        ({"namespaces": ["b", "missing"]}, ["b"]),
        ({"namespaceSelector": {"matchLabels": {"env": "x"}}}, []),
        ({}, []),
    ],
)
async def test_selectors_and_names_are_joined(bench: ExternalModule, chosen: Any, where: list[str]) -> None:
    bench.namespace("a", env="prod")
    bench.namespace("b", env="dev")
    cluster(bench, **chosen)

    await bench.settle()

    assert status(bench).get("provisionedNamespaces", []) == where
    assert status(bench)["conditions"] == [{"type": "Ready", "status": "True"}]


async def test_a_changed_spec_reaches_all_and_foreign_metadata_stays(bench: ExternalModule) -> None:
    bench.namespace("a")
    cluster(bench, {"annotations": {FORCE_SYNC: "1"}}, **ALL)
    await bench.settle()
    present = found(bench, "a") or {}
    present["metadata"].setdefault("annotations", {})["theirs"] = "kept"
    bench.api.put(EXTERNAL_SECRETS, present)

    cluster(bench, **ALL, externalSecretSpec=SPEC | {"refreshInterval": "2h"})
    await bench.settle()

    made = found(bench, "a") or {}
    assert made["spec"]["refreshInterval"] == "2h"
    assert made["metadata"]["annotations"] == {"theirs": "kept"}


async def test_an_edited_or_deleted_one_is_set_right(bench: ExternalModule) -> None:
    for name in "ab":
        bench.namespace(name)
    cluster(bench, **ALL)
    await bench.settle()
    present = found(bench, "a") or {}
    present["spec"] = present["spec"] | {"refreshInterval": "9h"}
    bench.api.put(EXTERNAL_SECRETS, present)
    del bench.api.objects[next(key for key in bench.api.objects if key.namespace == "b")]

    await bench.settle()

    assert [(found(bench, name) or {})["spec"] for name in "ab"] == [SPEC, SPEC]


async def test_what_is_not_its_own_is_left_and_told(bench: ExternalModule) -> None:
    bench.namespace("a")
    theirs = bench.put(EXTERNAL_SECRETS, {"metadata": {"name": "ces", "namespace": "a"}, "spec": {"data": []}})
    cluster(bench, **ALL)
    await bench.settle()
    assert status(bench)["failedNamespaces"] == [{"namespace": "a", "reason": TAKEN}]
    assert status(bench)["conditions"] == [
        {"type": "Ready", "status": "False", "message": "one or more namespaces failed"}
    ]
    assert (found(bench, "a") or {})["spec"] == theirs["spec"]

    del bench.api.objects[next(key for key in bench.api.objects if key.namespace == "a")]
    await bench.settle()

    assert (found(bench, "a") or {})["spec"] == SPEC
    assert "failedNamespaces" not in status(bench)


async def test_an_object_recreated_by_another_is_left_alone(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.namespace("a")
    cluster(bench, **ALL)
    await bench.settle()
    del bench.api.objects[next(key for key in bench.api.objects if key.namespace == "a")]
    theirs = bench.put(EXTERNAL_SECRETS, {"metadata": {"name": "ces", "namespace": "a"}, "spec": {"data": []}})
    cluster(bench, **ALL, externalSecretSpec=SPEC | {"refreshInterval": "2h"})

    observe = bench.stage.cache.observe
    with monkeypatch.context() as late:
        late.setattr(
            bench.stage.cache,
            "observe",
            lambda resource, *given: None if resource is EXTERNAL_SECRETS else observe(resource, *given),
        )
        await bench.settle()

    assert (found(bench, "a") or {})["spec"] == theirs["spec"]
    assert status(bench)["failedNamespaces"] == [{"namespace": "a", "reason": TAKEN}]


async def test_only_what_is_renamed_or_not_chosen_is_deleted(bench: ExternalModule) -> None:
    for name in ("a", "b"):
        bench.namespace(name, env="prod")
    bench.put(EXTERNAL_SECRETS, {"metadata": {"name": "theirs", "namespace": "a"}, "spec": {"data": []}})
    cluster(bench, **PROD, externalSecretName="old")
    await bench.settle()

    cluster(bench, **PROD, externalSecretName="new")
    bench.namespace("b", env="dev")
    await bench.settle()

    assert found(bench, "a", "new")
    assert found(bench, "a", "theirs")
    assert not found(bench, "a", "old")
    assert not found(bench, "b", "new")
    assert not found(bench, "b", "old")
    assert status(bench)["provisionedNamespaces"] == ["a"]
    assert status(bench)["externalSecretName"] == "new"


async def test_a_quiet_one_asks_and_writes_nothing(bench: ExternalModule) -> None:
    bench.namespace("a", env="prod")
    cluster(bench, **PROD, externalSecretMetadata={"labels": {"l": "1"}, "annotations": {"n": "1"}})
    await bench.settle()
    before = bench.api.counts()

    bench.namespace("b", env="dev")
    await bench.settle()

    calls = bench.api.counts() - before
    assert calls == {"get": 1}, "the object itself, and nothing in its namespaces"


async def test_a_namespace_that_refuses_fails_alone_and_is_tried_again(bench: ExternalModule) -> None:
    for name in ("a", "b"):
        bench.namespace(name)
    bench.api.fail("create", Forbidden(403, "Forbidden", "create ExternalSecret a/ces"))
    cluster(bench, **ALL)

    await bench.settle()
    assert found(bench, "b")
    bench.pass_by(5)
    await bench.settle()

    assert found(bench, "a")
    assert status(bench)["conditions"] == [{"type": "Ready", "status": "True"}]


async def test_a_spec_that_cannot_be_read_is_told_by_its_field(bench: ExternalModule) -> None:
    bench.namespace("a")
    cluster(bench, **ALL, externalSecretSpec={"data": [{}]})

    await bench.settle()

    [condition] = status(bench)["conditions"]
    assert condition["status"] == "False"
    assert "spec.externalSecretSpec.data[0].secretKey" in condition["message"]


async def test_what_the_original_holds_back_is_let_go(bench: ExternalModule) -> None:
    gone = "2026-01-01T00:00:00Z"
    held = NAMESPACE_FINALIZER + "ces"
    bench.put(NAMESPACES, {"metadata": {"name": "a", "finalizers": [held, "theirs", NAMESPACE_FINALIZER + "other"]}})
    bench.put(NAMESPACES, {"metadata": {"name": "going", "finalizers": [held, "theirs"], "deletionTimestamp": gone}})
    cluster(bench, {"finalizers": [FINALIZER, "theirs"], "deletionTimestamp": gone}, **ALL)

    await bench.settle()

    def finalizers(resource: Any, name: str) -> list[str]:
        return list((bench.body(resource, name) or {})["metadata"]["finalizers"])

    assert finalizers(CLUSTER_EXTERNAL_SECRETS, "ces") == ["theirs"]
    assert finalizers(NAMESPACES, "a") == ["theirs", NAMESPACE_FINALIZER + "other"]
    assert finalizers(NAMESPACES, "going") == ["theirs"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ({"operator": "Among", "values": ["x"]}, "operator: must be one of In, NotIn, Exists, DoesNotExist"),
        ({"operator": "in", "values": ["x"]}, "operator: must be one of In, NotIn, Exists, DoesNotExist"),
        ({"operator": "In"}, "values: In takes at least one value"),
        ({"operator": "Exists", "values": ["x"]}, "values: Exists takes no values"),
        ({"operator": "In", "values": ["prod,"]}, "values: must be a list of values that a label can have"),
        ({"operator": "Exists", "key": "a/b/c"}, "key: must be a name that a label can have"),
    ],
)
async def test_a_selector_that_makes_no_sense_removes_nothing(
    bench: ExternalModule, expression: Any, text: str
) -> None:
    bench.namespace("a")
    cluster(bench, **ALL)
    await bench.settle()

    cluster(bench, namespaceSelectors=[{}, {"matchExpressions": [{"key": "env", **expression}]}])
    await bench.settle()

    assert found(bench, "a")
    [condition] = status(bench)["conditions"]
    assert condition["message"] == f"spec.namespaceSelectors[1].matchExpressions[0].{text}"


@pytest.mark.parametrize("labels", [{"env": "prod "}, {"e nv": "prod"}, {"env": "x" * 64}, {"example..com/env": "x"}])
async def test_a_label_that_nothing_can_have_removes_nothing(bench: ExternalModule, labels: Any) -> None:
    bench.namespace("a")
    cluster(bench, **ALL)
    await bench.settle()

    cluster(bench, namespaceSelector={"matchLabels": labels})
    await bench.settle()

    assert found(bench, "a")
    [condition] = status(bench)["conditions"]
    text = "spec.namespaceSelector.matchLabels: must be a map of names and values that a label can have"
    assert (condition["status"], condition["message"]) == ("False", text)


async def test_nothing_is_removed_on_the_strength_of_an_old_view(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.namespace("a", env="prod")
    cluster(bench, **PROD)
    await bench.settle()
    bench.namespace("a", env="dev")
    bench.observe()
    bench.namespace("a", env="prod")  # and the watch has not told yet
    with monkeypatch.context() as blind:
        blind.setattr(bench.stage.cache, "observe", lambda *_: None)
        await bench.settle()

    assert found(bench, "a")
    await bench.settle()
    assert status(bench)["provisionedNamespaces"] == ["a"]
