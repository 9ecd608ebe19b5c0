"""Questions and answers: what is asked under one identity, how new a value must be, and whom it serves."""

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

Question = SecretRequest | SearchRequest
Given = SecretValue | Mapping[str, SecretValue]
"""One secret, or all that were found by their names."""
Asked = tuple[tuple[str, ...], Question]
"""Under which identity, and what."""


@dataclass(frozen=True, slots=True)
class MaxAge:
    """How new a value must be, and for whom."""

    asker: Hashable
    """Who wants it in which version of his wish: an answer that came while he was away is still his."""
    not_before: float
    """A read that started before this monotonic second is too old: the user asked afterwards."""
    interval: float = 0.0
    """Seconds after which it will be wanted again; 0 when nobody knows."""

    @property
    def max_age(self) -> float:
        """Seconds; half of the interval, so that who wants the same at another moment of it falls into step.

        The next refresh is counted from when a value was read: a rotation arrives in time all the same.
        """
        return min(MAX_SHARED_SECONDS, self.interval / 2) if self.interval > 0 else MAX_SHARED_SECONDS


@dataclass(slots=True, eq=False)
class Answer:
    """One value, or the error in its place, on its way or there."""

    want: Question
    coming: "asyncio.Future[Given]"
    started: float | None = None
    """Monotonic second at which the provider was asked; None while that is still to happen."""
    size: int = 0
    """Bytes of the value."""
    fingerprint: bytes = b""
    """Tells two values apart without telling anything of them; empty until there is one."""
    left: set[Hashable] = field(default_factory=set)
    """Askers that have not waited for the answer; without them a slow provider would be asked for ever."""

    def serves(self, fresh: MaxAge, now: float) -> bool:
        """Tell whether the value is, or will be, new enough."""
        if self.started is None or fresh.asker in self.left:
            return True
        return self.started >= fresh.not_before and now - self.started <= fresh.max_age


@dataclass(slots=True, eq=False)
class IdentityQueue:
    """What is asked under one identity."""

    opened: ProviderSession
    allowance: TokenBucket
    answers: dict[Question, Answer] = field(default_factory=dict)
    habits: dict[SecretRequest, MaxAge] = field(default_factory=dict)
    """What is wanted again and again, and how; `not_before` is when it was read last."""
    waiting: deque[Answer] = field(default_factory=deque)
    calls: int = 0
    running: list[float] = field(default_factory=list)
    """When the calls began that have no answer yet (monotonic seconds)."""
    callers: int = 0
    """Workers that wait for an answer."""
    looking: bool = False
    """Whether it is looked in a moment for more that will be asked soon."""
    looks: int = 0
    """How often that was done for the next call."""
    complete: bool = False
    """Whether nobody else can come before the next call: it is made when no more is looked for."""
    gathering: BatchWindow = field(default_factory=BatchWindow)
    silence: CircuitBreaker = field(default_factory=CircuitBreaker)
    sweeps: VersionLists = field(default_factory=VersionLists)
    paced: bool = False
    """Whether it waits for the allowance already."""

    def idle(self, now: float) -> bool:
        """Tell whether nothing would be missed that matters: a rest from a provider that is silent still does."""
        return not (self.answers or self.waiting or self.calls or self.callers or now < self.silence.until)


def promised() -> "asyncio.Future[Given]":
    """Return a future whose error nobody has to ask for."""
    coming: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
    # Fetched, whoever still waits: asyncio would log the traceback of an error that nobody asked for.
    coming.add_done_callback(lambda done: done.cancelled() or done.exception())
    return coming


def worth_reading_from(habit: MaxAge) -> float:
    """Return from when on a value read will still be new enough when it is wanted the next time."""
    return habit.not_before + habit.interval - 0.9 * habit.max_age


def at_hand(known: Answer | None, habit: MaxAge, now: float) -> bool:
    """Tell whether a value is, or will be, new enough for who wants it the next time."""
    return known is not None and (known.started is None or now - known.started <= 0.9 * habit.max_age)


def next_batch(line: IdentityQueue) -> list[Answer]:
    """Take from a line what goes into one call."""
    first = line.waiting.popleft()
    if isinstance(first.want, SearchRequest):
        return [first]
    batch = [first]
    while line.waiting and len(batch) < line.opened.client.batch and isinstance(line.waiting[0].want, SecretRequest):
        batch.append(line.waiting.popleft())
    return batch
