"""Middlewares of kopf's HTTP session: they take what lists and watches bring, and keep kopf from ending the process.

kopf opens lists and watches, and opens them again. It gets no object: for each event it would parse the object once
more and start a task of its own, which took two fifths of the processor in a burst.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import aiohttp
import structlog

from manager.core.clock import Clock, Jitter
from manager.core.cooperative import CooperativeYield
from manager.core.documents import OBJECT, Unreadable
from manager.core.errors import Unusable as TooLarge
from manager.kube.client import PAGE, WHOLE, Limit
from manager.kube.decoding import Oversize, parsed, read_event, read_page, read_within
from manager.kube.resources import Body, Key, Resource, key_of
from manager.runtime.informer import ALL_NAMESPACES

WATCH_PAUSE_SECONDS = (
    1.0  # seconds between two watch requests of a resource; kopf re-opens an ended one without any pause
)
LONGEST_PAUSE_SECONDS = 30.0
OBSERVED = ("ADDED", "MODIFIED", "DELETED")
SILENT_AFTER_SECONDS = 240.0  # seconds; kopf re-opens a silent watch after 70 s, so three turns without an answer

log = structlog.get_logger(__name__)


@dataclass
class _Watch:
    answered: float
    namespace: str = ""
    opened: float = float("-inf")
    refusals: int = 0
    listed_at: str = ""
    seen: set[Key] = field(default_factory=set)
    limit: Limit = field(default_factory=lambda: Limit(PAGE))


@dataclass
class WatchGuard:
    """Knows every list and watch that kopf has open.

    Args:
        resources: what kopf was told to watch.
        base: path of the API server's address; empty unless a proxy serves it below one.
        refused: told of (plural, status) whenever the API server refuses; a wrong RBAC must not be silent.
        listed: told of (resource, namespace, keys, resourceVersion) after each whole list: what is not in it has gone,
            which kopf does not report.
        observe: told of (resource, type of event or None, object) of all that comes, in its order.
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
    observe: Callable[[Resource, str | None, Body], None] = lambda resource, event, body: None
    _streams: dict[str, _Watch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begin(self.resources)

    def begin(self, resources: tuple[Resource, ...]) -> None:
        """Start counting silence from now, of what is watched: not on a standby, nor where a CRD is missing."""
        now = self.clock.monotonic()
        places = [
            (resource, each)
            for resource in resources
            for each in (self.namespaces if resource.namespaced else ALL_NAMESPACES)
        ]
        self._by_path = {self.base + resource.path(each): resource for resource, each in places}
        self._streams = {
            self.base + resource.path(each): _Watch(now, each, limit=Limit(PAGE if resource.metadata_only else WHOLE))
            for resource, each in places
        }

    def silent(self) -> list[str]:
        """Return the resources from which no request has been answered for minutes."""
        now = self.clock.monotonic()
        return [
            self._by_path[path].plural
            for path, each in self._streams.items()
            if now - each.answered > SILENT_AFTER_SECONDS
        ]

    async def metadata_only(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Ask for metadata, so that no value of a Secret enters the process; in pages that are small enough.

        The list form on a watch would be answered with an empty stream, the single form on a list with a 406.
        """
        resource = self._by_path.get(request.url.path)
        if resource is not None and "limit" in request.url.query:
            request.url = request.url.update_query(limit=str(self._streams[request.url.path].limit.objects))
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
            resource = self._by_path[request.url.path]
            screened: Any = ScreenedBody(
                answer.content,
                lambda: self._alive(stream),
                lambda: self._broken(stream, request),
                lambda event, line: self._take(resource, event, line),
            )
            answer.content = screened
        elif answer.status == 200:
            self._alive(stream)
            self._follow(answer, stream, self._by_path[request.url.path], first="continue" not in query)
        return answer

    def _alive(self, stream: _Watch) -> None:
        stream.answered = self.clock.monotonic()
        stream.refusals = 0

    async def _broken(self, stream: _Watch, request: aiohttp.ClientRequest) -> None:
        plural = self._by_path[request.url.path].plural
        self.refused(plural, 500)
        log.warning("watch broke off with an error", resource=plural)
        await self._pause(stream)

    def _follow(self, answer: aiohttp.ClientResponse, stream: _Watch, resource: Resource, *, first: bool) -> None:
        """Take what a page holds while kopf reads it, and give kopf an empty one."""

        async def page(**_options: Any) -> Any:
            try:
                body = await self._read(answer, stream, resource)
                items, meta = body.get("items") or [], body["metadata"]
                keys = {key_of(resource, each) for each in items}
                await self._take_all(resource, items)
                self._note(stream, resource, meta, keys, first=first)
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise aiohttp.ClientPayloadError("the list cannot be read") from error
            return {**body, "items": []}

        vars(answer)["json"] = page

    async def _read(self, answer: aiohttp.ClientResponse, stream: _Watch, resource: Resource) -> Body:
        """Read a page. Raises Unreadable where it is none, or too large: kopf lists again, in smaller ones."""
        limit = stream.limit
        try:
            content = await read_within(answer.content, limit.bytes)
            body = await parsed(content, lambda text: read_page(text, alone=limit.objects == 1), first=True)
        except Oversize:
            answer.close()
            try:
                limit.shrink(resource)
            except TooLarge:
                log.error("an object is too large to be listed", resource=resource.plural, bytes=OBJECT.size)
            raise Unreadable("it is too large") from None
        if not body.get("metadata", {}).get("continue"):
            limit.grow()
        return body

    async def _take_all(self, resource: Resource, bodies: list[Body]) -> None:
        breath = CooperativeYield()
        for each in bodies:
            self.observe(resource, None, each)
            await breath.take()

    def _take(self, resource: Resource, event: Body, line: bytes) -> bytes:
        """Take in an event; return what kopf gets for it: a bookmark, from whose version it would watch again."""
        body = event["object"]
        if event["type"] not in OBSERVED:
            return line + b"\n"
        self.observe(resource, event["type"], body)
        version = body["metadata"].get("resourceVersion", "")
        return json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}).encode() + b"\n"

    def _note(self, stream: _Watch, resource: Resource, meta: Body, keys: set[Key], *, first: bool) -> None:
        if first:
            stream.seen, stream.listed_at = set(), meta["resourceVersion"]
        stream.seen |= keys
        if not meta.get("continue"):
            seen, stream.seen = stream.seen, set()
            self.listed(resource, stream.namespace, seen, stream.listed_at)

    async def _pace(self, stream: _Watch) -> None:
        wait = stream.opened + WATCH_PAUSE_SECONDS - self.clock.monotonic()
        if wait > 0:
            await self.sleep(wait)
        stream.opened = self.clock.monotonic()

    async def _refuse(
        self, request: aiohttp.ClientRequest, answer: aiohttp.ClientResponse, stream: _Watch, kind: str
    ) -> None:
        await answer.read()
        answer.release()
        plural = self._by_path[request.url.path].plural
        self.refused(plural, answer.status)
        if stream.refusals == 0:
            log.error("api server refuses", request=kind, resource=plural, status=answer.status)
        await self._pause(stream)
        raise aiohttp.ClientPayloadError(f"{kind} answered {answer.status}")

    async def _pause(self, stream: _Watch) -> None:
        stream.refusals += 1
        await self.sleep(self.jitter.spread(min(LONGEST_PAUSE_SECONDS, 2.0 ** min(stream.refusals, 5) / 2), 0.3))


def _expired(answer: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """Turn a 410 status into the event that kopf lists again for; the status itself would end it."""

    class Expired:
        async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
            yield b'{"type": "ERROR", "object": {"kind": "Status", "code": 410}}\n'

    content: Any = Expired()
    answer.release()
    answer.status, answer.content = 200, content
    return answer


class ScreenedBody:
    """The lines of one watch without those that end kopf: in-stream errors other than 410, and what is no object.

    kopf reads a watch by `iter_chunked` only; instead of such a line it gets a ClientPayloadError, after which it
    watches again from the last version that it saw.
    """

    def __init__(
        self,
        content: aiohttp.StreamReader,
        alive: Callable[[], None],
        broken: Callable[[], Awaitable[None]],
        take: Callable[[Body, bytes], bytes],
    ) -> None:
        self._content = content
        self._take = take
        self._breath = CooperativeYield()
        self._alive = alive
        self._broken = broken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole lines as they come. Raises ClientPayloadError where the stream is not to be believed."""
        rest = bytearray()
        async for chunk in self._content.iter_chunked(size):
            rest += chunk
            if b"\n" not in chunk:
                if len(rest) > OBJECT.size:
                    await self._fail()
                continue
            *lines, rest = rest.split(b"\n")
            for line in lines:
                if line.strip():
                    kept = await self._screen(bytes(line))
                    if kept:
                        yield kept

    async def _screen(self, line: bytes) -> bytes:
        try:
            event = await parsed(line, read_event, first=True)
            if event["type"] == "ERROR":
                fatal = event["object"]["code"] != 410
            else:
                fatal = not isinstance(event["object"]["metadata"], dict)
        except (ValueError, KeyError, TypeError):
            fatal = True
        if fatal:
            await self._fail()
        self._alive()
        kept = self._take(event, line)
        await self._breath.take()
        return kept

    async def _fail(self) -> NoReturn:
        await self._broken()
        raise aiohttp.ClientPayloadError("the watch broke off")
