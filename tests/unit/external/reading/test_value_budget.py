"""What was read stays small in memory, whatever a provider gives, and a line ends with its client."""

import asyncio
import weakref
from collections.abc import AsyncIterator

import pytest

from external.errors import NeedsRemote, Pending
from external.providers.protocol import ProviderUnavailable, SecretRequest
from external.providers.session import ProviderSession
from external.reading import value_budget
from external.reading.rate_limit import BURST_CALLS, CALLS_PER_SECOND, FIRST_OPEN_SECONDS, TokenBucket
from external.reading.reader import MAX_IDLE_QUEUES, SharedReader
from manager.core.secret_value import SecretValue
from tests.builders.api_in_memory import HandClock
from tests.builders.external_module import ExternalModule
from tests.unit.external.reading.test_reader import HASTY, WANT, Desk, Provider


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    made.provider.open.set()
    made.threads.close()


def lines(desk: Desk) -> int:
    return len(desk.reader._queues)


class Value:
    """Something that takes memory."""

    def __init__(self, name: str, dropped: list[str]) -> None:
        self.name, self.dropped = name, dropped

    def drop(self) -> None:
        self.dropped.append(self.name)


async def test_the_oldest_of_whoever_has_most_leave_memory_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_budget, "MAX_BYTES", 100)
    kept, dropped = value_budget.ValueBudget(), list[str]()
    for name, tenant, size in (("a", "small", 20), ("b", "large", 30), ("c", "large", 30), ("d", "large", 30)):
        kept.keep(tenant, size, Value(name, dropped).drop)

    assert dropped == ["b"]


async def test_what_is_dropped_is_held_by_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_budget, "MAX_BYTES", 100)
    kept, value = value_budget.ValueBudget(), Value("a", [])
    kept.keep("tenant", 80, value.drop)
    kept.keep("tenant", 80, Value("b", []).drop)
    there = weakref.ref(value)
    del value

    assert there() is None


async def test_what_is_old_is_dropped_and_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_budget, "MAX_SHARED_SECONDS", 0.0)
    monkeypatch.setattr(value_budget, "MAX_TENANT_BYTES", 10)
    kept, dropped = value_budget.ValueBudget(), list[str]()
    kept.keep("tenant", 20, Value("a", dropped).drop)
    assert kept.full("tenant")

    await asyncio.sleep(0.01)
    assert dropped == ["a"]
    assert not kept.full("tenant")


async def test_values_of_many_keys_do_not_pile_up_in_memory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred answers of seven megabytes were all kept for half a minute."""
    monkeypatch.setattr(value_budget, "MAX_BYTES", 10_000)
    keys = [f"k{at}" for at in range(20)]
    desk.provider.answers.update({key: SecretValue(b"x" * 1000) for key in keys})
    for key in keys:
        await desk.keys(key)
    kept = desk.reader._queues["store",].answers

    assert {request.key for request in kept if isinstance(request, SecretRequest)} == set(keys[10:])
    assert len(desk.provider.calls) == 20
    await desk.keys("k19")
    assert len(desk.provider.calls) == 20, "what is kept is shared"


async def test_a_tenant_that_has_read_much_waits_and_others_do_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_budget, "MAX_TENANT_BYTES", 1000)
    desk.provider.answers["a"] = SecretValue(b"x" * 1001)
    await desk.keys("a")
    desk.reader.patience = HASTY
    with pytest.raises(Pending):
        await desk.keys("b")
    assert desk.provider.calls == [["a"]]

    other = ProviderSession(desk.provider, ("other store",), "other tenant")
    desk.reader.patience = 5
    await desk.reader.read([(other, WANT)], desk.fresh())
    assert desk.provider.calls == [["a"], ["remote"]]


async def test_what_comes_when_far_too_much_was_read_is_not_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_budget, "MAX_TENANT_BYTES_IN_FLIGHT", 1500)
    desk.provider.answers.update({key: SecretValue(b"x" * 1000) for key in "ab"})

    assert sorted(map(len, (await desk.keys("a", "b")).values())) == sorted(
        [1000, len("too much was read for the same namespace or cluster store at once")]
    )


async def test_entries_that_are_too_large_together_are_named_as_such(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("external.reading.reader.MAX_READ_BYTES", 1500)
    desk.provider.answers.update({key: SecretValue(b"x" * 1000) for key in "ab"})
    assert len((await desk.keys("a"))["a"]) == 1000

    with pytest.raises(NeedsRemote, match="more than 1500 bytes together"):
        await desk.keys("a", "b")


async def test_a_queue_ends_with_its_client(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred rotations of a dead store's credentials left five hundred clients in memory."""
    opened: list[ProviderSession] = []
    line = SharedReader._queue
    made: list[SharedReader] = []

    def noted(reader: SharedReader, each: ProviderSession) -> object:
        opened.append(each)
        made.append(reader)
        return line(reader, each)

    monkeypatch.setattr(SharedReader, "_queue", noted)
    for at in range(5):
        bench.store(values={"remote": str(at)})
        bench.external(data=[{"secretKey": f"k{at}", "remoteRef": {"key": "remote"}}])
        await bench.settle()

    assert len({each.identity for each in opened}) == 5
    assert len(made[0]._queues) == 1


async def test_a_client_closed_late_keeps_the_queue_of_its_successor(desk: Desk) -> None:
    old, new = (ProviderSession(Provider(), ("store",), "tenant") for _ in "ab")
    await desk.reader.read([(new, WANT)], desk.fresh())
    desk.reader.forget(old)
    assert lines(desk) == 1

    desk.reader.forget(new)
    assert lines(desk) == 0


async def test_idle_queues_are_evicted(desk: Desk) -> None:
    silent = Provider()
    silent.error = ProviderUnavailable("busy")
    for at in range(MAX_IDLE_QUEUES):
        await desk.reader.read([(ProviderSession(silent, (f"store-{at}",), "tenant"), WANT)], desk.fresh())
    assert lines(desk) == MAX_IDLE_QUEUES

    await desk.read(desk.fresh(), identity="one more")
    assert lines(desk) == MAX_IDLE_QUEUES + 1, "those that rest from a provider that is silent are remembered"
    desk.clock.pass_by(FIRST_OPEN_SECONDS)
    await desk.read(desk.fresh(), identity="another")
    assert lines(desk) == 2, "what is shared stays"


async def test_a_new_queue_is_not_charged_for_earlier_calls(desk: Desk) -> None:
    """Beyond a thousand identities, a healthy store with ten thousand calls behind it stood still for minutes."""
    desk.meter.calls = 10_000
    await desk.keys("a")
    assert desk.provider.calls == [["a"]]

    desk.meter.calls += int(BURST_CALLS + CALLS_PER_SECOND)
    desk.reader.patience = HASTY
    with pytest.raises(Pending):
        await desk.keys("b")


async def test_a_meter_that_begins_anew_gives_no_more_than_a_burst() -> None:
    bucket = TokenBucket(HandClock(), counted=10_000)

    assert bucket.wait(0) == 0
    assert bucket.wait(int(BURST_CALLS) + 1) > 0
