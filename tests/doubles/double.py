"""What every double is: a server in a thread that counts what it lets in and shows faults."""

from collections import Counter
from typing import Self

from aiohttp import web

from tests.cluster.certificates import Pair
from tests.cluster.serving import Served
from tests.doubles.faults import Faults


class Double:
    """A vendor's server; use it as a context manager.

    Args:
        tls: the certificate that it shows; None for plain HTTP.
    """

    url: str

    def __init__(self, tls: Pair | None = None) -> None:
        self._tls = tls
        self.calls: Counter[str] = Counter()
        """Requests that were let in, by what they ask."""
        self.faults = Faults()

    def __enter__(self) -> Self:
        self._served = Served(self._handle, tls=self._tls)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for which no fault is due."""
        raise web.HTTPNotImplemented

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        return fault if fault is not None else await self.answer(request)
