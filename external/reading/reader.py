"""One provider call for everybody who wants the same value now; a provider that does not answer is left in peace."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from external.errors import FAILED, NeedsRemote, Pending
from external.metrics import ExternalMetrics
from external.providers.protocol import (
    Client,
    ListsVersions,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretRequest,
)
from external.providers.session import ProviderSession
from external.reading.expected_requests import ExpectedRequests
from external.reading.fingerprints import combined, fingerprint_of
from external.reading.identity_queue import (
    Answer,
    Asked,
    Given,
    IdentityQueue,
    MaxAge,
    Question,
    at_hand,
    next_batch,
    promised,
    worth_reading_from,
)
from external.reading.rate_limit import TokenBucket
from external.reading.thread_pool import ThreadPool
from external.reading.value_budget import MAX_SHARED_SECONDS, ValueBudget
from external.reading.version_lists import (
    LIST_LAG_SECONDS,
    MIN_INTERVAL_SECONDS,
    REFUSED_SECONDS,
    VersionList,
    has_listed_version,
    lists_worth_reading,
    version_of,
    versions_fingerprint,
)
from manager.core.clock import Clock
from manager.core.cooperative import CooperativeYield
from manager.core.secret_value import SecretValue
from manager.runtime.controller import describe

log = structlog.get_logger(__name__)

WAIT_SECONDS = (
    5.0  # seconds a worker waits: longer than a slow answer, and workers that wait for one store help no other
)
SLOW_AFTER_SECONDS = 1.0  # seconds after which an answer keeps workers from others
WAIT_ON = (
    4  # workers that wait on for a slow identity: with all of them, nobody else would be served (reliability.md D5)
)
LOOK_AGAIN_SECONDS = 2.0  # seconds until a worker that left looks whether the answer has come
MAX_CONCURRENT_CALLS = (
    4  # calls of one identity at a time; further ones would only wait for a thread of their tenant's share
)
MAX_LOOKS = 10  # for what goes with a call, of a few milliseconds each: whoever waits for it must not wait for long
MAX_IDLE_QUEUES = 1024  # identities that are remembered, with their habits, before those without a call are forgotten
MAX_READ_BYTES = 16 << 20  # of all entries of one object: a Secret holds one MiB, and properties may leave much out
FULL_RETRY_SECONDS = 1.0  # seconds until it is looked whether a tenant's values have left memory


class SharedReader:
    """Reads from providers; identities never share a value.

    Args:
        patience: seconds a caller waits for his answers.
        workers: that one namespace has; once as many wait for an identity nobody else can come, and nothing is gathered
            any longer.
        expected: what will be asked soon.
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
        self._expected = expected
        self._threads = threads
        self._clock = clock
        self._metrics = metrics
        self._lines: dict[tuple[str, ...], IdentityQueue] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._holdings = ValueBudget()

    async def read(self, wanted: Iterable[tuple[ProviderSession, Question]], fresh: MaxAge) -> Mapping[Asked, Answer]:
        """Return an answer, which has come, for every (identity, want): all are asked for at the same time.

        An error stands in its answer. It is never shared beyond those who wait for it, except that of no answer at
        all, for PAUSE.

        Raises:
            Pending: they take longer than a worker should wait.
            NeedsRemote: they are too large together.

        """
        found, breath = dict[Asked, Answer](), CooperativeYield()
        for opened, want in wanted:
            found[opened.identity, want] = self._answer(opened, want, fresh)
            await breath.take()
        done = await self._came({each.coming for each in found.values()}, {name for name, _ in found})
        for each in found.values():
            (each.left.discard if done else each.left.add)(fresh.asker)
        if sum(each.size for each in found.values()) > MAX_READ_BYTES:
            text = f"the entries read more than {MAX_READ_BYTES} bytes together: let them read fewer or smaller ones"
            raise NeedsRemote(FAILED, text)
        if not done:
            raise Pending(FAILED, "the provider has not answered yet", delay=LOOK_AGAIN_SECONDS)
        return found

    async def still(
        self, wanted: Iterable[tuple[ProviderSession, Question]], marked: str, interval: float
    ) -> float | None:
        """Tell by lists of versions whether what was read is what would be read.

        Args:
            marked: `mark` of what was read.
            interval: seconds after which it will be asked again.

        Returns:
            The seconds since the moment for which that is proven; None where it is not, and has to be read.

        """
        if interval < MIN_INTERVAL_SECONDS or not marked:
            return None
        now, oldest, found = self._clock.monotonic(), float("inf"), dict[Asked, str]()
        for opened, want in wanted:
            line = self._line(opened)
            sweep = await self._swept(line, interval) if has_listed_version(opened.client, want) else None
            if sweep is None or not isinstance(want, SecretRequest):
                return None
            line.habits[want] = MaxAge(None, now, interval)
            found[opened.identity, want] = sweep.stamps.get(want, "")
            oldest = min(oldest, sweep.started)
        if versions_fingerprint(found) != marked:
            return None
        self._metrics.saved.inc(len(found))
        return self._clock.monotonic() - oldest + LIST_LAG_SECONDS

    def mark(self, answers: Mapping[Asked, Answer]) -> str:
        """Return one word for the versions of some answers, empty where one has none."""
        return versions_fingerprint({asked: version_of(each.coming.result()) for asked, each in answers.items()})

    async def _swept(self, line: IdentityQueue, interval: float) -> VersionList | None:
        now, sweeps = self._clock.monotonic(), line.sweeps
        found = sweeps.serves(interval, now)
        if found is not None or now < sweeps.not_before or line.silence.text:
            return found
        if sweeps.running is None:
            sweeps.running, sweeps.began = self._spawn(self._sweep(line)), now
        if (
            now - sweeps.began <= SLOW_AFTER_SECONDS
        ):  # who comes later reads: workers that wait for one identity help no other
            await asyncio.wait([sweeps.running], timeout=min(self.patience, SLOW_AFTER_SECONDS))
        return sweeps.serves(interval, self._clock.monotonic())

    async def _sweep(self, line: IdentityQueue) -> None:
        client, started, stamps = line.opened.client, self._clock.monotonic(), None
        wants = [
            want
            for want, habit in line.habits.items()
            if habit.interval >= MIN_INTERVAL_SECONDS and has_listed_version(client, want)
        ]
        line.sweeps.not_before = started + REFUSED_SECONDS  # until it turns out to be worth it
        try:
            if isinstance(client, ListsVersions) and lists_worth_reading(client, len(wants)):
                most = lists_worth_reading(client, len(wants))
                stamps = await self._threads.run(line.opened.tenant, lambda: client.stamps(wants, most))
        except ProviderUnavailable:
            line.sweeps.not_before = started + LIST_LAG_SECONDS
        except ProviderError:
            pass  # it may not list: reading is as good
        except Exception as fault:  # asyncio would log it with a traceback, which quotes what it finds
            log.error("provider failed unexpectedly", tenant=line.opened.tenant, error=describe(fault))
        finally:
            line.sweeps.running = None
        if stamps is not None:
            line.sweeps.latest, line.sweeps.not_before = VersionList(started, stamps), started

    def age(self, answers: Iterable[Answer]) -> float:
        """Return the seconds since the oldest of some answers was asked for."""
        now = self._clock.monotonic()
        return max((now - each.started for each in answers if each.started is not None), default=0.0)

    async def _came(self, coming: "set[asyncio.Future[Given]]", names: set[tuple[str, ...]]) -> bool:
        """Wait for answers, and tell whether all are there; for a slow provider only a few wait on."""
        lines = [self._lines[name] for name in names]
        if not coming or all(each.done() for each in coming):
            return True
        now = self._clock.monotonic()
        if any(
            line.callers >= WAIT_ON and line.running and now - min(line.running) > SLOW_AFTER_SECONDS for line in lines
        ):
            return False
        for line in lines:
            line.callers += 1
        try:
            for line in (each for each in lines if each.callers == self._workers):
                self._call_when_looked(line)
            first = min(self.patience, SLOW_AFTER_SECONDS)
            left = (await asyncio.wait(coming, timeout=first))[1]
            if left and all(line.callers <= WAIT_ON for line in lines):
                left = (await asyncio.wait(coming, timeout=self.patience - first))[1]
            return not left
        finally:
            for line in lines:
                line.callers -= 1

    def _answer(self, opened: ProviderSession, want: Question, fresh: MaxAge) -> Answer:
        line = self._line(opened)
        now = self._clock.monotonic()
        known = line.answers.get(want)
        serves = known is not None and known.serves(fresh, now)
        if isinstance(want, SecretRequest) and fresh.interval > 0 and opened.client.batch > 1:
            started = known.started if known is not None and serves else None
            line.habits[want] = replace(fresh, asker=None, not_before=now if started is None else started)
        if known is not None and serves:
            self._metrics.saved.inc()
            return known
        answer = Answer(want, promised(), left=known.left if known else set())
        if line.silence.text and now < line.silence.until:
            answer.coming.set_exception(ProviderUnavailable(line.silence.text))
            return answer
        if line.silence.text:
            line.silence.until = now + MAX_SHARED_SECONDS  # one call tries; the others wait for what comes of it
        line.answers[want] = answer
        line.waiting.append(answer)
        self._gather(line)
        return answer

    def forget(self, opened: ProviderSession) -> None:
        """Forget what is known of an identity, because its client is closed; who waits for it gets his answer."""
        line = self._lines.get(opened.identity)
        if line is not None and line.opened is opened:
            del self._lines[opened.identity]

    def _line(self, opened: ProviderSession) -> IdentityQueue:
        line = self._lines.get(opened.identity)
        if line is None:
            if len(self._lines) >= MAX_IDLE_QUEUES:
                now = self._clock.monotonic()
                self._lines = {name: each for name, each in self._lines.items() if not each.idle(now)}
            # Calls that were made before are not held against it: of ten thousand it would rest for minutes.
            line = IdentityQueue(opened, TokenBucket(self._clock, counted=opened.meter.calls))
            self._lines[opened.identity] = line
        line.opened = opened
        return line

    def _gather(self, line: IdentityQueue) -> None:
        """Call at once where a call takes one key or is full, otherwise when those who come with it have come."""
        loop = asyncio.get_running_loop()
        line.gathering.came(loop.time())
        self._take_along(line)
        if len(line.waiting) >= line.opened.client.batch:
            self._call_next(line)
        elif not line.gathering.running:
            line.gathering.running = True
            loop.call_later(line.gathering.wait(loop.time()), self._gathered, line)

    def _take_along(self, line: IdentityQueue) -> None:
        """Let a call that is to come answer as well what will be asked soon; go on in a moment where that is much."""
        room, store, now = line.opened.client.batch - len(line.waiting), line.opened.store, self._clock.monotonic()
        # What others ask is nothing that a consumer's own account may see, even while his store is being changed.
        if room <= 0 or store is None or line.opened.consumer or self._expected is None or line.silence.text:
            return

        def needed(want: SecretRequest, since: float) -> bool:
            known = line.answers.get(want)
            return known is None or not known.serves(MaxAge(None, since), now)

        for want in self._expected.take(store, line.opened.client, needed, room):
            line.answers[want] = answer = Answer(want, promised())
            line.waiting.append(answer)
        more = len(line.waiting) < line.opened.client.batch and self._expected.any_of(store)
        if more and not line.looking and line.looks < MAX_LOOKS:
            line.looking, line.looks = True, line.looks + 1
            asyncio.get_running_loop().call_soon(self._look_on, line)

    def _look_on(self, line: IdentityQueue) -> None:
        line.looking = False
        if not line.waiting:
            return  # the call was made meanwhile
        self._take_along(line)
        if len(line.waiting) >= line.opened.client.batch or (line.complete and not line.looking):
            self._call_next(line)

    def _gathered(self, line: IdentityQueue) -> None:
        loop = asyncio.get_running_loop()
        wait = line.gathering.wait(loop.time()) if line.waiting else 0.0
        if wait > 0:
            loop.call_later(wait, self._gathered, line)
            return
        line.gathering.running = False
        self._call_when_looked(line)

    def _call_when_looked(self, line: IdentityQueue) -> None:
        """Call as soon as it is known what goes with the call."""
        line.complete = True
        if not line.looking:
            self._call_next(line)

    def _call_next(self, line: IdentityQueue) -> None:
        loop = asyncio.get_running_loop()
        while line.waiting and line.calls < MAX_CONCURRENT_CALLS and not line.paced:
            wait = line.allowance.wait(line.opened.meter.calls)
            wait = max(wait, FULL_RETRY_SECONDS if self._holdings.full(line.opened.tenant) else 0.0)
            if wait > 0:
                line.paced = True
                loop.call_later(wait, self._paced, line)
                return
            line.calls += 1
            line.complete, line.looks = False, 0
            line.gathering.called = loop.time()
            batch = next_batch(line)
            self._metrics.saved.inc(len(batch) - 1)
            self._spawn(self._call(line, batch + self._ahead(line, line.opened.client.batch - len(batch))))

    def _paced(self, line: IdentityQueue) -> None:
        line.paced = False
        self._call_next(line)

    def _ahead(self, line: IdentityQueue, room: int) -> list[Answer]:
        """Return what will be wanted soon, as far as there is room for it in a call that is made anyway."""
        now, soon = self._clock.monotonic(), list[tuple[float, SecretRequest]]()
        for want, habit in list(line.habits.items()) if room else ():
            if now > habit.not_before + 2 * habit.interval + MAX_SHARED_SECONDS:
                del line.habits[want]  # nobody has wanted it for long
            elif now >= worth_reading_from(habit) and not at_hand(line.answers.get(want), habit, now):
                soon.append((habit.not_before + habit.interval, want))
        # Those that are due first: the others would find together in the next call.
        found = [Answer(want, promised()) for _, want in sorted(soon, key=lambda each: each[0])[:room]]
        line.answers |= {each.want: each for each in found}
        return found

    def _spawn(self, call: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(call)
        self._calls.add(task)  # the loop itself keeps no task from being collected
        task.add_done_callback(self._calls.discard)
        return task

    async def _call(self, line: IdentityQueue, asked: list[Answer]) -> None:
        started = self._clock.monotonic()
        for each in asked:
            each.started = started
        line.running.append(started)
        opened, wants = line.opened, [each.want for each in asked]
        results: Mapping[Any, Given | ProviderError] = {}
        prints: Mapping[Any, bytes] = {}
        error: ProviderError = ProviderUnavailable("no answer")
        try:
            results, prints = await self._threads.run(
                opened.tenant, lambda: _ask(opened.client, wants), slow=bool(line.silence.text)
            )
        except ProviderError as raised:
            error = raised
        except Exception as fault:  # a provider's own fault concerns its store; without this nobody would hear of it
            log.error("provider failed unexpectedly", tenant=opened.tenant, error=describe(fault))
        line.calls -= 1
        line.running.remove(started)
        given = [results.get(each.want, error) for each in asked]
        self._note(line, given)
        for each, result in zip(asked, given, strict=True):
            each.fingerprint = prints.get(each.want, b"")
            self._settle(line, each, result)
        if not line.gathering.running:
            self._call_next(line)

    def _note(self, line: IdentityQueue, given: Iterable[Given | ProviderError]) -> None:
        """Keep in mind whether the provider answers; those still in line share the news that it does not."""
        silent = next((each for each in given if isinstance(each, ProviderUnavailable)), None)
        if silent is None:
            line.silence.ended()
            return
        line.silence.began(str(silent), self._clock.monotonic())
        while line.waiting:
            self._settle(line, line.waiting.popleft(), ProviderUnavailable(line.silence.text))

    def _settle(self, line: IdentityQueue, answer: Answer, result: Given | ProviderError) -> None:
        size, tenant = _size(result), line.opened.tenant
        if size and not self._holdings.takes(tenant, size):
            result = ProviderUnavailable("too much was read for the same namespace or cluster store at once")
        if isinstance(result, ProviderError):
            answer.coming.set_exception(result)
            self._forget(line, answer)
            if isinstance(answer.want, SecretRequest):
                line.habits.pop(answer.want, None)
        else:
            answer.size = size
            answer.coming.set_result(result)
            self._holdings.keep(tenant, size, partial(self._forget, line, answer))

    def _forget(self, line: IdentityQueue, answer: Answer) -> None:
        if line.answers.get(answer.want) is answer:
            del line.answers[answer.want]


def fingerprint(answers: Iterable[Answer]) -> bytes:
    """Return one fingerprint for several answers, empty where one of them is an error."""
    return combined([each.fingerprint for each in answers])


def _size(given: Given | ProviderError) -> int:
    if isinstance(given, Mapping):
        return sum(len(name) + len(value) for name, value in given.items())
    return len(given) if isinstance(given, SecretValue) else 0


def _ask(client: Client, wanted: Sequence[Question]) -> tuple[Mapping[Any, Given | ProviderError], Mapping[Any, bytes]]:
    """Return what the provider gives, and the fingerprints of it, which take a moment for large values."""
    found: Mapping[Any, Given | ProviderError]
    if isinstance(wanted[0], SearchRequest):
        found = {wanted[0]: client.find(wanted[0])}
    else:
        found = client.read([each for each in wanted if isinstance(each, SecretRequest)])
    return found, {want: fingerprint_of(given) for want, given in found.items()}
