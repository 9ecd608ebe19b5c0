"""A read answers only who asked before it began; who asks in one burst still shares it."""

import asyncio
from collections.abc import Callable

import pytest

from external.providers.fake import FakeClient
from external.providers.protocol import SecretRequest
from external.reading.request_times import BurstGate
from manager.core.secret_value import SecretValue
from manager.kube.resources import CONFIGMAPS, EXTERNAL_SECRETS, SECRETS, Key
from tests.builders.external_module import ExternalModule

POLICIES: list[dict[str, str]] = [
    {"refreshPolicy": "CreatedOnce"},
    {"refreshPolicy": "OnChange"},
    {"refreshInterval": "0"},
    {"refreshInterval": "1h"},
    {"refreshInterval": "1m"},
]


class Vendor:
    """A provider whose value is rotated without a change of the store, and that counts its reads."""

    def __init__(self) -> None:
        self.value = "one"
        self.reads = 0

    def read(self, _: SecretRequest) -> SecretValue:
        self.reads += 1
        return SecretValue(self.value.encode())


@pytest.fixture
def vendor(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    made = Vendor()
    monkeypatch.setattr(FakeClient, "_value", lambda _, request: made.read(request))
    bench.store()
    return made


async def synced(bench: ExternalModule, policy: dict[str, str], name: str = "es") -> None:
    bench.external(name, **policy)
    await bench.settle()
    bench.pass_by(1)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
async def test_an_object_made_again_gets_the_value_of_now(
    bench: ExternalModule, vendor: Vendor, policy: dict[str, str]
) -> None:
    await synced(bench, policy)
    vendor.value = "two"

    bench.remove(SECRETS, "es")
    bench.remove(EXTERNAL_SECRETS, "es")
    await bench.settle()
    bench.external(**policy)
    await bench.settle()

    assert bench.data() == {"k": b"two"}


@pytest.mark.parametrize("policy", POLICIES, ids=str)
async def test_an_object_replaced_unseen_gets_the_value_of_now(
    bench: ExternalModule, vendor: Vendor, policy: dict[str, str]
) -> None:
    """Its deletion was missed: only the uid tells that it is another one."""
    await synced(bench, policy)
    vendor.value = "two"

    bench.remove(SECRETS, "es")
    bench.remove(EXTERNAL_SECRETS, "es")
    bench.external(meta={"uid": "another"}, **policy)
    await bench.settle()

    assert bench.data() == {"k": b"two"}


@pytest.mark.parametrize("policy", POLICIES, ids=str)
async def test_a_second_object_gets_the_value_of_now(
    bench: ExternalModule, vendor: Vendor, policy: dict[str, str]
) -> None:
    await synced(bench, policy)
    vendor.value = "two"

    await synced(bench, policy, "second")

    assert bench.data("second") == {"k": b"two"}


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("lost", ["deleted", "edited"])
async def test_a_repair_takes_the_value_of_now(
    bench: ExternalModule, vendor: Vendor, policy: dict[str, str], lost: str
) -> None:
    await synced(bench, policy)
    vendor.value = "two"

    if lost == "deleted":
        bench.remove(SECRETS, "es")
    else:
        bench.api.put(SECRETS, (bench.body(SECRETS, "es") or {}) | {"data": {}})
    await bench.settle()

    assert bench.data() == {"k": b"two"}


@pytest.mark.parametrize("policy", [each for each in POLICIES if each.get("refreshInterval") != "0"][1:], ids=str)
@pytest.mark.parametrize("change", [{"meta": {"annotations": {"force-sync": "1"}}}, {"target": {"template": {}}}])
async def test_a_changed_object_takes_the_value_of_now(
    bench: ExternalModule, vendor: Vendor, policy: dict[str, str], change: dict[str, object]
) -> None:
    await synced(bench, policy)
    vendor.value = "two"

    bench.external(**policy, **change)  # type: ignore[arg-type]
    await bench.settle()

    assert bench.data() == {"k": b"two"}


async def test_an_edited_template_is_rendered_with_the_value_of_now(bench: ExternalModule, vendor: Vendor) -> None:
    bench.put(CONFIGMAPS, {"metadata": {"name": "t", "namespace": "ns"}, "data": {"a": "A"}})
    source = [{"configMap": {"name": "t", "items": [{"key": "a", "templateAs": "KeysAndValues"}]}}]
    bench.external(target={"template": {"mergePolicy": "Merge", "templateFrom": source}})
    await bench.settle()
    reads = vendor.reads

    bench.pass_by(1)
    bench.put(CONFIGMAPS, {"metadata": {"name": "t", "namespace": "ns"}, "data": {"a": "B"}})
    await bench.settle()

    assert vendor.reads > reads


async def test_a_loss_that_the_watch_has_not_told_yet_counts_from_now(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench, {})
    key = Key(EXTERNAL_SECRETS, "ns", "es")
    vendor.value = "two"

    del bench.api.objects[Key(SECRETS, "ns", "es")]
    observe, bench.observe = bench.observe, lambda: False  # type: ignore[method-assign]
    bench.module.controllers[0].queue.add(key)
    await bench.settle()
    bench.observe = observe  # type: ignore[method-assign]
    await bench.settle()

    assert bench.data() == {"k": b"two"}


async def test_those_of_one_moment_share_one_read(bench: ExternalModule, vendor: Vendor) -> None:
    for at in range(20):
        bench.external(f"es{at}")
    await bench.settle()
    assert vendor.reads == 1

    bench.pass_by(1)
    for at in range(20):
        bench.remove(SECRETS, f"es{at}")
    await bench.settle()
    assert vendor.reads == 2
    assert bench.data("es19") == {"k": b"one"}


async def test_a_refresh_within_its_interval_shares_what_was_just_read(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench, {"refreshInterval": "1m"})
    bench.pass_by(49)
    await synced(bench, {"refreshInterval": "1m"}, "second")
    reads = vendor.reads

    bench.pass_by(11)  # the first is due, and the second's read is eleven seconds old
    await bench.settle()

    assert vendor.reads == reads


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> "Times":
    return Times(monkeypatch)


class Times:
    """The seconds and timers of an event loop, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[..., None], tuple[object, ...]]] = []
        for name, value in (("ALONE_SECONDS", 0.05), ("LULL_SECONDS", 0.2), ("LULL_FRACTION", 0.2)):
            monkeypatch.setattr(f"external.reading.request_times.{name}", value)
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self)

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[..., None], *given: object) -> None:
        self.timers.append((self.now + delay, call, given))

    def pass_by(self, seconds: float) -> None:
        until = self.now + seconds
        while due := sorted((each for each in self.timers if each[0] <= until), key=lambda each: each[0]):
            self.timers.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][1](*due[0][2])
        self.now = max(self.now, until)


def key(name: int) -> Key:
    return Key(EXTERNAL_SECRETS, "ns", f"es{name}")


def test_a_lull_that_is_a_busy_event_loop_is_none(times: Times) -> None:
    """The timer comes late, and before what arrived meanwhile is read."""
    admitted: list[Key] = []
    arrivals = BurstGate(admitted.append)
    arrivals.add(key(1), "store")
    arrivals.add(key(2), "store")
    times.pass_by(0.1)
    times.now += 5
    times.pass_by(0)
    arrivals.add(key(3), "store")
    times.pass_by(0.1)
    assert admitted == []

    times.pass_by(5)
    assert len(admitted) == 3


def test_who_comes_alone_waits_a_tenth_of_a_second(times: Times) -> None:
    admitted: list[Key] = []
    BurstGate(admitted.append).add(key(1), "store")

    times.pass_by(0.11)

    assert admitted == [key(1)]


def test_a_burst_is_let_through_when_it_is_over(times: Times) -> None:
    admitted: list[Key] = []
    arrivals = BurstGate(admitted.append)
    for at in range(40):
        arrivals.add(key(at), "store")
        times.pass_by(0.05)
    assert admitted == []
    assert arrivals.holds(key(3), "store")
    assert not arrivals.holds(key(3), "another store")

    arrivals.add(key(99), "another store")
    times.pass_by(0.11)
    assert admitted == [key(99)]

    times.pass_by(0.6)
    assert len(admitted) == 41


def test_a_burst_without_end_is_let_through_in_parts(times: Times) -> None:
    admitted: list[Key] = []
    arrivals = BurstGate(admitted.append)
    for at in range(500):
        arrivals.add(key(at), "store")
        times.pass_by(0.05)

    assert 390 <= len(admitted) < 500
