"""How many calls a burst makes, though a namespace has only a part of the workers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from external.external_secrets.unsynced import Unsynced
from external.metrics import ExternalMetrics
from external.providers.fake import FakeClient
from external.providers.protocol import SecretRequest
from external.providers.session import ProviderSession
from external.reading.expected_requests import MAX_COST_PER_LOOK, MAX_COST_PER_OBJECT, ExpectedRequests, requests_in
from external.reading.identity_queue import MaxAge
from external.reading.reader import SharedReader
from external.reading.thread_pool import ThreadPool
from manager.core.secret_value import SecretValue
from manager.kube.resources import EXTERNAL_SECRETS, SECRET_STORES, Key
from tests.builders.api_in_memory import HandClock
from tests.builders.external_module import ExternalModule

BATCH, NUMBER, VALUES = 20, 300, 100
STORE = Key(SECRET_STORES, "ns", "store")
CLIENT: Any = FakeClient.__new__(FakeClient)


@pytest.fixture
def calls(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the keys of every call to a provider that takes twenty of them."""
    made: list[list[str]] = []
    read = FakeClient.read

    def counted(client: FakeClient, requests: Sequence[SecretRequest]) -> Any:
        made.append([request.key for request in requests])
        return read(client, requests)

    monkeypatch.setattr(FakeClient, "batch", BATCH)
    monkeypatch.setattr(FakeClient, "read", counted)
    bench.store(values={f"r{at}": f"v{at}" for at in range(VALUES)})
    return made


def entry(at: int) -> dict[str, Any]:
    return {"secretKey": "k", "remoteRef": {"key": f"r{at}"}}


LAYOUTS: Mapping[str, Callable[[int], int]] = {
    "one after the other": lambda at: at % VALUES,
    "three that want the same beside each other": lambda at: at // 3,
    "without an order": lambda at: at * 7919 % VALUES,
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
async def test_a_burst_makes_full_calls(
    bench: ExternalModule, calls: list[list[str]], layout: Callable[[int], int]
) -> None:
    for at in range(NUMBER):
        bench.external(f"es{at}", data=[entry(layout(at))])

    await bench.settle()

    assert [len(each) for each in calls] == [BATCH] * (VALUES // BATCH)
    assert bench.data(f"es{NUMBER - 1}") == {"k": f"v{layout(NUMBER - 1)}".encode()}


async def test_other_values_of_the_store_are_read_in_full_calls(bench: ExternalModule, calls: list[list[str]]) -> None:
    for at in range(VALUES):
        bench.external(f"es{at}", data=[entry(at)])
    await bench.settle()
    calls.clear()

    bench.pass_by(60)
    bench.store(values={f"r{at}": "other" for at in range(VALUES)})
    await bench.settle()

    assert [len(each) for each in calls] == [BATCH] * (VALUES // BATCH)
    assert bench.data("es77") == {"k": b"other"}


async def test_nothing_is_read_for_whom_the_store_does_not_admit(bench: ExternalModule, calls: list[list[str]]) -> None:
    bench.namespace("ns", team="a")
    bench.namespace("closed")
    values = {"mine": "1", "theirs": "2"}
    bench.store("cluster", values=values, conditions=[{"namespaceSelector": {"matchLabels": {"team": "a"}}}])
    shared = {"secretStoreRef": {"name": "cluster", "kind": "ClusterSecretStore"}}
    bench.external("es", data=[{"secretKey": "k", "remoteRef": {"key": "mine"}}], **shared)
    meta = {"namespace": "closed"}
    bench.external("es", meta=meta, data=[{"secretKey": "k", "remoteRef": {"key": "theirs"}}], **shared)

    await bench.settle()

    assert bench.data() == {"k": b"1"}
    assert [key for each in calls for key in each] == ["mine"]


def test_what_is_odd_asks_for_nothing() -> None:
    odd: list[Any] = [
        None,
        {"data": {}, "dataFrom": 5},
        {"data": [None, {}, {"remoteRef": []}, {"remoteRef": {"key": 1}}], "secretStoreRef": {"name": "store"}},
        {"data": [{"remoteRef": {"key": "a"}}], "secretStoreRef": "store"},
        {"dataFrom": [{"extract": {"key": "a"}, "sourceRef": {"generatorRef": {}}}], "secretStoreRef": {"name": "s"}},
    ]
    for spec in odd:
        assert list(requests_in({"metadata": {"name": "es", "namespace": "ns"}, "spec": spec})) == []


def test_each_entry_asks_its_own_store() -> None:
    spec = {
        "secretStoreRef": {"name": "store"},
        "data": [
            {"remoteRef": {"key": "a", "version": "2", "metadataPolicy": "Fetch", "property": "p"}},
            {"remoteRef": {"key": "b"}, "sourceRef": {"storeRef": {"name": "another"}}},
        ],
        "dataFrom": [{"extract": {"key": "c"}}],
    }

    found = list(requests_in({"metadata": {"name": "es", "namespace": "ns"}, "spec": spec}))

    assert found == [
        (STORE, SecretRequest("a", "2", metadata=True, property="p")),
        (Key(SECRET_STORES, "ns", "another"), SecretRequest("b")),
        (STORE, SecretRequest("c")),
    ]


def test_whose_pass_has_begun_is_expected_no_longer() -> None:
    expected = ExpectedRequests(lambda *_: True, lambda _: 0.0)
    expected.sources.append(lambda key: (1, [(STORE, SecretRequest(key.name))]))
    keys = [Key(EXTERNAL_SECRETS, "ns", f"es{at}") for at in range(3)]
    for each in keys:
        expected.add(each, (STORE,))

    expected.remove(keys[0])

    assert expected.take(STORE, CLIENT, lambda request, _: request.key != "es1", 10) == [SecretRequest("es2")]
    assert expected.take(STORE, CLIENT, lambda *_: True, 10) == []


@pytest.mark.parametrize("entries", [1, 20, MAX_COST_PER_OBJECT, MAX_COST_PER_OBJECT + 1, 290])
@pytest.mark.parametrize("kept", [True, False], ids=["as text", "as questions"])
def test_looking_for_what_is_needed_costs_no_more_than_its_bound(entries: int, *, kept: bool) -> None:
    """It is done on the event loop, for each question that a call is made for."""
    bodies, read = Unsynced(), list[str]()
    expected = ExpectedRequests(lambda *_: True, lambda _: 0.0)
    data = [{"secretKey": f"k{at}", "remoteRef": {"key": "same"}} for at in range(entries)]
    asked = [(STORE, SecretRequest("same"))] * entries
    expected.sources.append(bodies.requests_of if kept else lambda key: (len(asked), asked))
    for at in range(1_000):
        meta = {"name": f"es{at}", "namespace": "ns", "resourceVersion": "1"}
        bodies.note({"metadata": meta, "spec": {"secretStoreRef": {"name": "store"}, "data": data}})
        expected.add(Key(EXTERNAL_SECRETS, "ns", f"es{at}"), (STORE,))

    def needed(request: SecretRequest, _: float) -> bool:
        read.append(request.key)
        return False

    expected.take(STORE, CLIENT, needed, 20)

    assert len(read) <= MAX_COST_PER_LOOK + MAX_COST_PER_OBJECT


def test_what_there_was_no_time_to_look_at_is_expected_still() -> None:
    expected = ExpectedRequests(lambda *_: True, lambda _: 0.0)
    expected.sources.append(lambda key: (1, [(STORE, SecretRequest(key.name))]))
    for at in range(MAX_COST_PER_LOOK):
        expected.add(Key(EXTERNAL_SECRETS, "ns", f"es{at}"), (STORE,))

    first = expected.take(STORE, CLIENT, lambda request, _: request.key == f"es{MAX_COST_PER_LOOK - 1}", 20)
    then = expected.take(STORE, CLIENT, lambda request, _: request.key == f"es{MAX_COST_PER_LOOK - 1}", 20)

    assert (first, then) == ([], [SecretRequest(f"es{MAX_COST_PER_LOOK - 1}")])


def test_a_namespace_is_judged_once_for_a_call() -> None:
    judged: list[str] = []

    def shares(_: Key, namespace: str) -> bool:
        judged.append(namespace)
        return False

    expected = ExpectedRequests(shares, lambda _: 0.0)
    for at in range(100):
        expected.add(Key(EXTERNAL_SECRETS, f"ns{at % 2}", f"es{at}"), (STORE,))

    assert expected.take(STORE, CLIENT, lambda *_: True, 20) == []
    assert judged == ["ns0", "ns1"]


@pytest.mark.parametrize(("consumer", "asked"), [("", ["mine", "theirs"]), ("other", ["mine"])])
async def test_only_calls_under_the_stores_identity_take_requests_along(consumer: str, asked: list[str]) -> None:
    """A store may change hands between the opening of a client and the call."""
    clock, read = HandClock(), list[str]()
    expected = ExpectedRequests(lambda *_: True, lambda _: 0.0)
    expected.sources.append(lambda _: (1, [(STORE, SecretRequest("theirs"))]))
    expected.add(Key(EXTERNAL_SECRETS, "ns", "es"), (STORE,))

    class Noting(FakeClient):
        batch = 20

        def read(self, requests: Sequence[SecretRequest]) -> Any:
            read.extend(request.key for request in requests)
            return {request: SecretValue(b"v") for request in requests}

    threads, metrics = ThreadPool(2, 10), ExternalMetrics(CollectorRegistry())
    reader = SharedReader(threads, clock, metrics, workers=2, expected=expected)
    opened = ProviderSession(Noting.__new__(Noting), ("store", consumer), "tenant", store=STORE, consumer=consumer)

    await reader.read([(opened, SecretRequest("mine"))], MaxAge(None, 0.0))
    threads.close()

    assert read == asked


def test_what_costs_a_call_of_its_own_is_not_taken_along() -> None:
    expected = ExpectedRequests(lambda *_: True, lambda _: 0.0)
    asked = [SecretRequest("a", version="1"), SecretRequest("b", metadata=True), SecretRequest("c")]
    expected.sources.append(lambda _: (3, [(STORE, each) for each in asked]))
    expected.add(Key(EXTERNAL_SECRETS, "ns", "es"), (STORE,))

    assert expected.take(STORE, CLIENT, lambda *_: True, 20) == [SecretRequest("c")]
