"""One call for all who want the same now, and what a provider that is slow or silent costs the others."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import pytest
import structlog
from prometheus_client import CollectorRegistry

from external.errors import Pending
from external.metrics import ExternalMetrics, Meter
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from external.providers.session import ProviderSession
from external.reading.calls import MAX_CONCURRENT_CALLS
from external.reading.identity_queue import Answer, Given, MaxAge
from external.reading.rate_limit import FIRST_OPEN_SECONDS
from external.reading.reader import MAX_PATIENT_WORKERS, SharedReader
from external.reading.thread_pool import ThreadPool
from manager.core.cooperative import CooperativeYield
from manager.core.secret_value import SecretValue
from tests.builders.api_in_memory import HandClock

WANT = SecretRequest("remote")
ALWAYS = float("-inf")
PATIENT, HASTY = (
    10.0,
    0.02,
)  # seconds; a busy machine must not make an answer late, nor a test wait for what does not come


class Provider:
    """Answers when it is let; every call has a number."""

    natural = False

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch
        self.calls: list[list[str]] = []
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None
        self.answers: dict[str, SecretValue | ProviderError] = {}

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        self.calls.append([request.key for request in requests])
        number = len(self.calls)
        self.open.wait(10)
        if self.error is not None:
            raise self.error
        return {
            request: self.answers.get(request.key, SecretValue(f"{request.key} {number}".encode()))
            for request in requests
        }

    def location(self, request: SecretRequest) -> str:
        return request.key

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        self.calls.append([str(find.name)])
        return {"found": SecretValue(find.path.encode())}

    def validate(self) -> None:
        raise AssertionError("nobody asked")

    def close(self) -> None:
        raise AssertionError("nobody asked")


class Desk:
    """A reader, its clock, and one provider behind it."""

    def __init__(self, batch: int = 1) -> None:
        self.clock = HandClock()
        self.threads = ThreadPool(2 * MAX_CONCURRENT_CALLS, 10)
        self.reader = SharedReader(self.threads, self.clock, ExternalMetrics(CollectorRegistry()), patience=PATIENT)
        self.provider = Provider(batch)
        self.meter = Meter()

    def hang(self) -> None:
        """Let the provider answer nothing, and nobody wait for it."""
        self.provider.open.clear()
        self.reader.patience = HASTY

    def resume(self) -> None:
        """Let the provider answer again."""
        self.provider.open.set()
        self.reader.patience = PATIENT

    def fresh(self, asker: str = "a", max_age: float = 30, *, now: bool = False) -> MaxAge:
        return MaxAge(asker, self.clock.monotonic() if now else ALWAYS, 2 * max_age)

    async def read(self, fresh: MaxAge, identity: str = "store", request: SecretRequest = WANT) -> bytes:
        opened = ProviderSession(self.provider, (identity,), "tenant")
        found = await self.reader.read([(opened, request)], fresh)
        return _plain(found[opened.identity, request].coming.result())

    async def keys(self, *keys: str, asker: str = "a", interval: float = 120) -> dict[str, bytes | str]:
        """Read several keys at once; return values and the texts of errors."""
        opened = ProviderSession(self.provider, ("store",), "tenant", self.meter)
        found = await self.reader.read([(opened, SecretRequest(key)) for key in keys], MaxAge(asker, ALWAYS, interval))
        return {
            request.key: _shown(answer) for (_, request), answer in found.items() if isinstance(request, SecretRequest)
        }

    async def answered(self, fresh: MaxAge, request: SecretRequest = WANT) -> bytes:
        """Read until the answer is there, as a reconciler that is told to come again does."""
        self.resume()
        return await self.read(fresh, request=request)


def _shown(answer: Answer) -> bytes | str:
    error = answer.coming.exception()
    return str(error) if error else _plain(answer.coming.result())


def _plain(given: Given) -> bytes:
    assert isinstance(given, SecretValue)
    return given.reveal()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    made.provider.open.set()
    made.threads.close()


async def test_what_was_read_a_moment_ago_is_shared(desk: Desk) -> None:
    assert await desk.read(desk.fresh("a")) == b"remote 1"
    desk.clock.pass_by(20)

    assert await desk.read(desk.fresh("b")) == b"remote 1"
    assert len(desk.provider.calls) == 1


async def test_a_client_that_is_closed_while_its_requests_are_listed_still_answers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant with many stores has its clients closed and opened again."""
    opened = ProviderSession(desk.provider, ("store",), "tenant")
    keys = [SecretRequest(key) for key in "abc"]

    async def close(_: CooperativeYield) -> None:
        desk.reader.forget(opened)

    monkeypatch.setattr(CooperativeYield, "take", close)
    found = await desk.reader.read([(opened, each) for each in keys], desk.fresh())

    assert sorted(_plain(each.coming.result())[:1] for each in found.values()) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    "other",
    [
        lambda desk: desk.read(desk.fresh(), identity="other credentials"),
        lambda desk: desk.read(desk.fresh(), request=SecretRequest("remote", "v1")),
        lambda desk: desk.read(desk.fresh(), request=SecretRequest("remote", metadata=True)),
    ],
    ids=["identity", "version", "metadata"],
)
async def test_nothing_else_is_shared(desk: Desk, other: Callable[[Desk], object]) -> None:
    await desk.read(desk.fresh())

    await other(desk)  # type: ignore[misc]

    assert len(desk.provider.calls) == 2


async def test_a_value_older_than_asked_for_is_read_again(desk: Desk) -> None:
    await desk.read(desk.fresh())
    desk.clock.pass_by(3)

    assert await desk.read(desk.fresh(max_age=2)) == b"remote 2"


async def test_who_asks_now_gets_no_earlier_value(desk: Desk) -> None:
    await desk.read(desk.fresh())
    desk.clock.pass_by(1)

    assert await desk.read(desk.fresh(now=True)) == b"remote 2"


async def test_a_slow_answer_frees_the_worker_and_serves_it_later(desk: Desk) -> None:
    desk.hang()
    with pytest.raises(Pending):
        await desk.read(desk.fresh(max_age=0.1))
    desk.clock.pass_by(2)

    assert await desk.answered(desk.fresh(max_age=0.1)) == b"remote 1"
    assert len(desk.provider.calls) == 1


async def test_a_slow_answer_to_a_new_request_is_not_read_twice(desk: Desk) -> None:
    desk.hang()
    with pytest.raises(Pending):
        await desk.read(desk.fresh(now=True))
    desk.clock.pass_by(2)

    assert await desk.answered(desk.fresh(now=True)) == b"remote 1"
    assert await desk.read(desk.fresh("b")) == b"remote 1"
    desk.clock.pass_by(1)
    assert await desk.read(desk.fresh(now=True)) == b"remote 2", "the next wish is a new one"


async def test_two_who_ask_a_slow_provider_in_turns_both_get_an_answer(desk: Desk) -> None:
    desk.hang()
    for asker in "abab":
        with pytest.raises(Pending):
            await desk.read(desk.fresh(asker, now=True))
        desk.clock.pass_by(1)

    assert {await desk.answered(desk.fresh(asker, now=True)) for asker in "ab"} == {b"remote 2"}
    assert len(desk.provider.calls) == 2


async def test_an_error_is_not_remembered(desk: Desk) -> None:
    desk.provider.error = ProviderDenied("no")
    with pytest.raises(ProviderDenied):
        await desk.read(desk.fresh())
    desk.provider.error = None

    assert await desk.read(desk.fresh()) == b"remote 2"


async def test_a_provider_that_does_not_answer_is_not_called_at_once(desk: Desk) -> None:
    desk.provider.error = ProviderUnavailable("busy")
    for key in ("one", "two", "three"):
        with pytest.raises(ProviderUnavailable, match="busy"):
            await desk.read(desk.fresh(), request=SecretRequest(key))
    assert len(desk.provider.calls) == 1

    desk.provider.error = None
    desk.clock.pass_by(FIRST_OPEN_SECONDS)
    assert await desk.read(desk.fresh()) == b"remote 2"
    assert await desk.read(desk.fresh(), request=SecretRequest("two")) == b"two 3"


async def test_a_silent_provider_is_tried_by_one_call_at_a_time(desk: Desk) -> None:
    desk.provider.error = ProviderUnavailable("busy")
    with pytest.raises(ProviderUnavailable):
        await desk.read(desk.fresh())
    desk.clock.pass_by(FIRST_OPEN_SECONDS)
    desk.hang()

    with pytest.raises(Pending):
        await desk.read(desk.fresh())
    with pytest.raises(ProviderUnavailable):
        await desk.read(desk.fresh(), request=SecretRequest("other"))

    assert len(desk.provider.calls) == 2


async def test_other_credentials_are_not_left_in_peace_with_it(desk: Desk) -> None:
    desk.provider.error = ProviderUnavailable("busy")
    with pytest.raises(ProviderUnavailable):
        await desk.read(desk.fresh())
    desk.provider.error = None

    assert await desk.read(desk.fresh(), identity="other") == b"remote 2"


async def test_everything_is_asked_for_at_once_and_waited_for_together(desk: Desk) -> None:
    """One after the other, a thousand entries of a slow provider held a worker until health called it stuck."""
    desk.hang()
    keys = [f"k{at}" for at in range(MAX_CONCURRENT_CALLS + 2)]
    with pytest.raises(Pending):
        await desk.keys(*keys)
    assert len(desk.provider.calls) == MAX_CONCURRENT_CALLS, "so many of one identity at a time"

    desk.resume()
    found = await desk.keys(*keys)

    assert set(found) == set(keys)
    assert sorted(desk.provider.calls) == sorted([key] for key in keys)


async def test_what_was_there_before_the_last_answer_is_not_read_again(desk: Desk) -> None:
    await desk.keys("early")
    desk.hang()
    with pytest.raises(Pending):
        await desk.keys("early", "late")
    desk.clock.pass_by(29)

    await desk.answered(desk.fresh(max_age=0.1), request=SecretRequest("late"))

    assert desk.provider.calls == [["early"], ["late"]]
    assert await desk.read(desk.fresh(max_age=0.1), request=SecretRequest("early")) == b"early 1"


async def test_several_keys_share_a_call_if_the_provider_takes_them() -> None:
    desk = Desk(batch=3)

    found = await asyncio.gather(desk.keys("a", "b"), desk.keys("c", asker="b"), desk.keys("d", "a", asker="c"))

    assert sorted(map(len, desk.provider.calls)) == [1, 3]
    assert sorted(key for call in desk.provider.calls for key in call) == list("abcd")
    assert [set(each) for each in found] == [{"a", "b"}, {"c"}, {"d", "a"}]
    desk.threads.close()


async def test_what_is_found_is_shared_too_and_goes_alone() -> None:
    desk = Desk(batch=3)
    opened = ProviderSession(desk.provider, ("store",), "tenant")
    find = SearchRequest(path="p", name="x")

    one, two = await asyncio.gather(*(desk.reader.read([(opened, find), (opened, WANT)], desk.fresh()) for _ in "ab"))

    assert one[("store",), find].coming.result() == {"found": SecretValue(b"p")}
    assert two[("store",), find].coming.result() == {"found": SecretValue(b"p")}
    assert sorted(desk.provider.calls) == [["remote"], ["x"]]
    desk.threads.close()


async def test_an_error_of_one_key_is_not_that_of_the_others() -> None:
    desk = Desk(batch=3)
    desk.provider.answers["b"] = SecretAbsent("Secret does not exist")

    assert await desk.keys("a", "b") == {"a": b"a 1", "b": "Secret does not exist"}
    desk.threads.close()


async def test_those_in_line_hear_that_the_provider_is_silent(desk: Desk) -> None:
    desk.provider.error = ProviderUnavailable("busy")

    found = await desk.keys(*(f"k{at}" for at in range(50)))

    assert set(found.values()) == {"busy"}
    assert len(desk.provider.calls) <= MAX_CONCURRENT_CALLS


async def test_a_fault_of_a_provider_is_logged_by_its_place_alone(desk: Desk) -> None:
    desk.provider.error = ValueError("canary")
    with structlog.testing.capture_logs() as logs:
        found = await desk.keys("a")

    assert found == {"a": "no answer"}
    assert logs[0]["error"].startswith("ValueError at test_reader.py:")
    assert "canary" not in str(logs)


async def test_silent_providers_leave_half_of_the_threads(desk: Desk) -> None:
    silent = Provider()
    silent.error = ProviderUnavailable("busy")
    lines = [ProviderSession(silent, (f"store-{at}",), f"tenant-{at}") for at in range(4 * MAX_CONCURRENT_CALLS)]
    for each in lines:
        await desk.reader.read([(each, WANT)], desk.fresh())
    desk.clock.pass_by(FIRST_OPEN_SECONDS)

    silent.open.clear()
    asking = [asyncio.create_task(desk.reader.read([(each, WANT)], desk.fresh())) for each in lines]
    await asyncio.sleep(0)
    assert await desk.read(desk.fresh()) == b"remote 1"

    assert not any(each.done() for each in asking)
    silent.open.set()
    await asyncio.gather(*asking)


async def test_what_will_be_wanted_soon_comes_with_what_is_wanted_now() -> None:
    """A hundred secrets, each wanted at its own moment of the minute, cost a call for every twenty of them."""
    desk = Desk(batch=20)
    keys = [f"k{at}" for at in range(100)]
    await desk.keys(*keys, interval=60)
    assert len(desk.provider.calls) == 5
    desk.clock.pass_by(58)

    for key in keys:
        desk.clock.pass_by(0.02)
        await desk.keys(key, interval=60)

    assert len(desk.provider.calls) == 10
    assert sorted(key for call in desk.provider.calls[5:] for key in call) == sorted(keys)
    desk.threads.close()


async def test_what_is_missing_or_no_longer_wanted_is_not_read_ahead() -> None:
    desk = Desk(batch=20)
    desk.provider.answers["missing"] = SecretAbsent("Secret does not exist")
    await desk.keys("a", "b", "missing", interval=60)
    desk.clock.pass_by(60)
    await desk.keys("a", interval=60)
    assert sorted(desk.provider.calls[-1]) == ["a", "b"]

    for _ in range(4):
        desk.clock.pass_by(60)
        await desk.keys("a", interval=60)

    assert desk.provider.calls[-1] == ["a"]
    desk.threads.close()


async def test_objects_with_the_same_interval_fall_into_step() -> None:
    desk = Desk(batch=20)

    assert await desk.keys("x", asker="a", interval=60) == {"x": b"x 1"}
    desk.clock.pass_by(31)
    assert await desk.keys("x", asker="b", interval=60) == {"x": b"x 2"}
    desk.clock.pass_by(29)
    assert await desk.keys("x", asker="a", interval=60) == {"x": b"x 2"}, "and comes again with the other"
    desk.threads.close()


async def test_what_is_due_first_is_read_ahead_first() -> None:
    desk = Desk(batch=3)
    for key in ("late", "early", "middle"):
        await desk.keys(key, interval=120)
    for wait, key in ((70, "early"), (2, "middle"), (2, "other"), (2, "late")):
        desk.clock.pass_by(wait)
        await desk.keys(key, interval=120)
    desk.provider.calls.clear()
    desk.clock.pass_by(114)

    await desk.keys("new")

    assert desk.provider.calls == [["new", "early", "middle"]]
    desk.threads.close()


async def test_only_a_few_workers_wait_on_for_a_slow_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all of them waiting five seconds each, a hundred ExternalSecrets of one store would hold up all others."""
    monkeypatch.setattr("external.reading.reader.SLOW_AFTER_SECONDS", 0.05)
    desk = Desk()
    desk.provider.open.clear()
    asking = [asyncio.create_task(desk.keys(f"k{at}", asker=str(at))) for at in range(16)]
    await asyncio.wait(asking, timeout=0.2)
    assert sum(not each.done() for each in asking) == MAX_PATIENT_WORKERS
    assert {type(each.exception()) for each in asking if each.done()} == {Pending}

    desk.clock.pass_by(0.1)
    with pytest.raises(Pending):
        await asyncio.wait_for(desk.keys("late", asker="late"), 0.5)

    desk.provider.open.set()
    await asyncio.wait(asking)
    late = (await desk.keys("late", asker="late"))["late"]
    assert isinstance(late, bytes)
    assert late.startswith(b"late ")  # which of the calls answers depends on who was first
    desk.threads.close()
