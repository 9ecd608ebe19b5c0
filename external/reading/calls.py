"""Call providers: collect requests into batches, within the rate and number of calls of an identity."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from external.metrics import ExternalMetrics
from external.providers.protocol import Client, ProviderError, ProviderUnavailable, SearchRequest, SecretRequest
from external.reading.expected_requests import ExpectedRequests
from external.reading.fingerprints import fingerprint_of
from external.reading.identity_queue import (
    Answer,
    Given,
    IdentityQueue,
    MaxAge,
    ReadRequest,
    at_hand,
    next_batch,
    promised,
    worth_reading_from,
)
from external.reading.settlement import Settlement
from external.reading.thread_pool import ThreadPool
from external.reading.value_budget import MAX_SHARED_SECONDS, ValueBudget
from manager.core.clock import Clock
from manager.runtime.controller import describe

MAX_CONCURRENT_CALLS = 4  # of one identity; further ones would only wait for a thread of their tenant's share
MAX_LOOKS = 10  # for one call, of a few milliseconds each: the first request in the queue waits for them
FULL_RETRY_SECONDS = 1.0  # until it is checked whether a tenant's values have left memory

log = structlog.get_logger(__name__)


class ProviderCalls:
    """Sends what waits in the queues of identities.

    Args:
        expected: what will be requested soon; a call takes it along.
    """

    def __init__(
        self, threads: ThreadPool, clock: Clock, metrics: ExternalMetrics, expected: ExpectedRequests | None
    ) -> None:
        self._threads = threads
        self._clock = clock
        self._metrics = metrics
        self._expected = expected
        self._budget = ValueBudget()
        self._settlement = Settlement(clock, self._budget)
        self._running: set[asyncio.Task[None]] = set()

    def gather(self, queue: IdentityQueue) -> None:
        """Send now if the batch is full or the provider takes one key per call; otherwise when the window closes."""
        loop = asyncio.get_running_loop()
        queue.window.note(loop.time())
        self._take_along(queue)
        if len(queue.waiting) >= queue.session.client.batch:
            self.send(queue)
        elif not queue.window.running:
            queue.window.running = True
            loop.call_later(queue.window.wait(loop.time()), self._window_closed, queue)

    def send(self, queue: IdentityQueue) -> None:
        """Start as many calls as the limits of the identity allow."""
        loop = asyncio.get_running_loop()
        while queue.waiting and queue.calls < MAX_CONCURRENT_CALLS and not queue.paced:
            wait = queue.bucket.wait(queue.session.meter.calls)
            wait = max(wait, FULL_RETRY_SECONDS if self._budget.full(queue.session.tenant) else 0.0)
            if wait > 0:
                queue.paced = True
                loop.call_later(wait, self._resume, queue)
                return
            queue.calls += 1
            queue.complete, queue.looks = False, 0
            queue.window.called = loop.time()
            batch = next_batch(queue)
            self._metrics.saved.inc(len(batch) - 1)
            batch += self._ahead(queue, queue.session.client.batch - len(batch))
            task = asyncio.create_task(self._call(queue, batch))
            self._running.add(task)  # the loop itself keeps no task from being collected
            task.add_done_callback(self._running.discard)

    def send_when_complete(self, queue: IdentityQueue) -> None:
        """Send as soon as it is known which requests of queued ExternalSecrets go along."""
        queue.complete = True
        if not queue.looking:
            self.send(queue)

    def _window_closed(self, queue: IdentityQueue) -> None:
        loop = asyncio.get_running_loop()
        wait = queue.window.wait(loop.time()) if queue.waiting else 0.0
        if wait > 0:
            loop.call_later(wait, self._window_closed, queue)
            return
        queue.window.running = False
        self.send_when_complete(queue)

    def _resume(self, queue: IdentityQueue) -> None:
        queue.paced = False
        self.send(queue)

    def _take_along(self, queue: IdentityQueue) -> None:
        """Add to the coming call what queued ExternalSecrets will request; look again later if that is much."""
        room, store, now = queue.session.client.batch - len(queue.waiting), queue.session.store, self._clock.monotonic()
        # A consumer's own account must not see what others request, even while its store is being changed.
        own = queue.session.consumer
        if room <= 0 or store is None or own or self._expected is None or queue.breaker.text:
            return

        def needed(request: SecretRequest, since: float) -> bool:
            known = queue.answers.get(request)
            return known is None or not known.serves(MaxAge(None, since), now)

        for request in self._expected.take(store, queue.session.client, needed, room):
            queue.answers[request] = answer = Answer(request, promised())
            queue.waiting.append(answer)
        more = len(queue.waiting) < queue.session.client.batch and self._expected.any_of(store)
        if more and not queue.looking and queue.looks < MAX_LOOKS:
            queue.looking, queue.looks = True, queue.looks + 1
            asyncio.get_running_loop().call_soon(self._look_again, queue)

    def _look_again(self, queue: IdentityQueue) -> None:
        queue.looking = False
        if not queue.waiting:
            return  # the call was sent meanwhile
        self._take_along(queue)
        if len(queue.waiting) >= queue.session.client.batch or (queue.complete and not queue.looking):
            self.send(queue)

    def _ahead(self, queue: IdentityQueue, room: int) -> list[Answer]:
        """Return what is due soon, as far as there is room for it in a call that is made anyway."""
        now, soon = self._clock.monotonic(), list[tuple[float, SecretRequest]]()
        for request, habit in list(queue.habits.items()) if room else ():
            if now > habit.not_before + 2 * habit.interval + MAX_SHARED_SECONDS:
                del queue.habits[request]  # no longer requested
            elif now >= worth_reading_from(habit) and not at_hand(queue.answers.get(request), habit, now):
                soon.append((habit.not_before + habit.interval, request))
        # Those that are due first: the others meet in the next call.
        found = [Answer(request, promised()) for _, request in sorted(soon, key=lambda each: each[0])[:room]]
        queue.answers |= {each.request: each for each in found}
        return found

    async def _call(self, queue: IdentityQueue, batch: list[Answer]) -> None:
        started = self._clock.monotonic()
        for each in batch:
            each.started = started
        queue.running.append(started)
        session, requests = queue.session, [each.request for each in batch]
        results: Mapping[Any, Given | ProviderError] = {}
        prints: Mapping[Any, bytes] = {}
        error: ProviderError = ProviderUnavailable("no answer")
        try:
            results, prints = await self._threads.run(
                session.tenant, lambda: _ask(session.client, requests), slow=bool(queue.breaker.text)
            )
        except ProviderError as raised:
            error = raised
        except Exception as fault:  # asyncio would log it with a traceback, which quotes what it finds
            log.error("provider failed unexpectedly", tenant=session.tenant, error=describe(fault))
        queue.calls -= 1
        queue.running.remove(started)
        for each in batch:
            each.fingerprint = prints.get(each.request, b"")
        self._settlement.settle(queue, [(each, results.get(each.request, error)) for each in batch])
        if not queue.window.running:
            self.send(queue)


def _ask(
    client: Client, wanted: Sequence[ReadRequest]
) -> tuple[Mapping[Any, Given | ProviderError], Mapping[Any, bytes]]:
    """Return the provider's results and their fingerprints, which take a moment for large values."""
    found: Mapping[Any, Given | ProviderError]
    if isinstance(wanted[0], SearchRequest):
        found = {wanted[0]: client.find(wanted[0])}
    else:
        found = client.read([each for each in wanted if isinstance(each, SecretRequest)])
    return found, {request: fingerprint_of(given) for request, given in found.items()}
