"""Blocking SDK calls in a bounded number of threads, so that one provider that hangs does not hold up the others.

There are two lanes. A call starts in the fast lane; after SLOW_AFTER_SECONDS it moves to the slow lane, if that has
room. A tenant whose last call was slow starts there: however many providers hang, and however many stores call them,
the fast lane is for those that answer.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from external.providers.protocol import ProviderUnavailable
from external.providers.support.deadlines import limited
from manager.core.fair_share import FairSemaphore

Result = TypeVar("Result")
MAX_THREADS_PER_TENANT = 4  # several tenants whose providers hang at the same moment must not hold all threads
SLOW_THREADS = 32  # of the slow lane, beside the others: they wait for a network, and take no processor
SLOW_AFTER_SECONDS = 1.0
MAX_SLOW_TENANTS = 1024  # that are remembered as slow


class ThreadPool:
    """A pool of which each tenant holds MAX_THREADS_PER_TENANT at most, or half of a small one.

    Args:
        number: calls at a time over all tenants, without the slow lane.
        timeout: seconds until a call is given up, including the wait for a thread. The thread and the tenant's share
            come back when the call ends, whose connections are shut by then.
    """

    def __init__(self, number: int, timeout: float) -> None:
        self._executor = ThreadPoolExecutor(number + SLOW_THREADS, thread_name_prefix="provider")
        self._fast = FairSemaphore(number, max(1, min(MAX_THREADS_PER_TENANT, number // 2)))
        self._slow = FairSemaphore(SLOW_THREADS, MAX_THREADS_PER_TENANT)
        self._slow_tenants: OrderedDict[str, None] = OrderedDict()
        self._timeout = timeout

    async def run(self, tenant: Hashable, function: Callable[[], Result], *, slow: bool = False) -> Result:
        """Return what the function returns. Raises ProviderUnavailable at the deadline.

        Args:
            tenant: whose share it takes.
            function: called in a thread.
            slow: whether the provider is known not to answer: then the call starts in the slow lane.

        """
        name = str(tenant)
        lane = self._slow if slow or name in self._slow_tenants else self._fast
        try:
            async with asyncio.timeout(self._timeout):
                await lane.take(name)
                # Shielded: giving up must not free the share while the thread still runs.
                return await asyncio.shield(self._begin(name, lane, function))
        except TimeoutError:
            raise ProviderUnavailable(f"no answer within {self._timeout:g} s") from None

    def close(self) -> None:
        """Take no more calls; those that run are left to end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _begin(self, tenant: str, lane: FairSemaphore, function: Callable[[], Result]) -> "asyncio.Future[Result]":
        loop, held = asyncio.get_running_loop(), [lane]
        try:
            call = loop.run_in_executor(self._executor, limited(self._timeout, function))
        except BaseException:
            lane.release(tenant)
            raise
        late = loop.call_later(SLOW_AFTER_SECONDS, self._late, tenant, held)

        def ended(call: "asyncio.Future[Any]") -> None:
            if not late.cancelled() and loop.time() < late.when():
                self._slow_tenants.pop(tenant, None)
            late.cancel()
            held[0].release(tenant)
            if not call.cancelled():
                call.exception()  # retrieved, or asyncio logs the traceback of an error that no caller awaits

        call.add_done_callback(ended)
        return call

    def _late(self, tenant: str, held: list[FairSemaphore]) -> None:
        """Move a call to the slow lane if it has room."""
        self._slow_tenants[tenant] = None
        self._slow_tenants.move_to_end(tenant)
        while len(self._slow_tenants) > MAX_SLOW_TENANTS:
            self._slow_tenants.popitem(last=False)
        if held[0] is self._fast and self._slow.take_now(tenant):
            held[0] = self._slow
            self._fast.release(tenant)
