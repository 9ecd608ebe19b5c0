"""Workers that take keys from a queue and reconcile them; the only place that decides when a key is requeued."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from manager.core.clock import Clock
from manager.core.errors import (
    ApiError,
    Conflict,
    NeedsHuman,
    NotFound,
    NotLeader,
    ReconcileError,
    Unreachable,
    Unusable,
    WaitFor,
)
from manager.core.fair_share import FairBudget
from manager.kube.resources import Key
from manager.runtime.loop_time import LoopTime
from manager.runtime.work_queue import WorkQueue

API_SERVER = "api server"  # the gate of keys that wait for the API server to answer again
OVERLOADED = frozenset({0, 429, 502, 503, 504})  # statuses that concern the server, not the object
LOOP_SHARE = 0.2  # of the event loop, for the timed refreshes of one namespace
LOOP_BURST_SECONDS = 2.0  # of the event loop that a namespace may use before its refreshes are delayed
STUCK_AFTER_SECONDS = 180.0  # of work on one key; the longest legitimate wait is 60 s of back-off inside an SDK

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Requeue:
    """When to reconcile a key again; the result of every reconcile."""

    after: float | None = None
    """Seconds until then; None: after the next change."""
    backoff: bool = False
    """Requeue with growing delay."""
    gate: Hashable = None
    """Hold the key until this dependency answers."""
    answered: Hashable = None
    """This dependency has just answered: release the keys that wait for it."""


NO_REQUEUE = Requeue()


def requeue_for(error: ReconcileError) -> Requeue:
    """Return when to reconcile again after an error."""
    if isinstance(error, NeedsHuman):
        return NO_REQUEUE
    if isinstance(error, WaitFor):
        return Requeue(after=error.delay)
    return Requeue(backoff=True)


class Observer(Protocol):
    """Receives what a controller has done; metrics implement it."""

    def reconciled(self, controller: str, result: str, seconds: float) -> None:
        """Count one reconciled key; `result` is success, backoff, held, conflict, unreachable or panic."""
        ...


@dataclass
class Controller:
    """One module's queue and the workers behind it."""

    name: str
    queue: WorkQueue
    reconcile: Callable[[Key], Awaitable[Requeue]]
    concurrency: int
    clock: Clock
    observer: Observer
    busy: dict[Key, float] = field(default_factory=dict)
    """Keys being worked on, and since when (monotonic seconds)."""
    stopping: bool = False
    """Set to let the workers finish their keys and take no more."""
    _open: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self._open.set()
        self._work_of = FairBudget(LOOP_SHARE, LOOP_BURST_SECONDS, self.clock, together=1_000)

    def pause(self) -> None:
        """Start no reconcile until `go_on`. Keys stay in the queue; a running reconcile may check `paused`."""
        self._open.clear()

    @property
    def paused(self) -> bool:
        """True while no work may start: a reconcile of many steps stops between two of them."""
        return not self._open.is_set()

    def go_on(self) -> None:
        """End a pause."""
        self._open.set()

    async def run(self) -> None:
        """Work until stopped. Raises NotLeader when this replica may no longer write."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.concurrency + self.queue.reserved):
                group.create_task(self._work(), name=f"{self.name} worker")

    def stuck(self) -> list[Key]:
        """Return the keys that workers have had for too long; liveness fails for them."""
        now = self.clock.monotonic()
        return [key for key, since in self.busy.items() if now - since > STUCK_AFTER_SECONDS]

    async def _work(self) -> None:
        while not self.stopping:
            key = await self.queue.get()
            await self._open.wait()
            if self.stopping:  # stopped while this worker waited; the next leader finds the key
                return
            self.busy[key] = self.clock.monotonic()
            started = time.perf_counter()
            try:
                result = await self._once(key)
            finally:
                del self.busy[key]
                self.queue.done(key)
            self.observer.reconciled(self.name, result, time.perf_counter() - started)

    async def _once(self, key: Key) -> str:
        work = LoopTime(self.reconcile(key))
        try:
            again = await work
        except NotLeader:
            raise  # ends the process: another replica may be leading already
        except Unreachable as error:
            return self._unreachable(key, error)
        except Unusable as error:  # the list has reported it at the object; a change requeues it
            self.queue.release(API_SERVER)
            self.queue.settle(key)
            log.warning("object not taken in", key=str(key), error=str(error))
            return "unusable"
        except ApiError as error:  # mostly Conflict and NotFound: the object changed during the work
            self.queue.release(API_SERVER)  # a refusal is an answer
            self.queue.retry(key)
            if not isinstance(error, Conflict | NotFound):
                log.warning("api server refuses", key=str(key), status=error.status, error=str(error))
            return "conflict"
        except Exception as error:  # otherwise a fault at one object stops all others
            self.queue.retry(key)
            log.error("reconcile failed unexpectedly", key=str(key), controller=self.name, error=describe(error))
            return "panic"
        finally:
            self._work_of.spend(key.namespace, work.seconds)
        self.queue.release(API_SERVER)
        return self._schedule(key, again)

    def _unreachable(self, key: Key, error: Unreachable) -> str:
        log.warning("api server does not answer", key=str(key), status=error.status, error=error.reason)
        # A 500 may concern this object only (a failing webhook): at the gate, each success of another key would release
        # it without a pause.
        if error.status in OVERLOADED:
            self.queue.hold(key, API_SERVER, after=error.after)
        else:
            self.queue.retry(key)
        return "unreachable"

    def _schedule(self, key: Key, again: Requeue) -> str:
        if again.answered is not None:
            self.queue.release(again.answered)
        if again.gate is not None:
            self.queue.hold(key, again.gate)
            return "held"
        if again.backoff:
            self.queue.retry(key)
            return "backoff"
        self.queue.settle(key)
        if again.after is not None:
            # A namespace that uses more than its share of the event loop gets its refreshes later.
            self.queue.add_after(key, max(again.after, self._work_of.wait(key.namespace)))
        return "success"


def describe(error: BaseException) -> str:
    """Return the class and place of an unexpected error, without its text, which may quote a value."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" at {frame.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno}" if frame else ""
    return type(error).__name__ + where
