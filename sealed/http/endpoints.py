"""The endpoints that kubeseal asks: the certificate, whether a value opens, and a value sealed anew (section 5)."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from manager.core.clock import Clock
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.fair_share import FairBudget, FairSemaphore
from manager.runtime.controller import describe
from sealed.crypto.rotate import rotate
from sealed.crypto.unseal import UnsealFailed, mapping, open_object
from sealed.crypto.wire_format import CannotDecrypt
from sealed.http.callers import Callers
from sealed.http.rate_limits import RateLimits
from sealed.keys.registry import KeyRegistry
from sealed.kubeseal.documents import InputError, read
from sealed.metrics import SealedMetrics

METHODS = frozenset({"get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"})
LARGEST_YAML = 128 * 1024  # bytes; reading more takes Python seconds, and kubeseal sends JSON
SMALL_BYTES = 64 << 10  # of a body that is small: a SealedSecret of some dozen values
SMALL_AT_ONCE, SMALL_SHARE = 64, 4  # such bodies held at a time, and of one caller; the next is sent away, not queued
MOST_AT_ONCE, LARGE_SHARE = 8, 1  # the same of others, up to 1 MiB, and of those of which nobody knows the size
BODY_SECONDS = 10.0  # in which a body must have come, whatever the setting says: who holds a place does something
OPENED_A_SECOND, OPENED_AT_ONCE = 50.0, 3000.0  # values that one caller has opened: each takes a thread 2 ms
ITEM = Caps(size=1 << 20, values=20_000, levels=100)  # a SealedSecret; the API server takes no larger one
OURS = ("bitnami.com/v1alpha1", "SealedSecret")

log = structlog.get_logger(__name__)

Work = Callable[[dict[str, Any]], web.Response]
"""Answers about one SealedSecret; runs in a thread."""


class Undecodable(Exception):
    """The body is not one SealedSecret."""


class SealingApi:
    """Serves /v1 on every replica. Verify and rotate never render a template: they would be an oracle (5.2).

    Args:
        executor: one thread that verify and rotate share, so that callers never take the reconciler's.
        for_large: another, for SealedSecrets of thousands of values: the small do not stand in line behind them.
        legacy: whether the deprecated `spec.data` is read.
        read_timeout: seconds that a body may take to arrive.
    """

    def __init__(
        self,
        registry: KeyRegistry,
        metrics: SealedMetrics,
        executor: Executor,
        limits: RateLimits,
        callers: Callers,
        clock: Clock,
        *,
        legacy: bool,
        read_timeout: float,
        for_large: Executor | None = None,
    ) -> None:
        self._registry = registry
        self._metrics = metrics
        self._limits = limits
        self._callers = callers
        self._clock = clock
        self._legacy = legacy
        self._read_timeout = min(read_timeout, BODY_SECONDS)
        self._small = _Lane(FairSemaphore(SMALL_AT_ONCE, SMALL_SHARE), executor)
        self._large = _Lane(FairSemaphore(MOST_AT_ONCE, LARGE_SHARE), for_large or executor)
        self._opened = FairBudget(OPENED_A_SECOND, OPENED_AT_ONCE, clock)

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the endpoints; the original never checks the method."""
        handlers = {"/v1/cert.pem": self._certificate, "/v1/verify": self._verify, "/v1/rotate": self._rotate}
        return tuple(web.route("*", path, self._measured(path, handler)) for path, handler in handlers.items())

    def _measured(
        self, path: str, handler: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def measured(request: web.Request) -> web.Response:
            started = self._clock.monotonic()
            response = await handler(request)
            method = method_label(request)
            self._metrics.http.labels(path, str(response.status), method).inc()
            self._metrics.http_seconds.labels(path, method).observe(self._clock.monotonic() - started)
            return response

        return measured

    async def _certificate(self, _request: web.Request) -> web.Response:
        current = self._registry.current
        if current is None:
            return web.Response(status=500, text="cannot get certificate\n")
        return web.Response(body=current.certificate, content_type="application/x-pem-file")

    async def _verify(self, request: web.Request) -> web.Response:
        keys = self._registry.trial_order()

        def verified(sealed: dict[str, Any]) -> web.Response:
            open_object(sealed, keys, legacy=self._legacy)
            return web.Response()

        return await self._guarded(request, verified, refused=409)

    async def _rotate(self, request: web.Request) -> web.Response:
        keys, current = self._registry.trial_order(), self._registry.current

        def rotated(sealed: dict[str, Any]) -> web.Response:
            if current is None:
                raise CannotDecrypt
            body = rotate(sealed, keys, current.private_key.public_key(), legacy=self._legacy)
            return web.Response(text=json.dumps(body, separators=(",", ":")) + "\n")

        return await self._guarded(request, rotated, refused=500)

    async def _guarded(self, request: web.Request, work: Work, *, refused: int) -> web.Response:
        """Let a request through limits, rights and size, then do its work; every answer tells the limits."""
        caller = await self._callers.name(request)
        allowance = self._limits.take(caller)
        size = request.content_length
        lane = self._small if size is not None and size <= SMALL_BYTES else self._large
        wait = self._opened.wait(caller)
        if not allowance.allowed or wait or not lane.places.take_now(caller):
            again = str(max(1, math.ceil(wait)))
            response = web.Response(status=429, text="limit exceeded\n", headers={"Retry-After": again})
        else:
            try:
                response = await self._answer(request, _Asked(work, refused, caller, lane.executor))
            finally:
                lane.places.release(caller)
        response.headers.update(allowance.headers)
        return response

    async def _answer(self, request: web.Request, asked: "_Asked") -> web.Response:
        refusal = await self._callers.refusal(request)
        if refusal:
            return web.Response(status=refusal)
        try:
            body = await asyncio.wait_for(request.read(), self._read_timeout)
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        except (OSError, TimeoutError, web.RequestPayloadError):
            return web.Response(status=400)
        loop = asyncio.get_running_loop()
        try:
            sealed = await loop.run_in_executor(asked.executor, sealed_secret, body)
            self._opened.spend(asked.caller, _values(sealed))
            return await loop.run_in_executor(asked.executor, asked.work, sealed)
        except (UnsealFailed, CannotDecrypt):
            return web.Response(status=asked.refused)
        except Undecodable:
            return web.Response(status=500)
        except Exception as error:  # an odd object must not be answered with a traceback
            log.error("request failed unexpectedly", path=request.path, error=describe(error))
            return web.Response(status=500)


@dataclass(frozen=True)
class _Lane:
    """Places for bodies, and the thread that works on them."""

    places: FairSemaphore
    executor: Executor


@dataclass(frozen=True)
class _Asked:
    """What is to be done with one body."""

    work: Work
    refused: int
    caller: str
    executor: Executor


def _values(sealed: Mapping[str, Any]) -> int:
    """Return how many values a SealedSecret has opened, each by an operation with a private key."""
    given = mapping(mapping(sealed.get("spec")).get("encryptedData"))
    return max(1, len(given))


def sealed_secret(body: bytes) -> dict[str, Any]:
    """Read the one SealedSecret of a request, JSON or YAML. Raises Undecodable."""
    try:
        found = read_json(body, ITEM)
    except Unreadable:
        if len(body) > LARGEST_YAML:
            raise Undecodable from None
        try:
            [found] = read(body)
        except (InputError, ValueError):
            raise Undecodable from None
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != OURS:
        raise Undecodable
    return found


def method_label(request: web.Request) -> str:
    """Return the method for a metric; what a caller invents must not become a series."""
    method = request.method.lower()
    return method if method in METHODS else "unknown"
