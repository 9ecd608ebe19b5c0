"""Targets of any kind from store to object: missing rights, and fields that others write."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from external.external_secrets.cleanup import FINALIZER
from manager.core.errors import Forbidden
from manager.kube.resources import CONFIGMAPS, EXTERNAL_SECRETS, Body, Key, Resource
from manager.settings.model import ExternalSettings, Settings
from tests.builders.external_module import ExternalModule

MAP = {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}


@pytest.fixture
async def bench() -> AsyncIterator[ExternalModule]:
    """Return a bench where targets of any kind are allowed."""
    made = ExternalModule(Settings(external=ExternalSettings(generic_targets=True)))
    made.store(values={"remote": "v"})
    yield made
    await made.close()


def forbid(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the right to read ConfigMaps away."""
    get = bench.api.get

    async def refused(key: Key) -> Body:
        if key.resource is CONFIGMAPS:
            raise Forbidden(403, "Forbidden", f"get {key}")
        return await get(key)

    monkeypatch.setattr(bench.api, "get", refused)


def finalizers(bench: ExternalModule) -> Any:
    return (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"].get("finalizers") or []


def delete(bench: ExternalModule) -> None:
    body = bench.body(EXTERNAL_SECRETS, "es") or {}
    bench.api.put(EXTERNAL_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "now"}})


async def test_what_may_not_be_read_gets_no_finalizer(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(bench, monkeypatch)
    bench.external(target={**MAP, "deletionPolicy": "Delete"})

    await bench.settle()

    assert "rbac.genericTargets" in bench.ready()[2]
    assert not finalizers(bench)


async def test_rights_that_are_gone_hold_no_object_back(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.external(target={**MAP, "deletionPolicy": "Delete"})
    await bench.settle()
    assert finalizers(bench) == [FINALIZER]

    forbid(bench, monkeypatch)
    delete(bench)
    await bench.settle()

    assert not finalizers(bench)
    [said] = [each["message"] for each in bench.api.events if "left behind" in each["message"]]
    assert said == "ConfigMap es is left behind: get ConfigMap ns/es: Forbidden"


ACCOUNTS = {"manifest": {"apiVersion": "v1", "kind": "ServiceAccount"}}
CUSTOM = {"manifest": {"apiVersion": "example.com/v1", "kind": "Custom"}}


def serve(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, defaults: Body) -> list[str]:
    """Serve kinds whose spec the API server completes, and keep what is written."""
    puts: list[str] = []
    create, update = bench.api.create, bench.api.update
    names = {"ServiceAccount": "serviceaccounts", "Custom": "customs"}

    async def resources(_api_version: str) -> list[Body]:
        return [{"name": name, "kind": kind, "namespaced": True} for kind, name in names.items()]

    async def created(resource: Resource, body: Body, **more: Any) -> Body:
        if resource.plural in names.values():
            puts.append("create")
            body = completed(body, defaults)
        return await create(resource, body, **more)

    async def updated(key: Key, body: Body, **more: Any) -> Body:
        if key.resource.plural in names.values():
            puts.append("update")
            body = completed(body, defaults)
        return await update(key, body, **more)

    monkeypatch.setattr(bench.api, "resources", resources, raising=False)
    monkeypatch.setattr(bench.api, "create", created)
    monkeypatch.setattr(bench.api, "update", updated)
    return puts


def completed(body: Body, defaults: Body) -> Body:
    if "spec" not in body:
        return body
    return {**body, "spec": {**defaults, **body["spec"], **({"cpu": "1"} if "cpu" in body["spec"] else {})}}


def of(bench: ExternalModule, plural: str) -> tuple[Key, Body]:
    [found] = [each for each in bench.api.objects.items() if each[0].resource.plural == plural]
    return found


async def again(bench: ExternalModule, key: Key, body: Body) -> None:
    """Let an object change, and its watch tell."""
    stored = bench.api.put(key.resource, body)
    bench.module.controllers[0].queue.add(Key(EXTERNAL_SECRETS, "ns", "es"))
    assert stored
    await bench.settle()


@pytest.mark.parametrize("asked", ["a: 1", "{a: 1, list: [{b: 1}]}", "{a: 1, cpu: 1000m}"])
async def test_what_the_api_server_completes_is_written_once_whatever_its_status_says(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    puts = serve(bench, monkeypatch, {"replicas": 1, "strategy": {"type": "Rolling"}})
    bench.external(target={**CUSTOM, "template": {"templateFrom": [{"target": "spec", "literal": asked}]}})
    await bench.settle()
    assert bench.ready()[:2] == ("True", "ResourceSynced"), bench.ready()

    for ready in range(9):
        key, body = of(bench, "customs")
        await again(bench, key, {**body, "status": {"ready": ready}})
    bench.pass_by(3700)
    await again(bench, *of(bench, "customs"))

    assert (puts, bench.ready()[0]) == (["create"], "True")


async def test_what_others_add_stays_and_what_they_change_is_restored(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts = serve(bench, monkeypatch, {"replicas": 1})
    literal = "{a: 1, list: [x]}"
    bench.external(target={**CUSTOM, "template": {"templateFrom": [{"target": "spec", "literal": literal}]}})
    await bench.settle()

    key, body = of(bench, "customs")
    await again(bench, key, {**body, "spec": {**body["spec"], "replicas": 5}})
    assert puts == ["create"]
    for edit in ({"a": 2}, {"list": ["x", "y"]}):
        key, body = of(bench, "customs")
        await again(bench, key, {**body, "spec": {**body["spec"], **edit}})
        _, body = of(bench, "customs")
        assert (body["spec"]["a"], body["spec"]["list"]) == (1, ["x"])
    assert puts == ["create", "update", "update"]


async def test_what_is_no_longer_asked_for_goes(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    puts = serve(bench, monkeypatch, {})
    for literal in ("{a: 1, b: 2}", "{a: 1}"):
        bench.external(target={**CUSTOM, "template": {"templateFrom": [{"target": "spec", "literal": literal}]}})
        await bench.settle()

    assert of(bench, "customs")[1]["spec"] == {"a": 1}
    assert puts == ["create", "update"]


async def test_an_object_without_a_spec_gets_none(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    puts = serve(bench, monkeypatch, {})
    literal = "[{name: pull}]"
    source = [{"target": "imagePullSecrets", "literal": literal}]
    bench.external(target={**ACCOUNTS, "template": {"templateFrom": source}})
    await bench.settle()
    key, body = of(bench, "serviceaccounts")
    assert ("spec" in body, body["imagePullSecrets"]) == (False, [{"name": "pull"}])

    await again(bench, key, {**body, "secrets": [{"name": "theirs"}]})
    key, body = of(bench, "serviceaccounts")
    await again(bench, key, {**body, "imagePullSecrets": []})

    _, body = of(bench, "serviceaccounts")
    assert (body["secrets"], body["imagePullSecrets"]) == ([{"name": "theirs"}], [{"name": "pull"}])
    assert puts == ["create", "update"]
