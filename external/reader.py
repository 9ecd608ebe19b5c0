"""One provider call for everybody who wants the same value now; a provider that does not answer is left in peace."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass

from external.clients import FAILED, Opened, Pending
from external.metrics import ExternalMetrics
from external.providers.protocol import ProviderUnavailable
from external.threads import Threads
from manager.clock import Clock
from manager.plain import Plain

LONGEST_SHARED = 30.0  # seconds a value is kept for others that are due together; then it leaves memory
PATIENCE = 5.0  # seconds a worker waits: longer than a slow answer, and workers that wait for one store help no other
ASK_AGAIN = 2.0  # seconds until a worker that left looks whether the answer has come
PAUSE = 2.0  # seconds in which a provider that did not answer is not asked; its store's gate waits longer and longer


@dataclass(frozen=True, slots=True)
class Fresh:
    """How new a value must be, and for whom."""

    asker: Hashable
    """Who wants it in which version of his wish: an answer that came while he was away is still his."""
    not_before: float
    """A read that started before this monotonic second is too old: the user asked afterwards."""
    max_age: float
    """Seconds; derived from the refresh interval."""


@dataclass(frozen=True, slots=True)
class Want:
    """What to read."""

    key: str
    version: str
    metadata: bool


@dataclass(slots=True)
class _Entry:
    started: float
    answer: asyncio.Task[Plain]
    left: set[Hashable]
    """Askers that have not waited for the answer; without them a slow provider would be asked for ever."""

    def serves(self, fresh: Fresh, now: float) -> bool:
        new_enough = self.started >= fresh.not_before and now - self.started <= fresh.max_age
        return new_enough or fresh.asker in self.left


@dataclass(slots=True)
class _Down:
    """A provider that did not answer the last time."""

    until: float
    text: str


class SharedReader:
    """Reads from providers; identities never share a value.

    Args:
        patience: seconds a caller waits for an answer.
    """

    def __init__(self, threads: Threads, clock: Clock, metrics: ExternalMetrics, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._threads = threads
        self._clock = clock
        self._metrics = metrics
        self._entries: dict[Hashable, _Entry] = {}
        self._down: dict[Hashable, _Down] = {}

    async def read(self, opened: Opened, want: Want, fresh: Fresh) -> Plain:
        """Return the secret.

        Raises:
            ProviderError: an error is never shared beyond those who wait for it, except that of no answer, for PAUSE.
            Pending: the answer takes longer than a worker should wait.

        """
        name = (opened.identity, want)
        now = self._clock.monotonic()
        entry = self._entries.get(name)
        if entry is not None and entry.serves(fresh, now):
            self._metrics.shared_reads.inc()
        else:
            self._require_answering(opened.identity, now)
            entry = self._start(name, opened, want, entry.left if entry else set())
        await asyncio.wait({entry.answer}, timeout=self._patience)
        if not entry.answer.done():
            entry.left.add(fresh.asker)
            raise Pending(FAILED, "the provider has not answered yet", delay=ASK_AGAIN)
        entry.left.discard(fresh.asker)
        return entry.answer.result()

    def _start(self, name: Hashable, opened: Opened, want: Want, left: set[Hashable]) -> _Entry:
        entry = _Entry(self._clock.monotonic(), asyncio.create_task(self._call(opened, want)), left)
        self._entries[name] = entry
        entry.answer.add_done_callback(lambda _: self._forget_later(name, entry))
        return entry

    def _require_answering(self, identity: Hashable, now: float) -> None:
        down = self._down.get(identity)
        if down is None:
            return
        if now < down.until:
            raise ProviderUnavailable(down.text)
        down.until = now + LONGEST_SHARED  # one call tries; the others wait for what comes of it

    async def _call(self, opened: Opened, want: Want) -> Plain:
        try:
            value = await self._threads.run(
                opened.tenant, lambda: opened.client.read(want.key, want.version, metadata=want.metadata)
            )
        except ProviderUnavailable as error:
            now = self._clock.monotonic()
            self._down = {name: down for name, down in self._down.items() if down.until > now - LONGEST_SHARED}
            self._down[opened.identity] = _Down(now + PAUSE, str(error))
            raise
        except BaseException:
            self._down.pop(opened.identity, None)
            raise
        self._down.pop(opened.identity, None)
        return value

    def _forget_later(self, name: Hashable, entry: _Entry) -> None:
        if entry.answer.cancelled() or entry.answer.exception() is not None:
            self._forget(name, entry)
        else:
            asyncio.get_running_loop().call_later(LONGEST_SHARED, self._forget, name, entry)

    def _forget(self, name: Hashable, entry: _Entry) -> None:
        if self._entries.get(name) is entry:
            del self._entries[name]
