"""Middlewares of kopf's HTTP session: a refused list or a broken watch must not end the process (kopf.md section 8)."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import structlog

from manager.clock import Clock, Jitter
from manager.kube.client import WHOLE
from manager.kube.resources import Body, Key, Resource, key_of
from manager.runtime.feed import EVERYWHERE

PACE = 1.0  # seconds between two watch requests of a resource; kopf re-opens an ended one without any pause
LONGEST_PAUSE = 30.0
SILENT_AFTER = 240.0  # seconds; kopf re-opens a silent watch after 70 s, so three turns without an answer

log = structlog.get_logger(__name__)


@dataclass
class _Stream:
    answered: float
    namespace: str = ""
    opened: float = float("-inf")
    refusals: int = 0
    listed_at: str = ""
    seen: set[Key] = field(default_factory=set)


@dataclass
class Streams:
    """Knows every list and watch that kopf has open.

    Args:
        resources: what kopf was told to watch.
        base: path of the API server's address; empty unless a proxy serves it below one.
        refused: told of (plural, status) whenever the API server refuses; a wrong RBAC must not be silent.
        listed: told of (resource, namespace, keys, resourceVersion) after each whole list: what is not in it has gone,
            which kopf does not report.
        namespaces: those that kopf was told to watch; an empty name is the whole cluster.
    """

    resources: tuple[Resource, ...]
    clock: Clock
    jitter: Jitter
    refused: Callable[[str, int], None]
    listed: Callable[[Resource, str, set[Key], str], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    base: str = ""
    namespaces: tuple[str, ...] = ("",)
    _streams: dict[str, _Stream] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begin(self.resources)

    def begin(self, resources: tuple[Resource, ...]) -> None:
        """Start counting silence from now, of what is watched: not on a standby, nor where a CRD is missing."""
        now = self.clock.monotonic()
        places = [
            (resource, each)
            for resource in resources
            for each in (self.namespaces if resource.namespaced else EVERYWHERE)
        ]
        self._by_path = {self.base + resource.path(each): resource for resource, each in places}
        self._streams = {self.base + resource.path(each): _Stream(now, each) for resource, each in places}

    def silent(self) -> list[str]:
        """Return the resources from which no request has been answered for minutes."""
        now = self.clock.monotonic()
        return [
            self._by_path[path].plural for path, each in self._streams.items() if now - each.answered > SILENT_AFTER
        ]

    async def metadata_only(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Ask for metadata, so that no value of a Secret enters the process; for what comes whole in small pages.

        The list form on a watch would be answered with an empty stream, the single form on a list with a 406.
        """
        resource = self._by_path.get(request.url.path)
        if resource is not None and not resource.metadata_only and "limit" in request.url.query:
            request.url = request.url.update_query(limit=str(WHOLE))
        if request.method == "GET" and resource is not None and resource.metadata_only:
            kind = "PartialObjectMetadata" + ("" if "watch" in request.url.query else "List")
            request.headers["Accept"] = f"application/json;as={kind};g=meta.k8s.io;v=v1"
        return await handler(request)

    async def survive(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Turn a refused list or watch into what kopf repeats, after a pause, instead of into its end."""
        stream = self._streams.get(request.url.path)
        query = request.url.query
        kind = "watch" if "watch" in query else "list" if "limit" in query else None
        if stream is None or kind is None:
            return await handler(request)
        if kind == "watch":
            await self._pace(stream)
        answer = await handler(request)
        stream.answered = self.clock.monotonic()
        if kind == "watch" and answer.status == 410:
            self.refused(self._by_path[request.url.path].plural, 410)
            return _expired(answer)
        if answer.status in {401, 403, 404, 410}:
            await self._refuse(request, answer, stream, kind)
        if answer.status == 200 and kind == "watch":
            screened: Any = Screened(answer.content, lambda: self._alive(stream), lambda: self._broken(stream, request))
            answer.content = screened
        elif answer.status == 200:
            self._alive(stream)
            self._follow(answer, stream, self._by_path[request.url.path], first="continue" not in query)
        return answer

    def _alive(self, stream: _Stream) -> None:
        stream.answered = self.clock.monotonic()
        stream.refusals = 0

    async def _broken(self, stream: _Stream, request: aiohttp.ClientRequest) -> None:
        plural = self._by_path[request.url.path].plural
        self.refused(plural, 500)
        log.warning("watch broke off with an error", resource=plural)
        await self._pause(stream)

    def _follow(self, answer: aiohttp.ClientResponse, stream: _Stream, resource: Resource, *, first: bool) -> None:
        """Note what a page holds while kopf reads it, and give an empty one as such: kopf ends on `items: null`."""
        read = answer.json

        async def page(**options: Any) -> Any:
            try:
                body = await read(**options)
                items = body.get("items") or []
                self._note(stream, resource, body["metadata"], items, first=first)
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise aiohttp.ClientPayloadError("the list cannot be read") from error
            return {**body, "items": items}

        vars(answer)["json"] = page

    def _note(self, stream: _Stream, resource: Resource, meta: Body, items: list[Body], *, first: bool) -> None:
        if first:
            stream.seen, stream.listed_at = set(), meta["resourceVersion"]
        stream.seen.update(key_of(resource, each) for each in items)
        if not meta.get("continue"):
            seen, stream.seen = stream.seen, set()
            self.listed(resource, stream.namespace, seen, stream.listed_at)

    async def _pace(self, stream: _Stream) -> None:
        wait = stream.opened + PACE - self.clock.monotonic()
        if wait > 0:
            await self.sleep(wait)
        stream.opened = self.clock.monotonic()

    async def _refuse(
        self, request: aiohttp.ClientRequest, answer: aiohttp.ClientResponse, stream: _Stream, kind: str
    ) -> None:
        await answer.read()
        answer.release()
        plural = self._by_path[request.url.path].plural
        self.refused(plural, answer.status)
        if stream.refusals == 0:
            log.error("api server refuses", request=kind, resource=plural, status=answer.status)
        await self._pause(stream)
        raise aiohttp.ClientPayloadError(f"{kind} answered {answer.status}")

    async def _pause(self, stream: _Stream) -> None:
        stream.refusals += 1
        await self.sleep(self.jitter.spread(min(LONGEST_PAUSE, 2.0 ** min(stream.refusals, 5) / 2), 0.3))


def _expired(answer: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """Turn a 410 status into the event that kopf lists again for; the status itself would end it."""

    class Expired:
        async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
            yield b'{"type": "ERROR", "object": {"kind": "Status", "code": 410}}\n'

    content: Any = Expired()
    answer.release()
    answer.status, answer.content = 200, content
    return answer


class Screened:
    """The lines of one watch without those that end kopf: in-stream errors other than 410, and what is no object.

    kopf reads a watch by `iter_chunked` only; instead of such a line it gets a ClientPayloadError, after which it
    watches again from the last version that it saw.
    """

    def __init__(
        self, content: aiohttp.StreamReader, alive: Callable[[], None], broken: Callable[[], Awaitable[None]]
    ) -> None:
        self._content = content
        self._alive = alive
        self._broken = broken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole lines as they come. Raises ClientPayloadError where the stream is not to be believed."""
        rest = b""
        async for chunk in self._content.iter_chunked(size):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    await self._screen(line)
                    yield line + b"\n"

    async def _screen(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            if event["type"] == "ERROR":
                fatal = event["object"]["code"] != 410
            else:
                fatal = not isinstance(event["object"]["metadata"], dict)
        except (ValueError, KeyError, TypeError):
            fatal = True
        if fatal:
            await self._broken()
            raise aiohttp.ClientPayloadError("the watch broke off")
        self._alive()
