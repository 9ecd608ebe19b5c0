"""Worker threads and instances, so that the event loop never waits and tenants never meet.

An instance serves one namespace only. Another tenant gets a new instance (4 ms), so nothing of one stays in the memory
of another. A namespace renders one template at a time. A render that takes long continues in a place for slow ones.
Namespaces whose last render was slow take turns.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

from manager.core.errors import TemplateLimit
from manager.gotemplate.instance import Instance, Machine
from manager.gotemplate.model import Limits
from manager.gotemplate.preparation import Preparation
from manager.gotemplate.render_time import charge

Answer = TypeVar("Answer", bytes, bytes | None)
_Ran = tuple[Answer, float]
"""The answer, and the seconds for which an instance worked."""

SLOW_REMEMBERED = 256
SLOW_AFTER_SECONDS = 0.1
REMEMBERED_AFTER_SECONDS = 0.5  # of a render after which its namespace counts as slow
KEPT_BYTES = 24 << 20  # an instance with 64 compiled templates has 20 MiB, and memory never shrinks


class Pool:
    """Runs requests in instances. Made on the event loop; the first request loads the sandbox."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.workers + limits.slow_workers, "gotemplate")
        self._guard = threading.Lock()
        self._preparation = Preparation(limits, self._threads)
        self._idle: OrderedDict[str, Instance] = OrderedDict()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._slow: OrderedDict[str, None] = OrderedDict()
        self._slow_turn = asyncio.Lock()
        self._large_turn = asyncio.Lock()
        """Held by the one render that may use all memory of an instance; those that wait for it hold nothing else."""
        self._places = asyncio.Semaphore(limits.workers)
        self._slow_places = _Places(limits.slow_workers)

    def prepare(self) -> None:
        """Start compiling the sandbox if necessary, because a template will follow."""
        self._preparation.begin()

    async def run(self, namespace: str, request: bytes) -> bytes:
        """Answer a request in an instance of this namespace.

        Raises:
            TemplateLimit: a limit ended it.
            TemplateDelayed: the sandbox is still being compiled.
            SandboxUnavailable: there is no sandbox.
        """
        machine = await self._preparation.machine()
        answer = await self._run(namespace, partial(self._work, machine, namespace, request))
        if answer is None:
            answer = await self._run(namespace, partial(self._work_alone, machine, request), self._large_turn)
        return answer

    async def _run(self, namespace: str, work: Callable[[], _Ran[Answer]], *turns: asyncio.Lock) -> Answer:
        turn = self._turns.get(namespace)
        if turn is None:
            self._turns[namespace] = turn = asyncio.Lock()
        held: list[_Held] = []
        try:
            for each in (turn, *turns):
                await _take(each, held)
            if namespace in self._slow:
                await _take(self._slow_turn, held)
            await _take(self._places, held)
            running = self._threads.submit(work)
        except BaseException:
            _release(held)
            raise
        loop = asyncio.get_running_loop()
        late = loop.call_later(SLOW_AFTER_SECONDS, self._make_way, held)

        def ended() -> None:
            late.cancel()
            _release(held)

        # Cancelling the caller does not stop the work, so the places are released when the work ends.
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(ended))
        try:
            return await self._followed(namespace, running)
        finally:
            del running  # it holds the error whose traceback holds this frame

    def _make_way(self, held: "list[_Held]") -> None:
        """Move the render to a place for slow ones, if one is free, and release its own."""
        if self._slow_places.taken():
            held[-1] = self._slow_places
            self._places.release()

    async def _followed(self, namespace: str, work: Future[_Ran[Answer]]) -> Answer:
        try:
            answer, seconds = await asyncio.wrap_future(work)
        except TemplateLimit as error:
            if error.limit == "deadline":
                charge(self._limits.deadline_seconds)
                self._remember(namespace)
            raise
        finally:
            del work
        charge(seconds)
        if seconds >= REMEMBERED_AFTER_SECONDS:
            self._remember(namespace)
        else:
            self._slow.pop(namespace, None)
        return answer

    def _remember(self, namespace: str) -> None:
        """Count a namespace as slow: slow ones take turns, or four of them would hold all places."""
        self._slow[namespace] = None
        self._slow.move_to_end(namespace)
        while len(self._slow) > SLOW_REMEMBERED:
            self._slow.popitem(last=False)

    def drop(self, namespace: str) -> None:
        """Forget a namespace that is gone, with the instance kept for it."""
        with self._guard:
            instance = self._idle.pop(namespace, None)
        if instance:
            instance.close()

    async def close(self) -> None:
        """Wait for running renders, then free everything."""
        await asyncio.to_thread(self._threads.shutdown)
        for instance in self._idle.values():
            instance.close()
        self._idle.clear()
        await self._preparation.close()

    @property
    def idle(self) -> tuple[str, ...]:
        """The namespaces for which an instance is kept, in the order of eviction."""
        with self._guard:
            return tuple(self._idle)

    def _work(self, machine: Machine, namespace: str, request: bytes) -> _Ran[bytes | None]:
        """Answer within the memory that concurrent renders may use; return None if that is too little."""
        started = time.thread_time()  # processor time of other threads does not count against the template
        usual = min(self._limits.usual_bytes, self._limits.memory_bytes)
        instance = self._kept(namespace) or Instance(machine, usual)
        try:
            answer = self._called(instance, request)
        except BaseException as error:
            instance.close()
            # Go's heap fragments and does not shrink; whether a render fits must not depend on earlier renders.
            if not isinstance(error, TemplateLimit) or error.limit != "memory":
                raise
            return None, time.thread_time() - started
        self._keep(namespace, instance)
        return answer, time.thread_time() - started

    def _work_alone(self, machine: Machine, request: bytes) -> _Ran[bytes]:
        """Answer within all the memory that a render may use."""
        started = time.thread_time()
        instance = Instance(machine)
        try:
            answer = self._called(instance, request)
        finally:
            instance.close()  # otherwise it could grow while other renders run
        return answer, time.thread_time() - started

    def _called(self, instance: Instance, request: bytes) -> bytes:
        return instance.call(request, time.monotonic() + self._limits.deadline_seconds)

    def _kept(self, namespace: str) -> Instance | None:
        """Take the namespace's instance, or evict another so that there is room for a new one."""
        with self._guard:
            instance = self._idle.pop(namespace, None)
            leaving = [] if instance else self._oldest(self._limits.idle_instances - 1)
        _close(leaving)
        return instance

    def _keep(self, namespace: str, instance: Instance) -> None:
        if instance.size > KEPT_BYTES:
            instance.close()
            return
        with self._guard:
            self._idle[namespace] = instance
            leaving = self._oldest(self._limits.idle_instances)
        _close(leaving)

    def _oldest(self, room: int) -> list[Instance]:
        return [self._idle.popitem(last=False)[1] for _ in range(len(self._idle) - room)]


class _Places:
    """A counter of places that are taken without waiting."""

    def __init__(self, number: int) -> None:
        self._number = number

    def taken(self) -> bool:
        """Take a place; return False if none is free."""
        if not self._number:
            return False
        self._number -= 1
        return True

    def release(self) -> None:
        """Release a place."""
        self._number += 1


_Held = asyncio.Lock | asyncio.Semaphore | _Places


def _close(instances: list[Instance]) -> None:
    for instance in instances:
        instance.close()


async def _take(place: asyncio.Lock | asyncio.Semaphore, held: "list[_Held]") -> None:
    await place.acquire()
    held.append(place)


def _release(held: "list[_Held]") -> None:
    for each in held:
        each.release()
