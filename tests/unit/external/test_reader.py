"""One call for all who want the same now, and what a provider that is slow or silent costs the others."""

import threading
from collections.abc import AsyncIterator, Callable

import pytest
from prometheus_client import CollectorRegistry

from external.clients import Opened, Pending
from external.metrics import ExternalMetrics
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.reader import PAUSE, Fresh, SharedReader, Want
from external.threads import Threads
from manager.plain import Plain
from tests.stand_ins import HandClock

WANT = Want("remote", "", metadata=False)
ALWAYS = float("-inf")


class Provider:
    """Answers when it is let; every call has a number."""

    capabilities = "ReadOnly"

    def __init__(self) -> None:
        self.calls = 0
        self.open = threading.Event()
        self.open.set()
        self.error: ProviderError | None = None

    def read(self, key: str, version: str, *, metadata: bool) -> Plain:
        self.calls += 1
        number = self.calls
        self.open.wait(10)
        if self.error is not None:
            raise self.error
        return Plain(f"{key} {number}".encode())

    def validate(self) -> None:
        raise AssertionError("nobody asked")


class Desk:
    """A reader, its clock, and one provider behind it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.threads = Threads(4, 10)
        self.reader = SharedReader(self.threads, self.clock, ExternalMetrics(CollectorRegistry()), patience=0.02)
        self.provider = Provider()

    def fresh(self, asker: str = "a", max_age: float = 30, *, now: bool = False) -> Fresh:
        return Fresh(asker, self.clock.monotonic() if now else ALWAYS, max_age)

    async def read(self, fresh: Fresh, identity: str = "store", want: Want = WANT) -> bytes:
        return (await self.reader.read(Opened(self.provider, (identity,), "tenant"), want, fresh)).reveal()

    async def answered(self, fresh: Fresh) -> bytes:
        """Read until the answer is there, as a reconciler that is told to come again does."""
        self.provider.open.set()
        while True:
            try:
                return await self.read(fresh)
            except Pending:
                self.clock.pass_by(2)


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
    assert desk.provider.calls == 1


@pytest.mark.parametrize(
    "other",
    [
        lambda desk: desk.read(desk.fresh(), identity="other credentials"),
        lambda desk: desk.read(desk.fresh(), want=Want("remote", "v1", metadata=False)),
        lambda desk: desk.read(desk.fresh(), want=Want("remote", "", metadata=True)),
    ],
    ids=["identity", "version", "metadata"],
)
async def test_nothing_else_is_shared(desk: Desk, other: Callable[[Desk], object]) -> None:
    await desk.read(desk.fresh())

    await other(desk)  # type: ignore[misc]

    assert desk.provider.calls == 2


async def test_a_value_older_than_asked_for_is_read_again(desk: Desk) -> None:
    await desk.read(desk.fresh())
    desk.clock.pass_by(3)

    assert await desk.read(desk.fresh(max_age=2)) == b"remote 2"


async def test_who_asks_now_gets_no_earlier_value(desk: Desk) -> None:
    await desk.read(desk.fresh())
    desk.clock.pass_by(1)

    assert await desk.read(desk.fresh(now=True)) == b"remote 2"


async def test_a_slow_answer_frees_the_worker_and_is_there_when_it_returns(desk: Desk) -> None:
    desk.provider.open.clear()
    with pytest.raises(Pending):
        await desk.read(desk.fresh(max_age=0.1))
    desk.clock.pass_by(2)

    assert await desk.answered(desk.fresh(max_age=0.1)) == b"remote 1"
    assert desk.provider.calls == 1


async def test_a_slow_answer_to_who_asked_for_a_new_value_is_not_asked_for_again(desk: Desk) -> None:
    desk.provider.open.clear()
    with pytest.raises(Pending):
        await desk.read(desk.fresh(now=True))
    desk.clock.pass_by(2)

    assert await desk.answered(desk.fresh(now=True)) == b"remote 1"
    assert await desk.read(desk.fresh("b")) == b"remote 1"
    desk.clock.pass_by(1)
    assert await desk.read(desk.fresh(now=True)) == b"remote 2", "the next wish is a new one"


async def test_two_who_ask_a_slow_provider_in_turns_both_get_an_answer(desk: Desk) -> None:
    desk.provider.open.clear()
    for asker in "abab":
        with pytest.raises(Pending):
            await desk.read(desk.fresh(asker, now=True))
        desk.clock.pass_by(1)

    assert {await desk.answered(desk.fresh(asker, now=True)) for asker in "ab"} == {b"remote 2"}
    assert desk.provider.calls == 2


async def test_an_error_is_not_remembered(desk: Desk) -> None:
    desk.provider.error = ProviderDenied("no")
    with pytest.raises(ProviderDenied):
        await desk.read(desk.fresh())
    desk.provider.error = None

    assert await desk.read(desk.fresh()) == b"remote 2"


async def test_a_provider_that_does_not_answer_is_left_in_peace_for_a_moment(desk: Desk) -> None:
    desk.provider.error = ProviderUnavailable("busy")
    for key in ("one", "two", "three"):
        with pytest.raises(ProviderUnavailable, match="busy"):
            await desk.read(desk.fresh(), want=Want(key, "", metadata=False))
    assert desk.provider.calls == 1

    desk.provider.error = None
    desk.clock.pass_by(PAUSE)
    assert await desk.read(desk.fresh()) == b"remote 2"
    assert await desk.read(desk.fresh(), want=Want("two", "", metadata=False)) == b"two 3"


async def test_a_silent_provider_is_tried_by_one_call_at_a_time(desk: Desk) -> None:
    desk.provider.error = ProviderUnavailable("busy")
    with pytest.raises(ProviderUnavailable):
        await desk.read(desk.fresh())
    desk.clock.pass_by(PAUSE)
    desk.provider.open.clear()

    with pytest.raises(Pending):
        await desk.read(desk.fresh())
    with pytest.raises(ProviderUnavailable):
        await desk.read(desk.fresh(), want=Want("other", "", metadata=False))

    assert desk.provider.calls == 2


async def test_other_credentials_are_not_left_in_peace_with_it(desk: Desk) -> None:
    desk.provider.error = ProviderUnavailable("busy")
    with pytest.raises(ProviderUnavailable):
        await desk.read(desk.fresh())
    desk.provider.error = None

    assert await desk.read(desk.fresh(), identity="other") == b"remote 2"
