"""kopf's lists and watches through our middlewares, against a small HTTP server that misbehaves on demand."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from manager.kube.client import BODY_PAGE_OBJECTS
from manager.kube.resources import CONFIGMAPS, SEALED_SECRETS, SECRETS, Key, Resource
from manager.runtime.watch_guard import SILENT_AFTER_SECONDS, WATCH_PAUSE_SECONDS, ScreenedBody, WatchGuard
from tests.builders.api_in_memory import HandClock, no_jitter

RESOURCES = (SECRETS, CONFIGMAPS, SEALED_SECRETS)


class Server:
    """Answers what the test says, and remembers what was asked."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.refused: list[tuple[str, int]] = []
        self.listed: list[tuple[str, set[str], str]] = []
        self.slept: list[float] = []
        self.accepted: list[str] = []
        self.seen: list[tuple[Resource, str | None, Any]] = []
        self.answer: Any = web.json_response
        self.streams = WatchGuard(
            RESOURCES,
            self.clock,
            no_jitter(),
            lambda plural, status: self.refused.append((plural, status)),
            self.note,
            self.sleep,
            observe=lambda *seen: self.seen.append(seen),
        )

    def note(self, resource: Resource, namespace: str, keys: set[Key], version: str) -> None:
        assert namespace in self.streams.namespaces
        self.listed.append((resource.plural, {key.name for key in keys}, version))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_by(seconds)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.accepted.append(request.headers.get("Accept", ""))
        response: web.StreamResponse = self.answer(request)
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    given = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", given.handle)
    async with TestServer(application) as running:
        middlewares = (given.streams.survive, given.streams.metadata_only)
        async with aiohttp.ClientSession(running.make_url("/"), middlewares=middlewares) as session:
            given.session = session  # type: ignore[attr-defined]
            yield given


async def ask(server: Server, path: str, **query: str) -> aiohttp.ClientResponse:
    answer: aiohttp.ClientResponse = await server.session.get(path, params=query)  # type: ignore[attr-defined]
    return answer


async def lines(answer: aiohttp.ClientResponse) -> list[Any]:
    """Read a watch as kopf does."""
    text = b"".join([chunk async for chunk in answer.content.iter_chunked(1024)])
    return [json.loads(line) for line in text.splitlines()]


def stream(*events: bytes) -> Any:
    return lambda _: web.Response(body=b"".join(each + b"\n" for each in events))


def event(kind: str, **content: Any) -> bytes:
    return json.dumps({"type": kind, "object": {"metadata": {}, **content}}).encode()


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_refused_list_is_repeated_after_a_pause(server: Server, status: int) -> None:
    server.answer = lambda _: web.Response(status=status)

    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(server, "/api/v1/secrets", limit="500")

    assert server.refused == [("secrets", status)]
    assert len(server.slept) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refused_watch_is_repeated_after_a_pause(server: Server, status: int) -> None:
    server.answer = lambda _: web.Response(status=status)

    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(server, SEALED_SECRETS.path(), watch="true")

    assert server.refused == [("sealedsecrets", status)]


async def test_a_410_status_on_a_watch_makes_kopf_list_again(server: Server) -> None:
    server.answer = lambda _: web.Response(status=410)

    answer = await ask(server, "/api/v1/secrets", watch="true")

    assert answer.status == 200
    (found,) = await lines(answer)
    assert (found["type"], found["object"]["code"]) == ("ERROR", 410)


async def test_an_api_server_below_a_path_is_looked_after_like_any(server: Server) -> None:
    server.streams.base = "/k8s/clusters/c-1"
    server.streams.begin(RESOURCES)
    server.answer = lambda _: web.Response(status=403)

    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(server, "/k8s/clusters/c-1/api/v1/secrets", limit="500")

    assert "PartialObjectMetadataList" in server.accepted[0]


async def test_a_500_is_left_to_kopfs_own_retries(server: Server) -> None:
    server.answer = lambda _: web.Response(status=500)

    assert (await ask(server, "/api/v1/secrets", limit="500")).status == 500


async def test_repeated_refusals_pause_longer_up_to_half_a_minute(server: Server) -> None:
    server.answer = lambda _: web.Response(status=403)
    for _ in range(8):
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(server, "/api/v1/secrets", limit="500")

    assert server.slept == sorted(server.slept)
    assert server.slept[-1] <= 30


async def test_a_success_ends_the_series_of_refusals(server: Server) -> None:
    server.answer = lambda _: web.Response(status=403)
    for _ in range(4):
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(server, "/api/v1/secrets", limit="500")
    server.answer = lambda _: web.json_response({"items": []})
    await ask(server, "/api/v1/secrets", limit="500")
    server.answer = lambda _: web.Response(status=403)
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(server, "/api/v1/secrets", limit="500")

    assert server.slept[-1] == server.slept[0]


async def test_what_is_no_list_or_watch_of_ours_passes_untouched(server: Server) -> None:
    server.answer = lambda _: web.Response(status=403)

    assert (await ask(server, "/api/v1")).status == 403
    assert (await ask(server, "/api/v1/namespaces/ns/secrets", limit="500")).status == 403
    assert server.refused == []


@pytest.mark.parametrize(
    ("path", "query", "accept"),
    [
        ("/api/v1/secrets", {"limit": "500"}, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
        ("/api/v1/configmaps", {"limit": "500"}, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
        ("/api/v1/secrets", {"watch": "true"}, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
        (SEALED_SECRETS.path(), {"limit": "500"}, "*/*"),
        ("/api/v1/namespaces/ns/secrets/a", {}, "*/*"),
    ],
)
async def test_values_of_secrets_are_never_asked_for(server: Server, path: str, query: Any, accept: str) -> None:
    server.answer = lambda _: web.json_response({"items": []})
    await ask(server, path, **query)

    assert server.accepted == [accept]


@pytest.mark.parametrize(("resource", "limit"), [(SECRETS, "500"), (SEALED_SECRETS, str(BODY_PAGE_OBJECTS))])
async def test_what_comes_whole_comes_in_small_pages(server: Server, resource: Resource, limit: str) -> None:
    """A tenant's objects of 1.5 MB, five hundred at a time, are more than the process may use."""
    asked: list[str] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request.query["limit"])
        return web.json_response(page())

    server.answer = answer
    await ask(server, resource.path(), limit="500", **{"continue": "x"})

    assert asked == [limit]


async def test_an_empty_metadata_list_comes_as_one(server: Server) -> None:
    server.answer = lambda _: web.json_response({"metadata": {"resourceVersion": "7"}, "items": None})

    answer = await ask(server, "/api/v1/secrets", limit="500")

    assert (await answer.json())["items"] == []


async def test_what_a_watch_brings_is_taken_in_order_and_kopf_gets_its_versions(server: Server) -> None:
    events = [event(kind, metadata={"resourceVersion": str(at)}) for at, kind in enumerate(("ADDED", "DELETED"), 1)]
    server.answer = stream(events[0], event("BOOKMARK", metadata={"resourceVersion": "9"}), events[1])

    found = await lines(await ask(server, "/api/v1/secrets", watch="true"))

    assert [each["type"] for each in found] == ["BOOKMARK"] * 3
    assert [each["object"]["metadata"]["resourceVersion"] for each in found] == ["1", "9", "2"]
    assert [(resource, kind) for resource, kind, _ in server.seen] == [(SECRETS, "ADDED"), (SECRETS, "DELETED")]


async def test_a_type_of_event_that_is_not_known_is_left_to_kopf(server: Server) -> None:
    server.answer = stream(event("ODD", a=1))

    (found,) = await lines(await ask(server, "/api/v1/secrets", watch="true"))

    assert (found["type"], server.seen) == ("ODD", [])


async def test_an_expired_watch_is_told_to_kopf(server: Server) -> None:
    server.answer = stream(event("ERROR", code=410))

    (found,) = await lines(await ask(server, "/api/v1/secrets", watch="true"))

    assert found["type"] == "ERROR"


@pytest.mark.parametrize(
    "line",
    [
        event("ERROR", code=500),
        event("ERROR", code=504),
        b"{garbage",
        b"[]",
        b'{"type": "ERROR"}',
        b'"text"',
        b'{"type": "ADDED", "object": {}}',
    ],
)
async def test_what_would_end_kopf_breaks_the_watch_off_instead(server: Server, line: bytes) -> None:
    server.answer = stream(event("ADDED", a=1), line, event("ADDED", b=1))
    answer = await ask(server, "/api/v1/secrets", watch="true")

    with pytest.raises(aiohttp.ClientPayloadError):
        await lines(answer)

    assert server.refused == [("secrets", 500)]
    assert len(server.slept) == 1


async def test_watches_of_one_resource_are_paced(server: Server) -> None:
    server.answer = stream()
    for _ in range(3):
        await lines(await ask(server, "/api/v1/secrets", watch="true"))

    assert server.slept == [WATCH_PAUSE_SECONDS, WATCH_PAUSE_SECONDS]


def page(*names: str, version: str = "7", more: str = "") -> dict[str, Any]:
    items = [{"metadata": {"namespace": "ns", "name": name}} for name in names]
    return {"metadata": {"resourceVersion": version, "continue": more}, "items": items}


async def read(server: Server, content: object, **query: str) -> None:
    """Let kopf read one page of Secrets."""
    server.answer = lambda _: web.json_response(content)
    await (await ask(server, "/api/v1/secrets", limit="500", **query)).json()


async def test_what_a_whole_list_holds_is_told_with_the_version_of_its_first_page(server: Server) -> None:
    await read(server, page("a", "b", more="x"))
    assert server.listed == []
    await read(server, page("c", version="9"), **{"continue": "x"})

    assert server.listed == [("secrets", {"a", "b", "c"}, "7")]
    assert [body["metadata"]["name"] for _, kind, body in server.seen if kind is None] == ["a", "b", "c"]


async def test_a_list_that_is_begun_again_holds_nothing_of_the_first_try(server: Server) -> None:
    await read(server, page("a", more="x"))
    await read(server, page("b", version="8"))

    assert server.listed == [("secrets", {"b"}, "8")]


@pytest.mark.parametrize("content", [None, [], "text", {}, {"metadata": None}, {"metadata": {}, "items": [{}]}])
async def test_a_list_that_cannot_be_read_is_repeated(server: Server, content: object) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await read(server, content)

    assert server.listed == []


async def test_a_resource_without_an_answer_for_minutes_is_silent(server: Server) -> None:
    server.clock.pass_by(SILENT_AFTER_SECONDS + 1)
    server.answer = lambda _: web.json_response({"items": []})
    await ask(server, "/api/v1/secrets", limit="500")

    assert server.streams.silent() == ["configmaps", "sealedsecrets"]
    server.streams.begin((SECRETS, CONFIGMAPS))
    assert server.streams.silent() == []
    server.clock.pass_by(SILENT_AFTER_SECONDS + 1)
    assert server.streams.silent() == ["secrets", "configmaps"]


async def test_in_namespaces_each_list_is_told_apart_and_read_as_metadata(server: Server) -> None:
    told = []
    server.streams.namespaces = ("one", "two")
    server.streams.listed = lambda resource, namespace, keys, version: told.append((namespace, len(keys), version))
    server.streams.begin(RESOURCES)
    server.answer = lambda _: web.json_response(page("a", version="5"))

    for namespace in ("one", "two"):
        await (await ask(server, f"/api/v1/namespaces/{namespace}/secrets", limit="500")).json()

    assert told == [("one", 1, "5"), ("two", 1, "5")]
    assert all("PartialObjectMetadataList" in each for each in server.accepted)


class Trickle:
    """A body whose first chunk ends a large line; the next one does not come before `go_on`."""

    def __init__(self, first: bytes) -> None:
        self._first = first
        self.waits, self.go_on = asyncio.Event(), asyncio.Event()

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        yield self._first
        self.waits.set()
        await self.go_on.wait()


async def test_a_silent_watch_holds_no_line() -> None:
    """Each of the watches would hold the largest object that it saw last, for a minute."""

    async def broken() -> None:
        raise AssertionError

    content: Any = Trickle(event("ADDED", spec={"text": "x" * 1_000_000}) + b"\n")
    chunks = ScreenedBody(content, lambda: None, broken, lambda _event, _line: b"kept").iter_chunked(1024)
    assert await anext(chunks) == b"kept"

    waiting = asyncio.create_task(anext(chunks, None))
    await content.waits.wait()
    frame: Any = chunks
    held = [each for each in frame.ag_frame.f_locals.values() if isinstance(each, bytes | bytearray | list)]

    assert sum(map(len, held)) < 100
    content.go_on.set()
    assert await waiting is None
