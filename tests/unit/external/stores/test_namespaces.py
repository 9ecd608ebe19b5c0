"""A namespace that is being deleted: nothing in it is told, and what is outside goes on."""

from typing import Any

import pytest

from manager.core.errors import Forbidden
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    EXTERNAL_SECRETS,
    NAMESPACES,
    SECRET_STORES,
    SECRETS,
    Body,
    Resource,
)
from tests.builders.external_module import ExternalModule

TERMINATING = Forbidden(403, "NamespaceTerminating", "create secrets ns/es")


def leave(bench: ExternalModule) -> None:
    """Let the namespace be deleted."""
    bench.put(NAMESPACES, {"metadata": {"name": "ns", "deletionTimestamp": "now"}})


def warnings(bench: ExternalModule) -> list[str]:
    return [each["message"] for each in bench.api.events if each["type"] == "Warning"]


@pytest.mark.parametrize("told", [True, False], ids=["the watch has told it", "the API server says it first"])
async def test_a_target_that_goes_with_its_namespace_is_not_missed(bench: ExternalModule, told: bool) -> None:
    bench.namespace()
    bench.store(values={"remote": "x"})
    bench.external()
    await bench.settle()
    before = bench.ready()

    if told:
        leave(bench)
    bench.api.fail("create", TERMINATING)
    bench.remove(SECRETS, "es")
    await bench.settle()

    assert warnings(bench) == []
    assert bench.ready() == before


async def test_a_store_whose_credentials_go_first_is_not_told(bench: ExternalModule) -> None:
    bench.namespace()
    bench.secret("keys", key="x", id="y")
    keys = {"accessKeyIDSecretRef": {"name": "keys", "key": "id"}}
    keys |= {"secretAccessKeySecretRef": {"name": "keys", "key": "key"}}
    provider = {"aws": {"service": "SecretsManager", "region": "eu-west-1", "auth": {"secretRef": keys}}}
    bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": "ns"}, "spec": {"provider": provider}})
    await bench.settle()
    before = bench.ready("store", SECRET_STORES)

    leave(bench)
    bench.remove(SECRETS, "keys")
    await bench.settle()

    assert (warnings(bench), bench.ready("store", SECRET_STORES)) == ([], before)


async def test_a_namespace_whose_deletion_hangs_is_looked_at_again(bench: ExternalModule) -> None:
    bench.namespace()
    bench.store(values={"remote": "x"})
    bench.external()
    bench.api.fail("create", TERMINATING)
    await bench.settle()
    assert bench.data() is None

    bench.pass_by(70)
    await bench.settle()

    assert bench.data() == {"k": b"x"}


async def test_a_cluster_external_secret_does_not_fail_for_it(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = bench.api.create

    async def refuse(resource: Resource, body: Body, *, manager: str = "") -> Body:
        if body["metadata"]["namespace"] == "a":
            raise Forbidden(403, "NamespaceTerminating", "create externalsecrets a/ces")
        return await create(resource, body, manager=manager)

    monkeypatch.setattr(bench.api, "create", refuse)
    for name in ("a", "b"):
        bench.namespace(name)
    spec: Any = {"externalSecretSpec": {"secretStoreRef": {"name": "store"}, "data": []}, "namespaceSelectors": [{}]}
    bench.put(CLUSTER_EXTERNAL_SECRETS, {"metadata": {"name": "ces"}, "spec": spec})
    await bench.settle()

    status = (bench.body(CLUSTER_EXTERNAL_SECRETS, "ces") or {})["status"]
    assert (status["conditions"][0]["status"], status["provisionedNamespaces"]) == ("True", ["b"])
    assert not status.get("failedNamespaces")
    assert bench.body(EXTERNAL_SECRETS, "ces", "b")
