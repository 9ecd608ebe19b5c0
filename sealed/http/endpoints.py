"""The endpoints for kubeseal: the certificate, verify, and rotate (seal a value again with the current key)."""

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
from sealed.manifests.documents import InputError, read
from sealed.metrics import SealedMetrics

METHODS = frozenset({"get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"})
MAX_YAML_BYTES = 128 * 1024  # a larger YAML text takes Python seconds to read, and kubeseal sends JSON
SMALL_BODY_BYTES = 64 << 10  # a SealedSecret of a few dozen values
SMALL_BODIES, SMALL_BODIES_OF_CALLER = 64, 4  # held at a time, in all and of one caller; the next gets 429
LARGE_BODIES, LARGE_BODIES_OF_CALLER = 8, 1  # the same of larger bodies, and of those without a Content-Length
MAX_BODY_SECONDS = 10.0  # for a body to arrive, whatever the setting says: a slow sender must not keep a place
OPENED_VALUES_A_SECOND, MAX_OPENED_VALUES = 50.0, 3000.0  # of one caller: each value takes a thread 2 ms
BODY_CAPS = Caps(size=1 << 20, values=20_000, levels=100)  # of a SealedSecret; the API server takes no larger one
SEALED_SECRET = ("bitnami.com/v1alpha1", "SealedSecret")

log = structlog.get_logger(__name__)

Work = Callable[[dict[str, Any]], web.Response]
"""Answers about one SealedSecret; runs in a thread."""


class Undecodable(Exception):
    """The body is not exactly one SealedSecret."""


@dataclass(frozen=True)
class Admission:
    """Who may call, and how often."""

    limits: RateLimits
    callers: Callers


@dataclass(frozen=True)
class Bodies:
    """How bodies are read, and the threads that work on them; none of these threads serves the reconciler."""

    executor: Executor
    """For small bodies."""
    large_executor: Executor
    """For SealedSecrets of thousands of values, so that the small ones do not wait behind them."""
    legacy: bool
    """Whether the deprecated `spec.data` is read."""
    read_timeout: float
    """Seconds for a body to arrive, at most MAX_BODY_SECONDS."""


class SealingApi:
    """Serves /v1 on every replica.

    Verify and rotate never render a template: the answer would reveal what an encrypted value makes of it.

    Args:
        admission: who may call, and how often.
        bodies: how bodies are read, and the threads that work on them.
    """

    def __init__(
        self, registry: KeyRegistry, metrics: SealedMetrics, admission: Admission, bodies: Bodies, clock: Clock
    ) -> None:
        self._registry = registry
        self._metrics = metrics
        self._admission = admission
        self._clock = clock
        self._legacy = bodies.legacy
        self._read_seconds = min(bodies.read_timeout, MAX_BODY_SECONDS)
        self._small = _Lane(FairSemaphore(SMALL_BODIES, SMALL_BODIES_OF_CALLER), bodies.executor)
        self._large = _Lane(FairSemaphore(LARGE_BODIES, LARGE_BODIES_OF_CALLER), bodies.large_executor)
        self._opened = FairBudget(OPENED_VALUES_A_SECOND, MAX_OPENED_VALUES, clock)

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
        """Check limits, rights and size of a request, then do its work; every answer has the rate-limit headers."""
        caller = await self._admission.callers.name(request)
        allowance = self._admission.limits.take(caller)
        size = request.content_length
        lane = self._small if size is not None and size <= SMALL_BODY_BYTES else self._large
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
        refusal = await self._admission.callers.refusal(request)
        if refusal:
            return web.Response(status=refusal)
        try:
            body = await asyncio.wait_for(request.read(), self._read_seconds)
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
    """Return how many values of a SealedSecret must be opened, each with one private-key operation."""
    given = mapping(mapping(sealed.get("spec")).get("encryptedData"))
    return max(1, len(given))


def sealed_secret(body: bytes) -> dict[str, Any]:
    """Read the one SealedSecret of a request, JSON or YAML. Raises Undecodable."""
    try:
        found = read_json(body, BODY_CAPS)
    except Unreadable:
        if len(body) > MAX_YAML_BYTES:
            raise Undecodable from None
        try:
            [found] = read(body)
        except (InputError, ValueError):
            raise Undecodable from None
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != SEALED_SECRET:
        raise Undecodable
    return found


def method_label(request: web.Request) -> str:
    """Return the method as a metric label; invented methods share one, so that callers cannot create series."""
    method = request.method.lower()
    return method if method in METHODS else "unknown"
