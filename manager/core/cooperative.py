"""Interrupt long work on the event loop, so that other tasks run in between."""

import asyncio
import time

SLICE_SECONDS = 0.005


class CooperativeYield:
    """Yields to the event loop when the work has run for SLICE_SECONDS."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def take(self) -> None:
        """Yield if it is time; call it between small steps, as it costs almost nothing."""
        if time.perf_counter() - self._since >= SLICE_SECONDS:
            await asyncio.sleep(0)
            self._since = time.perf_counter()
