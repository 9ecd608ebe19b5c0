"""Read with one provider call for all ExternalSecrets that need the same value; pause if the provider is down."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from external.errors import FAILED, NeedsRemote, Pending
from external.metrics import ExternalMetrics
from external.providers.protocol import ProviderUnavailable, SecretRequest
from external.providers.session import ProviderSession
from external.reading.calls import ProviderCalls
from external.reading.expected_requests import ExpectedRequests
from external.reading.fingerprints import combined
from external.reading.identity_queue import Answer, Given, IdentityQueue, MaxAge, ReadRequest, RequestKey, promised
from external.reading.rate_limit import TokenBucket
from external.reading.thread_pool import SLOW_AFTER_SECONDS, ThreadPool
from external.reading.value_budget import MAX_SHARED_SECONDS
from external.reading.version_check import VersionCheck
from external.reading.version_lists import version_of, versions_fingerprint
from manager.core.clock import Clock
from manager.core.cooperative import CooperativeYield

WAIT_SECONDS = 5.0  # that a worker waits: longer than a slow answer, but a worker that waits helps no other store
MAX_PATIENT_WORKERS = 4  # that wait on for one slow identity: with all of them, no other identity would be served
LOOK_AGAIN_SECONDS = 2.0  # until a worker that left checks whether the answer has come
MAX_IDLE_QUEUES = 1024  # identities that are remembered, with their habits, before those without a call are forgotten
MAX_READ_BYTES = 16 << 20  # of all entries of one object: a Secret holds one MiB, and properties may leave much out


class SharedReader:
    """Reads from providers; identities never share a value.

    Args:
        patience: seconds that a caller waits for its answers.
        workers: of one namespace; once as many wait for an identity, no more requests can join the batch, and it is
            sent.
        expected: what will be requested soon.
    """

    def __init__(
        self,
        threads: ThreadPool,
        clock: Clock,
        metrics: ExternalMetrics,
        patience: float = WAIT_SECONDS,
        workers: int = 0,
        expected: ExpectedRequests | None = None,
    ) -> None:
        self.patience = patience
        self._workers = workers
        self._clock = clock
        self._metrics = metrics
        self._calls = ProviderCalls(threads, clock, metrics, expected)
        self._versions = VersionCheck(threads, clock)
        self._queues: dict[tuple[str, ...], IdentityQueue] = {}

    async def read(
        self, wanted: Iterable[tuple[ProviderSession, ReadRequest]], fresh: MaxAge
    ) -> Mapping[RequestKey, Answer]:
        """Return a settled answer for every (identity, request); all are requested at the same time.

        An error stands in its answer. It is shared only with those who wait for it; "no answer" also while the circuit
        breaker is open.

        Raises:
            Pending: they take longer than a worker should wait.
            NeedsRemote: they are too large together.

        """
        found, queues, breath = dict[RequestKey, Answer](), set[IdentityQueue](), CooperativeYield()
        for session, request in wanted:
            # Kept here: while others run, the client may be closed, and its queue forgotten.
            queues.add(queue := self._queue(session))
            found[session.identity, request] = self._answer(queue, request, fresh)
            await breath.take()
        done = await self._settled({each.coming for each in found.values()}, queues)
        for each in found.values():
            (each.left.discard if done else each.left.add)(fresh.asker)
        if sum(each.size for each in found.values()) > MAX_READ_BYTES:
            text = f"the entries read more than {MAX_READ_BYTES} bytes together: let them read fewer or smaller ones"
            raise NeedsRemote(FAILED, text)
        if not done:
            raise Pending(FAILED, "the provider has not answered yet", delay=LOOK_AGAIN_SECONDS)
        return found

    async def unchanged_since(
        self, wanted: Iterable[tuple[ProviderSession, ReadRequest]], marked: str, interval: float
    ) -> float | None:
        """Check by lists of versions whether what was read is what would be read.

        Args:
            wanted: what would be read.
            marked: `mark` of what was read.
            interval: seconds until it will be requested again.

        Returns:
            The seconds since the moment for which that is proven; None if it is not proven and has to be read.

        """
        queued = ((self._queue(session), request) for session, request in wanted)
        proven = await self._versions.unchanged_since(queued, marked, interval, self.patience)
        if proven is None:
            return None
        age, number = proven
        self._metrics.saved.inc(number)
        return age

    def mark(self, answers: Mapping[RequestKey, Answer]) -> str:
        """Return the fingerprint of the versions of some answers, empty if one has no version."""
        return versions_fingerprint({asked: version_of(each.coming.result()) for asked, each in answers.items()})

    def age(self, answers: Iterable[Answer]) -> float:
        """Return the seconds since the oldest of some answers was requested."""
        now = self._clock.monotonic()
        return max((now - each.started for each in answers if each.started is not None), default=0.0)

    def forget(self, session: ProviderSession) -> None:
        """Forget an identity whose client is closed; those that wait for its answers still get them."""
        queue = self._queues.get(session.identity)
        if queue is not None and queue.session is session:
            del self._queues[session.identity]

    async def _settled(self, coming: "set[asyncio.Future[Given]]", queues: Collection[IdentityQueue]) -> bool:
        """Wait for answers and return whether all are there; for a slow provider only a few workers wait on."""
        if not coming or all(each.done() for each in coming):
            return True
        now = self._clock.monotonic()
        if any(each.callers >= MAX_PATIENT_WORKERS and _slow(each, now) for each in queues):
            return False
        for queue in queues:
            queue.callers += 1
        try:
            for queue in (each for each in queues if each.callers == self._workers):
                self._calls.send_when_complete(queue)
            first = min(self.patience, SLOW_AFTER_SECONDS)
            left = (await asyncio.wait(coming, timeout=first))[1]
            if left and all(queue.callers <= MAX_PATIENT_WORKERS for queue in queues):
                left = (await asyncio.wait(coming, timeout=self.patience - first))[1]
            return not left
        finally:
            for queue in queues:
                queue.callers -= 1

    def _answer(self, queue: IdentityQueue, request: ReadRequest, fresh: MaxAge) -> Answer:
        now = self._clock.monotonic()
        known = queue.answers.get(request)
        serves = known is not None and known.serves(fresh, now)
        if isinstance(request, SecretRequest) and fresh.interval > 0 and queue.session.client.batch > 1:
            started = known.started if known is not None and serves else None
            queue.habits[request] = replace(fresh, asker=None, not_before=now if started is None else started)
        if known is not None and serves:
            self._metrics.saved.inc()
            return known
        answer = Answer(request, promised(), left=known.left if known else set())
        if queue.breaker.text and now < queue.breaker.until:
            answer.coming.set_exception(ProviderUnavailable(queue.breaker.text))
            return answer
        if queue.breaker.text:
            queue.breaker.until = now + MAX_SHARED_SECONDS  # one call tries; the others wait for its result
        queue.answers[request] = answer
        queue.waiting.append(answer)
        self._calls.gather(queue)
        return answer

    def _queue(self, session: ProviderSession) -> IdentityQueue:
        queue = self._queues.get(session.identity)
        if queue is None:
            if len(self._queues) >= MAX_IDLE_QUEUES:
                now = self._clock.monotonic()
                self._queues = {name: each for name, each in self._queues.items() if not each.idle(now)}
            # Earlier calls do not count against the bucket: after ten thousand it would be empty for minutes.
            queue = IdentityQueue(session, TokenBucket(self._clock, counted=session.meter.calls))
            self._queues[session.identity] = queue
        queue.session = session
        return queue


def fingerprint(answers: Iterable[Answer]) -> bytes:
    """Return one fingerprint for several answers, empty if one of them is an error."""
    return combined([each.fingerprint for each in answers])


def _slow(queue: IdentityQueue, now: float) -> bool:
    return bool(queue.running) and now - min(queue.running) > SLOW_AFTER_SECONDS
