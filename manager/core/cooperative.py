"""Long work on the event loop in short pieces: whoever else has something to do gets a turn in between."""

import asyncio
import time

SLICE_SECONDS = 0.005


class CooperativeYield:
    """Gives way when a piece has lasted long enough."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def take(self) -> None:
        """Let others go on, if it is time; costs next to nothing otherwise."""
        if time.perf_counter() - self._since >= SLICE_SECONDS:
            await asyncio.sleep(0)
            self._since = time.perf_counter()
