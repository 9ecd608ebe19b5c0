"""Middlewares of kopf's HTTP session: they read its lists and watches, and turn what would end kopf into retries.

kopf only opens lists and watches, and opens them again. It never gets an object: it would parse each event again and
start a task for it, which took two fifths of the processor in a burst.
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
from manager.kube.client import BODY_PAGE_OBJECTS, METADATA_PAGE_OBJECTS, Limit
from manager.kube.resources import Body, Key, Resource, key_of
from manager.kube.responses.decoding import Oversize, parsed, read_event, read_page, read_within
from manager.runtime.informer import ALL_NAMESPACES

WATCH_PAUSE_SECONDS = 1.0  # between two watch requests of a resource: kopf reopens an ended watch without a pause
MAX_PAUSE_SECONDS = 30.0
SILENT_AFTER_SECONDS = 240.0  # kopf reopens a silent watch after 70 s, so three attempts had no answer
OBSERVED = ("ADDED", "MODIFIED", "DELETED")

log = structlog.get_logger(__name__)


Sleep = Callable[[float], Awaitable[None]]


@dataclass
class _Watch:
    """The list and the watch of one resource in one namespace, or in all."""

    resource: Resource
    namespace: str
    clock: Clock
    jitter: Jitter
    sleep: Sleep
    opened: float = float("-inf")
    refusals: int = 0
    listed_at: str = ""
    seen: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.answered = self.clock.monotonic()
        self.limit = Limit(METADATA_PAGE_OBJECTS if self.resource.metadata_only else BODY_PAGE_OBJECTS)

    def alive(self) -> None:
        """Note that a line or a page has come: the next refusal is the first again."""
        self.answered = self.clock.monotonic()
        self.refusals = 0

    async def pace(self) -> None:
        """Wait until a watch request may be sent."""
        wait = self.opened + WATCH_PAUSE_SECONDS - self.clock.monotonic()
        if wait > 0:
            await self.sleep(wait)
        self.opened = self.clock.monotonic()

    async def back_off(self) -> None:
        """Wait after a refusal, longer after each."""
        self.refusals += 1
        await self.sleep(self.jitter.spread(min(MAX_PAUSE_SECONDS, 2.0 ** min(self.refusals, 5) / 2), 0.3))

    def add_page(self, version: str, keys: set[Key], *, first: bool) -> None:
        """Add the keys of a page; the first page begins a new list."""
        if first:
            self.seen, self.listed_at = set(), version
        self.seen |= keys

    def take_list(self) -> set[Key]:
        """Return the keys of the whole list, and forget them."""
        seen, self.seen = self.seen, set()
        return seen


@dataclass
class WatchGuard:
    """Guards every list and watch that kopf opens.

    Args:
        resources: what kopf was told to watch.
        base: the path in the API server's address; empty unless a proxy serves it below one.
        refused: called with (plural, status) when the API server refuses; wrong RBAC must be visible.
        listed: called with (resource, namespace, keys, resourceVersion) after each whole list: objects that are not in
            it are gone, which kopf does not report.
        observe: called with (resource, type of event or None, object) for each object, in order.
        namespaces: those that kopf was told to watch; an empty name is the whole cluster.
    """

    resources: tuple[Resource, ...]
    clock: Clock
    jitter: Jitter
    refused: Callable[[str, int], None]
    listed: Callable[[Resource, str, set[Key], str], None]
    sleep: Sleep = asyncio.sleep
    base: str = ""
    namespaces: tuple[str, ...] = ("",)
    observe: Callable[[Resource, str | None, Body], None] = lambda resource, event, body: None
    _streams: dict[str, _Watch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begin(self.resources)

    def begin(self, resources: tuple[Resource, ...]) -> None:
        """Count the silence of these resources from now on; not before a replica leads, nor of missing CRDs."""
        places = [
            (resource, each)
            for resource in resources
            for each in (self.namespaces if resource.namespaced else ALL_NAMESPACES)
        ]
        self._streams = {
            self.base + resource.path(each): _Watch(resource, each, self.clock, self.jitter, self.sleep)
            for resource, each in places
        }

    def silent(self) -> list[str]:
        """Return the plurals of the resources without an answer for SILENT_AFTER_SECONDS."""
        now = self.clock.monotonic()
        return [each.resource.plural for each in self._streams.values() if now - each.answered > SILENT_AFTER_SECONDS]

    async def metadata_only(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Ask for metadata, so that no value of a Secret enters the process; in pages that are small enough.

        The API server answers the list form on a watch with an empty stream, and the single form on a list with 406.
        """
        stream = self._streams.get(request.url.path)
        if stream is not None and "limit" in request.url.query:
            request.url = request.url.update_query(limit=str(stream.limit.objects))
        if request.method == "GET" and stream is not None and stream.resource.metadata_only:
            kind = "PartialObjectMetadata" + ("" if "watch" in request.url.query else "List")
            request.headers["Accept"] = f"application/json;as={kind};g=meta.k8s.io;v=v1"
        return await handler(request)

    async def survive(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Turn a refused list or watch, which would end kopf, into an error that kopf retries, after a pause."""
        stream = self._streams.get(request.url.path)
        query = request.url.query
        kind = "watch" if "watch" in query else "list" if "limit" in query else None
        if stream is None or kind is None:
            return await handler(request)
        if kind == "watch":
            await stream.pace()
        answer = await handler(request)
        stream.answered = self.clock.monotonic()
        if kind == "watch" and answer.status == 410:
            self.refused(stream.resource.plural, 410)
            return _expired(answer)
        if answer.status in {401, 403, 404, 410}:
            await self._refuse(answer, stream, kind)
        if answer.status == 200 and kind == "watch":
            screened: Any = ScreenedBody(
                answer.content,
                stream.alive,
                lambda: self._broken(stream),
                lambda event, line: self._take(stream.resource, event, line),
            )
            answer.content = screened
        elif answer.status == 200:
            stream.alive()
            self._follow(answer, stream, first="continue" not in query)
        return answer

    async def _broken(self, stream: _Watch) -> None:
        plural = stream.resource.plural
        self.refused(plural, 500)
        log.warning("watch broke off with an error", resource=plural)
        await stream.back_off()

    def _follow(self, answer: aiohttp.ClientResponse, stream: _Watch, *, first: bool) -> None:
        """Observe the objects of a page when kopf reads it, and give kopf an empty page."""
        resource = stream.resource

        async def page(**_options: Any) -> Any:
            try:
                body = await self._read(answer, stream)
                items, meta = body.get("items") or [], body["metadata"]
                keys = {key_of(resource, each) for each in items}
                await self._take_all(resource, items)
                stream.add_page(meta["resourceVersion"], keys, first=first)
                if not meta.get("continue"):
                    self.listed(resource, stream.namespace, stream.take_list(), stream.listed_at)
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise aiohttp.ClientPayloadError("the list cannot be read") from error
            return {**body, "items": []}

        vars(answer)["json"] = page

    async def _read(self, answer: aiohttp.ClientResponse, stream: _Watch) -> Body:
        """Read a page. Raises Unreadable if it is no page, or too large: kopf lists again, in smaller pages."""
        limit, resource = stream.limit, stream.resource
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
        """Observe an event; return a bookmark with its version for kopf, from which kopf watches again."""
        body = event["object"]
        if event["type"] not in OBSERVED:
            return line + b"\n"
        self.observe(resource, event["type"], body)
        version = body["metadata"].get("resourceVersion", "")
        return json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}).encode() + b"\n"

    async def _refuse(self, answer: aiohttp.ClientResponse, stream: _Watch, kind: str) -> None:
        await answer.read()
        answer.release()
        plural = stream.resource.plural
        self.refused(plural, answer.status)
        if stream.refusals == 0:
            log.error("api server refuses", request=kind, resource=plural, status=answer.status)
        await stream.back_off()
        raise aiohttp.ClientPayloadError(f"{kind} answered {answer.status}")


def _expired(answer: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """Turn a 410 status, which would end kopf, into the event after which kopf lists again."""

    class Expired:
        async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
            yield b'{"type": "ERROR", "object": {"kind": "Status", "code": 410}}\n'

    content: Any = Expired()
    answer.release()
    answer.status, answer.content = 200, content
    return answer


class ScreenedBody:
    """The lines of one watch, without those that end kopf: in-stream errors other than 410, and lines of no object.

    kopf reads a watch by `iter_chunked` only. Such a line becomes a ClientPayloadError, after which kopf watches again
    from the last version that it got.
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
        """Yield whole lines as they come. Raises ClientPayloadError after a line that would end kopf."""
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
            del chunk, line, lines  # the next chunk may come in a minute, and a line has up to 8 MiB

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
