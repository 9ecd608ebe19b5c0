"""Serve /metrics: by HTTPS and to callers with the right to it, where the settings say so."""

import asyncio
import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path

import structlog
from aiohttp import web

from manager.access.explanations import file_fault
from manager.core.clock import Clock
from manager.core.errors import SettingsError
from manager.kube.token_check import UNAVAILABLE, TokenCheck, bearer

PATH = "/metrics"
ADMITTED_SECONDS = 60.0  # a token may go on scraping after its right has gone; without it a scrape takes two requests
MAX_ADMITTED = 64  # tokens that are remembered
MAX_CHECKS = 4  # at a time: anyone may send tokens, and the API server has other work
RELOAD_SECONDS = 30.0  # between two looks at the certificate: the kubelet itself takes a minute to renew the file

log = structlog.get_logger(__name__)


class Scrapers:
    """Admits callers whose token may `get` /metrics, and remembers them for a minute.

    A flood of unknown tokens is refused at once and keeps no scraper that is known from its metrics, not even when its
    minute is over: a token that was admitted before is checked beside the unknown ones.
    """

    def __init__(self, check: TokenCheck, clock: Clock) -> None:
        self._check = check
        self._clock = clock
        self._until: dict[bytes, float] = {}
        """Hashes of tokens that were admitted, and until when they are admitted without another check."""
        self._checks = 0
        """Checks of unknown tokens under way."""

    async def refusal(self, request: web.Request) -> int:
        """Return the status with which a caller is refused; 0 for one that is admitted."""
        given = request.headers.get("Authorization", "")
        mark = hashlib.sha256(bearer(given).encode("utf-8", "surrogateescape")).digest()
        if self._until.get(mark, 0.0) > self._clock.monotonic():
            return 0
        refused = await (self._check.refusal(given, PATH) if mark in self._until else self._checked_in_turn(given))
        if refused == UNAVAILABLE:
            return refused  # it says nothing about the token
        self._until.pop(mark, None)
        if not refused:
            while len(self._until) >= MAX_ADMITTED:
                del self._until[next(iter(self._until))]
            self._until[mark] = self._clock.monotonic() + ADMITTED_SECONDS
        return refused

    async def _checked_in_turn(self, given: str) -> int:
        if self._checks >= MAX_CHECKS:
            return UNAVAILABLE
        self._checks += 1
        try:
            return await self._check.refusal(given, PATH)
        finally:
            self._checks -= 1


def route(render: Callable[[], bytes], scrapers: Scrapers | None) -> web.RouteDef:
    """Return the endpoint; without `scrapers` everyone who reaches it is answered."""

    async def metrics(request: web.Request) -> web.Response:
        refused = await scrapers.refusal(request) if scrapers is not None else 0
        if refused:
            return web.Response(status=refused)
        return web.Response(body=render(), content_type="text/plain", charset="utf-8")

    return web.get(PATH, metrics)


class Certificate:
    """A certificate in two files, for a server; `keep_current` takes a renewed one in. Raises SettingsError."""

    def __init__(self, certificate: str, key: str) -> None:
        self._files = (Path(certificate), Path(key))
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._content = self._read()
            self.context.load_cert_chain(*self._files)
        except ssl.SSLError:
            text = "it is no pair in PEM with process.metrics_key_file"
            raise SettingsError(f"process.metrics_cert_file: cannot be used: {text}") from None
        except (OSError, ValueError) as error:
            text = getattr(error, "filename", None) or certificate
            raise SettingsError(f"process.metrics_cert_file: cannot be used: {text}: {file_fault(error)}") from None

    async def keep_current(self) -> None:
        """Load the files again whenever their content has changed; new connections get the new certificate."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Load the files if they have changed. Files that do not fit together yet are tried again later."""
        try:
            found = self._read()
            if found != self._content:
                ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                    *self._files
                )  # half of a pair fails here
                self.context.load_cert_chain(*self._files)
                self._content = found
                log.info("metrics certificate reloaded")
        except (OSError, ValueError) as error:
            log.warning("metrics certificate not reloaded", error=type(error).__name__)

    def _read(self) -> tuple[bytes, ...]:
        return tuple(hashlib.sha256(file.read_bytes()).digest() for file in self._files)


def certificate(cert_file: str, key_file: str) -> Certificate | None:
    """Return the certificate of the metrics; None where they are served in the clear."""
    return Certificate(cert_file, key_file) if cert_file else None
