"""Blocking SDK calls in a bounded number of threads, so that one provider that hangs does not hold up the others."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from external.providers.protocol import ProviderUnavailable

Result = TypeVar("Result")
SHARE = 4  # threads of one tenant: several that hang at the same moment must not hold them all
SILENT = "providers that did not answer"
"""The tenant of calls that only find out whether a provider answers again: all of those share one share."""


class Threads:
    """A pool of which each tenant holds SHARE, or half of a small one (reliability.md D5).

    Args:
        number: calls at a time over all tenants.
        timeout: seconds until an answer is given up. The thread and the tenant's share come back when the SDK gives up
            as well, which it is told to do by then.
    """

    def __init__(self, number: int, timeout: float) -> None:
        self._executor = ThreadPoolExecutor(number, thread_name_prefix="provider")
        self._share = max(1, min(SHARE, number // 2))
        self._timeout = timeout
        self._free: dict[Hashable, asyncio.Semaphore] = {}

    async def run(self, tenant: Hashable, function: Callable[[], Result]) -> Result:
        """Return what the function returns. Raises ProviderUnavailable at the deadline."""
        free = self._free.setdefault(tenant, asyncio.Semaphore(self._share))
        try:
            async with asyncio.timeout(self._timeout):
                await free.acquire()
                call = asyncio.get_running_loop().run_in_executor(self._executor, function)
                call.add_done_callback(lambda done: _back(done, free))
                # Shielded: giving up must not free the share while the thread still runs.
                return await asyncio.shield(call)
        except TimeoutError:
            raise ProviderUnavailable(f"no answer within {self._timeout:g} s") from None

    def close(self) -> None:
        """Take no more calls; those that run are left to end."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _back(call: "asyncio.Future[Any]", free: asyncio.Semaphore) -> None:
    free.release()
    if not call.cancelled():
        call.exception()  # fetched: asyncio would log the traceback of an error that nobody waited for
