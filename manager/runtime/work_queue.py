"""A queue of keys: each queued once, worked on by one worker at a time, delayed, backed off, or held at a gate.

Namespaces take turns, so a tenant with thousands of objects delays only its own.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from manager.core.appointments import Appointments
from manager.core.clock import Clock, Jitter
from manager.core.fair_share import FairQueue
from manager.kube.resources import Key

FIRST_BACKOFF_SECONDS = 0.2  # a conflict or a short failure is over by then
MAX_BACKOFF_SECONDS = 60.0  # retries never end, so this bounds how late a recovery is noticed
MAX_PROBE_SECONDS = 10.0  # between two probes of a dependency: bounds how late its recovery is noticed
RELEASE_BATCH_KEYS = 50  # keys that an opened gate releases together
RELEASE_BATCH_SECONDS = 0.5  # between two such batches: a recovered dependency must not get every request at once
MAX_URGENT_KEYS_IN_A_ROW = 7  # then one routine key, so that a tenant's endless changes do not stop refreshes
RESERVED_WORKERS = 4


@dataclass
class _Gate:
    """Keys that wait for one dependency; one of them at a time is released as the probe."""

    waiting: dict[Key, None] = field(default_factory=dict)
    attempts: int = 0
    probe: Key | None = None
    """The key that asks the dependency; while a worker has it, it is not in `waiting`."""
    quiet_until: float = 0.0
    """Monotonic time until which the dependency asked for no requests."""


class _Gates:
    """The gates, and which key waits at which of them.

    Args:
        add_after: queues a probe or a released key after some seconds.
    """

    def __init__(self, clock: Clock, jitter: Jitter, add_after: Callable[[Key, float], None]) -> None:
        self._clock = clock
        self._jitter = jitter
        self._add_after = add_after
        self._gates: dict[Hashable, _Gate] = {}
        self._waits_at: dict[Key, set[Hashable]] = {}
        self._taken_from: dict[Key, set[Hashable]] = {}  # active key: the gates that it waited at when it was taken

    @property
    def waiting(self) -> int:
        """The number of keys held, counted at each gate."""
        return sum(len(gate.waiting) for gate in self._gates.values())

    def hold(self, key: Key, gate: Hashable, after: float) -> None:
        """Hold a key at a gate; send a probe if no other key is one.

        After a probe that failed, the key that has waited longest is the next: one with a reason of its own to fail
        would keep the gate shut for all.
        """
        state = self._gates.setdefault(gate, _Gate())
        state.waiting[key] = None
        self._waits_at.setdefault(key, set()).add(gate)
        state.quiet_until = max(state.quiet_until, self._clock.monotonic() + after)
        if state.probe in (None, key):
            self._send_probe(state, next(iter(state.waiting)))

    def release(self, gate: Hashable) -> None:
        """Release the keys of a gate in batches, unless the dependency asked for no requests."""
        state = self._gates.get(gate)
        if state is None or state.quiet_until > self._clock.monotonic():
            return
        del self._gates[gate]
        for position, key in enumerate(state.waiting):
            self._waits_at[key].discard(gate)
            self._add_after(key, (position // RELEASE_BATCH_KEYS) * RELEASE_BATCH_SECONDS)

    def take(self, key: Key) -> None:
        """Note that a worker has the key: it waits at no gate until the result of the work holds it again."""
        gates = self._waits_at.pop(key, None)
        if gates:
            self._taken_from[key] = gates
            for gate in gates:
                self._gates[gate].waiting.pop(key)

    def give_back(self, key: Key) -> None:
        """Note that the work on a key has ended; choose another probe where the key was one and waits no more."""
        for gate in self._taken_from.pop(key, ()):
            state = self._gates.get(gate)
            if state is None or state.probe != key or key in state.waiting:
                continue
            if state.waiting:
                self._send_probe(state, next(iter(state.waiting)))
            else:
                del self._gates[gate]

    def quiet_for(self, key: Key) -> float:
        """Return for how many seconds a dependency that the key waits for wants no requests; not positive if none."""
        until = max((self._gates[gate].quiet_until for gate in self._waits_at.get(key, ())), default=0.0)
        return until - self._clock.monotonic()

    def _send_probe(self, state: _Gate, key: Key) -> None:
        state.probe = key
        delay = self._jitter.spread(min(MAX_PROBE_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(state.attempts, 10)), 0.2)
        state.attempts += 1
        self._add_after(key, max(delay, state.quiet_until - self._clock.monotonic()))


class WorkQueue:
    """What a controller has to do, one entry a key (client-go's work queue, with priorities and gates).

    Not thread-safe: it belongs to the event loop.

    Args:
        clock: only its monotonic seconds are used.
        jitter: spreads back-off, so that failed keys do not return in step.
        workers: how many take keys. A namespace gets no more of them at a time than it leaves free, so the next
            namespace finds one. 0: any number, for keys that take little time. Some more workers are reserved for
            namespaces that have none: of namespaces with long work, each has at least one.
    """

    def __init__(self, clock: Clock, jitter: Jitter, workers: int = 0) -> None:
        self._workers = workers
        self._active_in: Counter[str] = Counter()
        self._clock = clock
        self._jitter = jitter
        self._urgent: FairQueue[Key] = FairQueue()
        self._routine: FairQueue[Key] = FairQueue()
        self._queued: dict[Key, bool] = {}  # key -> urgent
        self._active: set[Key] = set()
        self._again: dict[Key, bool] = {}  # added while active -> urgent
        self._delayed: Appointments[Key] = Appointments()
        self._failures: dict[Key, int] = {}
        self._gates = _Gates(clock, jitter, self.add_after)
        self._urgent_in_a_row = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queued) + len(self._active)

    @property
    def waiting(self) -> int:
        """The number of keys that are delayed or held at a gate."""
        return len(self._delayed) + self._gates.waiting

    @property
    def reserved(self) -> int:
        """The number of additional workers, for namespaces of which no key is worked on."""
        return RESERVED_WORKERS if self._workers else 0

    def add(self, key: Key, *, urgent: bool = True) -> None:
        """Queue a key: urgent after a change, behind the urgent ones if routine.

        A key that waits for a dependency which asked for no requests comes when that time is over.
        """
        wait = self._gates.quiet_for(key)
        if wait > 0:
            self.add_after(key, wait)
        else:
            self._enqueue(key, urgent=urgent)

    def add_all(self, keys: Iterable[Key], *, urgent: bool = True) -> None:
        """Queue each of several keys."""
        for key in keys:
            self.add(key, urgent=urgent)

    def add_after(self, key: Key, delay: float) -> None:
        """Queue a key after `delay` seconds, or earlier if it is due earlier already."""
        if self._delayed.add(key, self._clock.monotonic() + max(0.0, delay)):
            self._wake.set()

    def retry(self, key: Key) -> float:
        """Queue a failed key after a back-off that grows; return its seconds. There is no last attempt."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = self._jitter.spread(min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(failures, 16)), 0.2)
        self.add_after(key, delay)
        return delay

    def settle(self, key: Key) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def hold(self, key: Key, gate: Hashable, *, after: float = 0.0) -> None:
        """Hold a key until its dependency works again; one of the held keys returns from time to time as the probe.

        Args:
            after: seconds for which the dependency asked for no requests.

        """
        self._gates.hold(key, gate, after)

    def release(self, gate: Hashable) -> None:
        """Release the keys of a gate in batches: their dependency has just answered.

        Does nothing while the dependency wants no requests: the answer may be to an older request, or to a cheap one.
        The probe comes when that time is over.
        """
        self._gates.release(gate)

    async def get(self) -> Key:
        """Wait for the next key; call `done` with it afterwards.

        Ends the key's delay and its waiting at gates: the result of the work decides about them again.
        """
        while True:
            pause = self._promote()
            key = self._pop()
            if key is not None:
                self._active.add(key)
                self._active_in[key.namespace] += 1
                self._delayed.cancel(key)
                self._gates.take(key)
                return key
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue

    def done(self, key: Key) -> None:
        """Give a key back; queue it again if it was added meanwhile.

        If it was the probe of a gate and does not wait there any more, another key becomes the probe: otherwise no key
        would ask the dependency again.
        """
        if key in self._active:
            self._active.discard(key)
            self._active_in[key.namespace] -= 1
            self._active_in += Counter()  # drops the zeros: namespaces come and go
        if self._queued:
            self._wake.set()  # its namespace may have had no free worker until now
        self._gates.give_back(key)
        again = self._again.pop(key, None)
        if again is not None:
            self.add(key, urgent=again)

    def _enqueue(self, key: Key, *, urgent: bool) -> None:
        if key in self._active:
            self._again[key] = urgent or self._again.get(key, False)
            return
        if self._queued.get(key):
            return
        if key in self._queued and not urgent:
            return
        self._queued[key] = urgent
        (self._urgent if urgent else self._routine).append(key.namespace, key)
        self._wake.set()

    def _pop(self) -> Key | None:
        queues = ((self._urgent, True), (self._routine, False))
        for queue, urgent in queues if self._urgent_in_a_row < MAX_URGENT_KEYS_IN_A_ROW else reversed(queues):
            while (key := queue.popleft(self._has_worker_for)) is not None:
                # A key that was raised from routine to urgent is in both queues; only the recorded one counts.
                if self._queued.get(key) is urgent:
                    del self._queued[key]
                    self._urgent_in_a_row = self._urgent_in_a_row + 1 if urgent else 0
                    return key
        return None

    def _has_worker_for(self, namespace: str) -> bool:
        """Return True if a namespace may have one more worker."""
        held = self._active_in.get(namespace, 0)
        return not self._workers or not held or held < self._workers - len(self._active)

    def _promote(self) -> float | None:
        """Queue the keys that are due; return the seconds until the next one is, None if none is delayed."""
        now = self._clock.monotonic()
        while (key := self._delayed.pop(now)) is not None:
            self._enqueue(key, urgent=False)
        due = self._delayed.next_due()
        return None if due is None else due - now
