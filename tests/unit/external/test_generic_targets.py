"""Targets of any kind on the whole way (core 2.12): what lacks rights, and what others write beside it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from external.plan import FINALIZER
from manager.errors import Forbidden
from manager.kube.resources import CONFIGMAPS, EXTERNAL_SECRETS, Body, Key
from manager.settings import ExternalSettings, Settings
from tests.unit.external.bench import Bench

MAP = {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Return a bench where targets of any kind are allowed."""
    made = Bench(Settings(external=ExternalSettings(generic_targets=True)))
    made.store(values={"remote": "v"})
    yield made
    await made.close()


def forbid(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the right to read ConfigMaps away."""
    get = bench.api.get

    async def refused(key: Key) -> Body:
        if key.resource is CONFIGMAPS:
            raise Forbidden(403, "Forbidden", f"get {key}")
        return await get(key)

    monkeypatch.setattr(bench.api, "get", refused)


def finalizers(bench: Bench) -> Any:
    return (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"].get("finalizers") or []


def delete(bench: Bench) -> None:
    body = bench.body(EXTERNAL_SECRETS, "es") or {}
    bench.api.put(EXTERNAL_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "now"}})


async def test_what_may_not_be_read_gets_no_finalizer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(bench, monkeypatch)
    bench.external(target={**MAP, "deletionPolicy": "Delete"})

    await bench.settle()

    assert "rbac.genericTargets" in bench.ready()[2]
    assert not finalizers(bench)


async def test_rights_that_are_gone_hold_no_object_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.external(target={**MAP, "deletionPolicy": "Delete"})
    await bench.settle()
    assert finalizers(bench) == [FINALIZER]

    forbid(bench, monkeypatch)
    delete(bench)
    await bench.settle()

    assert not finalizers(bench)
    [said] = [each["message"] for each in bench.api.events if "left behind" in each["message"]]
    assert said == "ConfigMap es is left behind: get ConfigMap ns/es: Forbidden"
