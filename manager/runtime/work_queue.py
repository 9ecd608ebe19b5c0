"""A queue of keys: each once, never worked on twice at a time, delayed, backed off, or held at a gate.

Namespaces take turns: a tenant with thousands of objects delays his own.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import count

from manager.core.clock import Clock, Jitter
from manager.core.fair_share import FairQueue
from manager.kube.resources import Key

FIRST_BACKOFF_SECONDS = 0.2  # seconds; a conflict or a blip is over by then
LONGEST_BACKOFF_SECONDS = 60.0  # seconds; DESIGN.md 4a, 8: grows to 60 s and never gives up
LONGEST_GATE_SECONDS = 10.0  # seconds between two probes of a dependency: bounds how late recovery is noticed
RELEASED_AT_ONCE = 50  # keys a reopened gate lets through before it paces the rest, one such batch every 0.5 s
PACE = 0.5
URGENT_IN_A_ROW = (
    7  # then one routine key: a tenant who changes objects without end must not stop refreshes and retries
)
RESERVED_WORKERS = 4
SLACK = 64  # superseded appointments that are tolerated before the heap is cleaned


@dataclass
class _Gate:
    """Keys that wait for one dependency; a single one of them is let through as the probe."""

    waiting: dict[Key, None] = field(default_factory=dict)
    attempts: int = 0
    probe: Key | None = None
    """Who asks the dependency; while it is worked on it is not among those that wait."""
    quiet_until: float = 0.0
    """Until when (monotonic seconds) the dependency asked to be left alone."""


class WorkQueue:
    """What a controller has to do, one entry a key (client-go's work queue, with priorities and gates).

    Not thread-safe: it belongs to the event loop.

    Args:
        clock: only its monotonic seconds are used.
        jitter: spreads back-off, so that failed keys do not return in step.
        workers: how many take keys; a namespace gets no more of them at a time than it leaves free, so that whoever
            comes next finds one. 0: any number, for keys that are quickly done. A few more are for namespaces that
            have none: of those that work long, each has at least one.
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
        self._again: dict[Key, bool] = {}  # came while active -> urgent
        self._delayed: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._gates: dict[Hashable, _Gate] = {}
        self._waits_at: dict[Key, set[Hashable]] = {}
        self._came_from: dict[Key, set[Hashable]] = {}  # active key -> gates that it waited at when it was taken
        self._row = 0  # urgent keys taken since the last routine one
        self._order = count()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queued) + len(self._active)

    @property
    def waiting(self) -> int:
        """Keys that are delayed or held at a gate."""
        return len(self._due) + sum(len(gate.waiting) for gate in self._gates.values())

    @property
    def reserved(self) -> int:
        """Workers beside the others, for namespaces of which no key is worked on."""
        return RESERVED_WORKERS if self._workers else 0

    def add(self, key: Key, *, urgent: bool = True) -> None:
        """Ask for a key to be worked on: at once when somebody changed something, behind those when routine.

        One that waits for a dependency which asked to be left alone comes when that is over, and sees the change then.
        """
        wait = self._quiet_for(key)
        if wait > 0:
            self.add_after(key, wait)
        else:
            self._line_up(key, urgent=urgent)

    def add_all(self, keys: Iterable[Key], *, urgent: bool = True) -> None:
        """Add every one of several keys."""
        for key in keys:
            self.add(key, urgent=urgent)

    def add_after(self, key: Key, delay: float) -> None:
        """Ask for a key after `delay` seconds; an earlier appointment stands."""
        due = self._clock.monotonic() + max(0.0, delay)
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._delayed, (due, next(self._order), key))
        if len(self._delayed) > 2 * len(self._due) + SLACK:
            self._delayed = [each for each in self._delayed if self._due.get(each[2]) == each[0]]
            heapq.heapify(self._delayed)
        self._wake.set()

    def retry(self, key: Key) -> float:
        """Bring a key back with growing delay; returns the seconds. There is no last attempt."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = self._jitter.spread(min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(failures, 16)), 0.2)
        self.add_after(key, delay)
        return delay

    def settle(self, key: Key) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def hold(self, key: Key, gate: Hashable, *, after: float = 0.0) -> None:
        """Park a key until its dependency works again; one parked key returns from time to time as the probe.

        Args:
            after: seconds that the dependency asked to be left alone.

        """
        state = self._gates.setdefault(gate, _Gate())
        state.waiting[key] = None
        self._waits_at.setdefault(key, set()).add(gate)
        state.quiet_until = max(state.quiet_until, self._clock.monotonic() + after)
        if state.probe in (None, key):
            self._send_probe(state, key)

    def release(self, gate: Hashable) -> None:
        """Let the keys of a gate through, paced: their dependency has just answered.

        Not while it wants to be left alone: what answered may have been asked earlier, or have asked little. The probe
        comes when that is over.
        """
        state = self._gates.get(gate)
        if state is None or state.quiet_until > self._clock.monotonic():
            return
        del self._gates[gate]
        for position, key in enumerate(state.waiting):
            self._waits_at[key].discard(gate)
            self.add_after(key, (position // RELEASED_AT_ONCE) * PACE)

    async def get(self) -> Key:
        """Wait for the next key; call `done` with it afterwards.

        What was arranged for the key before ends here, appointment and gates: the result of the work arranges anew.
        """
        while True:
            pause = self._promote()
            key = self._pop()
            if key is not None:
                self._take(key)
                return key
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue

    def done(self, key: Key) -> None:
        """Give a key back; if it was added meanwhile it is queued again.

        Was it the probe of a gate and waits there no more, another takes its place: it may be gone, or fail for a
        reason of its own, and nobody would ask the dependency again.
        """
        if key in self._active:
            self._active.discard(key)
            self._active_in[key.namespace] -= 1
            self._active_in += Counter()  # drops what is zero: namespaces come and go
        if self._queued:
            self._wake.set()  # its namespace may have had its share until now
        for gate in self._came_from.pop(key, ()):
            self._replace_probe(gate, key)
        again = self._again.pop(key, None)
        if again is not None:
            self.add(key, urgent=again)

    def _take(self, key: Key) -> None:
        self._active.add(key)
        self._active_in[key.namespace] += 1
        self._due.pop(key, None)
        gates = self._waits_at.pop(key, None)
        if gates:
            self._came_from[key] = gates
            for gate in gates:
                self._gates[gate].waiting.pop(key)

    def _send_probe(self, state: _Gate, key: Key) -> None:
        state.probe = key
        delay = self._jitter.spread(
            min(LONGEST_GATE_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(state.attempts, 10)), 0.2
        )
        state.attempts += 1
        self.add_after(key, max(delay, state.quiet_until - self._clock.monotonic()))

    def _replace_probe(self, gate: Hashable, key: Key) -> None:
        state = self._gates.get(gate)
        if state is None or state.probe != key or key in state.waiting:
            return
        if state.waiting:
            self._send_probe(state, next(iter(state.waiting)))
        else:
            del self._gates[gate]

    def _quiet_for(self, key: Key) -> float:
        until = max((self._gates[gate].quiet_until for gate in self._waits_at.get(key, ())), default=0.0)
        return until - self._clock.monotonic()

    def _line_up(self, key: Key, *, urgent: bool) -> None:
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
        lines = ((self._urgent, True), (self._routine, False))
        for line, urgent in lines if self._row < URGENT_IN_A_ROW else reversed(lines):
            while (key := line.popleft(self._may)) is not None:
                # A key that was raised from routine to urgent stands in both lines; only the recorded one counts.
                if self._queued.get(key) is urgent:
                    del self._queued[key]
                    self._row = self._row + 1 if urgent else 0
                    return key
        return None

    def _may(self, namespace: str) -> bool:
        """Tell whether a namespace may have one more worker."""
        held = self._active_in.get(namespace, 0)
        return not self._workers or not held or held < self._workers - len(self._active)

    def _promote(self) -> float | None:
        """Queue what is due; returns the seconds until the next appointment."""
        now = self._clock.monotonic()
        while self._delayed:
            due, _, key = self._delayed[0]
            if self._due.get(key) != due:
                heapq.heappop(self._delayed)  # superseded by an earlier appointment
            elif due <= now:
                heapq.heappop(self._delayed)
                del self._due[key]
                self._line_up(key, urgent=False)
            else:
                return due - now
        return None
