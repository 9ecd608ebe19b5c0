"""What an ExternalSecret costs at the API server: three requests to be made, and none while nothing changes."""

import json
from typing import Any

import pytest

from external.external_secrets.converged import MAX_REMEMBERED_REQUESTS
from external.external_secrets.unsynced import Unsynced
from external.providers.fake import FakeClient
from external.providers.protocol import ProviderUnavailable, SecretAbsent
from manager.core.errors import Conflict
from manager.core.secret_value import SecretValue
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS, Key
from tests.builders.external_module import ExternalModule

KEY = Key(EXTERNAL_SECRETS, "ns", "es")


class Vendor:
    """A provider whose answer is rotated without a change of the store, and that counts its reads."""

    def __init__(self) -> None:
        self.answer: Any = SecretValue(b"one")
        self.reads = 0

    def read(self) -> Any:
        self.reads += 1
        return self.answer


@pytest.fixture
async def vendor(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    made = Vendor()
    monkeypatch.setattr(FakeClient, "_value", lambda *_: made.read())
    bench.store()
    await bench.settle()
    return made


def asked(bench: ExternalModule, since: int = 0) -> list[str]:
    """Return the calls about ExternalSecrets and targets; where the API servers are is asked once a process."""
    others = ("SecretStore", "EndpointSlice")
    return [verb for verb, place in bench.api.calls[since:] if not place.startswith(others)]


async def synced(bench: ExternalModule, **spec: Any) -> int:
    """Make an ExternalSecret; return how many requests were made until it was synced."""
    bench.external(**{"refreshInterval": "1m", **spec})
    await bench.settle()
    return len(bench.api.calls)


async def refreshed(bench: ExternalModule, seconds: float = 61) -> None:
    bench.pass_by(seconds)
    await bench.settle()


async def test_a_first_sync_takes_a_create_and_a_status(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench)

    assert asked(bench) == ["create", "patch status"]
    assert [each["reason"] for each in bench.api.events if each["involvedObject"]["kind"] == "ExternalSecret"] == [
        "Created"
    ]


async def test_a_first_sync_that_waits_for_its_store_takes_no_more(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external()
    await bench.settle()
    await refreshed(bench, 11)

    assert bench.data() == {"k": b"x"}
    assert asked(bench) == ["create", "patch status"]


async def test_an_unchanged_refresh_asks_the_provider_alone(bench: ExternalModule, vendor: Vendor) -> None:
    before = await synced(bench)
    reads = vendor.reads

    for _ in range(5):
        await refreshed(bench)

    assert asked(bench, before) == []
    assert vendor.reads == reads + 5


async def test_a_refresh_time_is_persisted_without_a_read(bench: ExternalModule, vendor: Vendor) -> None:
    before = await synced(bench, refreshInterval="1h")

    await refreshed(bench, 3700)

    assert asked(bench, before) == ["patch status"]
    assert (bench.body(EXTERNAL_SECRETS, "es") or {})["status"]["refreshTime"] == "2026-01-01T01:01:40Z"
    assert bench.ready()[0] == "True"


async def test_a_refresh_time_survives_a_write_by_another_client(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench, refreshInterval="1h")
    bench.api.fail("patch status", Conflict(409, "Conflict", "patch status"))

    await refreshed(bench, 3700)

    assert (bench.body(EXTERNAL_SECRETS, "es") or {})["status"]["refreshTime"] == "2026-01-01T01:01:40Z"


async def test_a_rotation_arrives_after_quiet_refreshes(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench)
    await refreshed(bench)
    vendor.answer = SecretValue(b"two")

    await refreshed(bench)

    assert bench.data() == {"k": b"two"}
    before = len(bench.api.calls)
    await refreshed(bench)
    assert asked(bench, before) == [], "the new value is the one that is compared from now on"


async def test_a_shared_value_refreshes_when_its_own_age_is_due(bench: ExternalModule, vendor: Vendor) -> None:
    """The second reads; the first shares that at the age of 20 s, and is due 60 s after it was read, not later."""
    await synced(bench)
    bench.pass_by(41)
    bench.external("second", refreshInterval="1m")
    await bench.settle()
    await refreshed(bench, 20)
    reads, passes = vendor.reads, bench.stage.context.metrics.registry
    worked = passes.get_sample_value("externalsecret_sync_calls_total") or 0

    await refreshed(bench, 39)
    assert passes.get_sample_value("externalsecret_sync_calls_total") == worked, "nothing is due yet"
    await refreshed(bench, 2)

    assert vendor.reads == reads + 1
    assert passes.get_sample_value("externalsecret_sync_calls_total") == worked + 2


async def test_a_shared_value_older_than_the_status_costs_one_pass(bench: ExternalModule, vendor: Vendor) -> None:
    """The status tells when the refresh was, the value was read before that: it is due by the value alone."""
    await synced(bench, refreshInterval="20m")
    bench.pass_by(15)
    bench.external("second", refreshInterval="20m")
    await bench.settle()
    await refreshed(bench, 1200)  # the first reads
    await refreshed(bench, 15)  # the second shares that, and says in its status when
    registry = bench.stage.context.metrics.registry
    worked = registry.get_sample_value("externalsecret_sync_calls_total") or 0

    for _ in range(300):
        await refreshed(bench, 4)

    assert registry.get_sample_value("externalsecret_sync_calls_total") == worked + 2
    assert vendor.reads == 4


async def test_a_target_that_somebody_else_touched_is_looked_at_once(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench)
    touched = json.loads(json.dumps(bench.body(SECRETS, "es")))
    touched["metadata"]["annotations"]["theirs"] = "1"
    bench.api.put(SECRETS, touched)
    await bench.settle()
    before = len(bench.api.calls)

    await refreshed(bench)
    assert "get" in asked(bench, before)
    before = len(bench.api.calls)
    await refreshed(bench)

    assert asked(bench, before) == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (SecretAbsent("Secret does not exist"), "False"),
        (ProviderUnavailable("no answer"), "False"),
        (SecretValue(b""), "True"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_what_goes_wrong_after_quiet_refreshes_is_told(
    bench: ExternalModule, vendor: Vendor, answer: Any, status: str
) -> None:
    await synced(bench)
    await refreshed(bench)
    vendor.answer = answer

    await refreshed(bench)

    assert bench.ready()[0] == status


@pytest.mark.parametrize(
    "spec",
    [
        {"target": {"template": {"data": {"k": "{{ randAlphaNum 8 }}"}}}},
        {"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "UUID", "name": "id"}}}]},
    ],
    ids=["template", "generator"],
)
async def test_what_draws_lots_is_drawn_at_every_refresh(
    bench: ExternalModule, vendor: Vendor, spec: dict[str, Any]
) -> None:
    from external.generators.registry import KINDS

    bench.api.put(KINDS["UUID"].resource, {"metadata": {"name": "id", "namespace": "ns"}, "spec": {}})
    await synced(bench, **spec)
    drawn = [bench.data()]

    for _ in range(2):
        await refreshed(bench)
        drawn.append(bench.data())

    assert drawn[0] != drawn[1] != drawn[2]


async def test_an_entry_that_is_absent_is_told_at_every_refresh(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench, target={"deletionPolicy": "Merge"})
    vendor.answer = SecretAbsent("Secret does not exist")
    await refreshed(bench)
    vendor.answer = SecretValue(b"back")

    await refreshed(bench)

    assert bench.data() == {"k": b"back"}


async def test_a_store_that_admits_no_more_is_told(bench: ExternalModule, vendor: Vendor) -> None:
    bench.store("cluster")
    bench.namespace()
    reference = {"name": "cluster", "kind": "ClusterSecretStore"}
    bench.external(secretStoreRef=reference, refreshInterval="1m")
    await bench.settle()
    assert bench.ready()[0] == "True"

    bench.store("cluster", conditions=[{"namespaces": ["other"]}])
    await refreshed(bench)

    assert "denied by spec.condition" in bench.ready()[2]


async def test_an_object_that_goes_leaves_nothing_behind(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench)
    controller: Any = bench.module.controllers[0]
    reconciler = controller.reconcile.__self__
    seen = reconciler.converged._seen
    assert KEY in seen

    bench.remove(EXTERNAL_SECRETS, "es")
    await bench.settle()

    assert not seen


def body(name: str, **status: Any) -> Any:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": "7"}, "spec": {}, "status": status}


def test_a_body_is_given_once_and_only_in_the_known_version() -> None:
    unsynced = Unsynced()
    unsynced.summarize(body("es"))
    assert unsynced.take(KEY, "8") is None

    unsynced.summarize(body("es"))
    assert unsynced.take(KEY, "7") == body("es")
    assert unsynced.take(KEY, "7") is None


def test_a_body_that_was_synced_is_not_kept() -> None:
    unsynced = Unsynced()
    unsynced.summarize(body("es"))

    unsynced.summarize(body("es", syncedResourceVersion="1-x"))

    assert unsynced.take(KEY, "7") is None


def test_bodies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manager.runtime.first_bodies.MAX_BYTES", 2 * len(json.dumps(body("es0"))))
    unsynced = Unsynced()

    for at in range(10):
        unsynced.summarize(body(f"es{at}"))

    kept = [at for at in range(10) if unsynced.take(Key(EXTERNAL_SECRETS, "ns", f"es{at}"), "7")]
    assert kept == [8, 9]


@pytest.mark.parametrize(
    "spec",
    [
        {"data": [{"secretKey": f"k{at}"} for at in range(5_000)]},
        {"target": {"template": {"data": {"k": "x" * 40_000}}}},
        {"target": {"template": {"data": {"x" * 40_000: None}}}},
    ],
    ids=["entries", "text", "name"],
)
def test_a_large_body_is_not_kept(spec: Any) -> None:
    unsynced = Unsynced()

    unsynced.summarize(body("es") | {"spec": spec})

    assert unsynced.take(KEY, "7") is None


async def test_equal_requests_of_many_entries_are_remembered_once(bench: ExternalModule, vendor: Vendor) -> None:
    data = [{"secretKey": f"k{at}", "remoteRef": {"key": f"r{at % 2}"}} for at in range(2_000)]
    requests = await synced(bench, data=data)
    controller: Any = bench.module.controllers[0]
    reconciler = controller.reconcile.__self__

    assert reconciler.converged.requests_of(KEY)[0] == 2
    await refreshed(bench)
    assert asked(bench, requests) == [], "an unchanged refresh still costs nothing"

    vendor.answer = SecretValue(b"two")
    await refreshed(bench)
    assert bench.data() == {f"k{at}": b"two" for at in range(2_000)}


async def test_of_an_object_with_too_many_questions_nothing_is_kept(bench: ExternalModule, vendor: Vendor) -> None:
    data = [{"secretKey": f"k{at}", "remoteRef": {"key": f"r{at}"}} for at in range(MAX_REMEMBERED_REQUESTS + 1)]
    await synced(bench, data=data)
    controller: Any = bench.module.controllers[0]
    reconciler = controller.reconcile.__self__

    assert reconciler.converged.requests_of(KEY) == (0, ())
    vendor.answer = SecretValue(b"two")
    await refreshed(bench)
    assert bench.data() == {f"k{at}": b"two" for at in range(MAX_REMEMBERED_REQUESTS + 1)}
