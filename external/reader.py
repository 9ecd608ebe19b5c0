"""One provider call for everybody who wants the same value now, in a bounded number of threads."""

import asyncio
from collections.abc import Hashable
from concurrent.futures import Executor
from dataclasses import dataclass

from external.metrics import ExternalMetrics
from external.providers.protocol import Client, ProviderUnavailable
from manager.clock import Clock
from manager.plain import Plain

LONGEST_SHARED = 30.0  # seconds a value is kept for others that are due together; then it leaves memory


@dataclass(frozen=True, slots=True)
class Want:
    """What to read, and how fresh it must be."""

    key: str
    version: str
    metadata: bool
    not_before: float
    """A read that started before this monotonic second is too old: the user asked afterwards."""
    max_age: float
    """Seconds; derived from the refresh interval."""


@dataclass(slots=True)
class _Entry:
    started: float
    answer: asyncio.Task[Plain]


class SharedReader:
    """Reads from providers; identities never share a value.

    Args:
        executor: bounds the calls at a time over all providers.
        timeout: seconds until an answer is given up; its thread comes back when the SDK gives up as well.
    """

    def __init__(self, executor: Executor, clock: Clock, metrics: ExternalMetrics, timeout: float) -> None:
        self._executor = executor
        self._clock = clock
        self._metrics = metrics
        self._timeout = timeout
        self._entries: dict[Hashable, _Entry] = {}

    async def read(self, identity: Hashable, client: Client, want: Want) -> Plain:
        """Return the secret. Raises ProviderError; an error is never shared beyond those who wait for it."""
        name = (identity, want.key, want.version, want.metadata)
        entry = self._entries.get(name)
        now = self._clock.monotonic()
        if entry is None or entry.started < want.not_before or now - entry.started > want.max_age:
            entry = _Entry(now, asyncio.create_task(self._call(client, want)))
            self._entries[name] = entry
            entry.answer.add_done_callback(lambda _: self._forget_later(name, entry))
        else:
            self._metrics.shared_reads.inc()
        # Shielded: one caller that is cancelled must not take the answer from the others.
        return await asyncio.shield(entry.answer)

    async def _call(self, client: Client, want: Want) -> Plain:
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._executor, lambda: client.read(want.key, want.version, metadata=want.metadata))
        try:
            async with asyncio.timeout(self._timeout):
                return await call
        except TimeoutError:
            raise ProviderUnavailable(f"no answer within {self._timeout:g} s") from None

    def _forget_later(self, name: Hashable, entry: _Entry) -> None:
        if entry.answer.cancelled() or entry.answer.exception() is not None:
            self._forget(name, entry)
        else:
            asyncio.get_running_loop().call_later(LONGEST_SHARED, self._forget, name, entry)

    def _forget(self, name: Hashable, entry: _Entry) -> None:
        if self._entries.get(name) is entry:
            del self._entries[name]
