"""Requests and answers of one identity: how new a value must be, and whom it serves."""

import asyncio
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from external.providers.protocol import SearchRequest, SecretRequest
from external.providers.session import ProviderSession
from external.reading.rate_limit import BatchWindow, CircuitBreaker, TokenBucket
from external.reading.value_budget import MAX_SHARED_SECONDS
from external.reading.version_lists import VersionLists
from manager.core.secret_value import SecretValue

ReadRequest = SecretRequest | SearchRequest
Given = SecretValue | Mapping[str, SecretValue]
"""One secret, or all that were found by their names."""
RequestKey = tuple[tuple[str, ...], ReadRequest]
"""Under which identity, and what."""


@dataclass(frozen=True, slots=True)
class MaxAge:
    """How new a value must be, and for whom."""

    asker: Hashable
    """The object that requests it, in one version: an answer that arrived after its worker left still serves it."""
    not_before: float
    """A read that started before this monotonic second is too old: the user asked afterwards."""
    interval: float = 0.0
    """Seconds until it will be requested again; 0 if that is not known."""

    @property
    def max_age(self) -> float:
        """Seconds: half of the interval, so that objects with the same interval fall into step and share reads.

        The next refresh is counted from when a value was read, so a rotation still arrives in time.
        """
        return min(MAX_SHARED_SECONDS, self.interval / 2) if self.interval > 0 else MAX_SHARED_SECONDS


@dataclass(slots=True, eq=False)
class Answer:
    """One value or error, settled or in flight."""

    request: ReadRequest
    coming: "asyncio.Future[Given]"
    started: float | None = None
    """Monotonic second at which the call began; None before that."""
    size: int = 0
    """Bytes of the value."""
    fingerprint: bytes = b""
    """Of the value, for comparison; empty until there is one."""
    left: set[Hashable] = field(default_factory=set)
    """Askers that left before the answer came; it serves them late, or a slow provider would be asked for ever."""

    def serves(self, fresh: MaxAge, now: float) -> bool:
        """Return True if the value is, or will be, new enough."""
        if self.started is None or fresh.asker in self.left:
            return True
        return self.started >= fresh.not_before and now - self.started <= fresh.max_age


@dataclass(slots=True, eq=False)
class IdentityQueue:
    """What is requested under one identity: cached, queued and in flight."""

    session: ProviderSession
    bucket: TokenBucket
    answers: dict[ReadRequest, Answer] = field(default_factory=dict)
    habits: dict[SecretRequest, MaxAge] = field(default_factory=dict)
    """What is requested again and again, and how; `not_before` is when it was read last."""
    waiting: deque[Answer] = field(default_factory=deque)
    calls: int = 0
    """In flight."""
    running: list[float] = field(default_factory=list)
    """When the calls in flight began (monotonic seconds)."""
    callers: int = 0
    """Workers that wait for an answer."""
    looking: bool = False
    """Whether a look at what queued ExternalSecrets will request is scheduled."""
    looks: int = 0
    """Such looks since the last call."""
    complete: bool = False
    """Whether the batch window has closed: the next call is sent as soon as no look is scheduled."""
    window: BatchWindow = field(default_factory=BatchWindow)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    lists: VersionLists = field(default_factory=VersionLists)
    paced: bool = False
    """Whether a timer will resume sending when the bucket, or the tenant's memory, has room."""

    def idle(self, now: float) -> bool:
        """Return True if it may be evicted: nothing cached, queued or in flight, and the circuit breaker is closed."""
        return not (self.answers or self.waiting or self.calls or self.callers or now < self.breaker.until)


def promised() -> "asyncio.Future[Given]":
    """Return a future whose error need not be retrieved."""
    coming: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
    # Retrieved here, or asyncio logs the traceback of an error for which no worker waits any more.
    coming.add_done_callback(lambda done: done.cancelled() or done.exception())
    return coming


def worth_reading_from(habit: MaxAge) -> float:
    """Return the second from which on a value that is read will still serve the next request."""
    return habit.not_before + habit.interval - 0.9 * habit.max_age


def at_hand(known: Answer | None, habit: MaxAge, now: float) -> bool:
    """Return True if a value is, or will be, new enough for the next request."""
    return known is not None and (known.started is None or now - known.started <= 0.9 * habit.max_age)


def next_batch(queue: IdentityQueue) -> list[Answer]:
    """Take from a queue what goes into one call."""
    first = queue.waiting.popleft()
    if isinstance(first.request, SearchRequest):
        return [first]
    batch = [first]
    most = queue.session.client.batch
    while queue.waiting and len(batch) < most and isinstance(queue.waiting[0].request, SecretRequest):
        batch.append(queue.waiting.popleft())
    return batch
