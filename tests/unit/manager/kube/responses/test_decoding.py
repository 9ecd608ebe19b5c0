"""Lists and watches with one object in them that no reader takes: it is skipped and named, the others are there."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from manager.access.identity import Identity
from manager.core.errors import Unusable as Refused
from manager.kube.cache import MAX_ANNOTATION_BYTES, MAX_LABELS, MetadataCache, Oversized
from manager.kube.client import BODY_PAGE_OBJECTS, KubeClient
from manager.kube.connection import Connection
from manager.kube.resources import SEALED_SECRETS, SECRETS, Key, Resource
from manager.kube.responses.decoding import HEAVY_BYTES, PAGE_BYTES, PAGE_VALUES, Unusable, read_event, read_page
from manager.runtime.informer import TOO_MANY_LABELS, Informer
from manager.runtime.watch_guard import WatchGuard
from tests.builders.api_in_memory import HandClock, no_jitter

BOTTOMLESS = [1_200, 9_970, 40_000]


def text_of(name: str, *, levels: int = 0, **more: Any) -> str:
    """Return an object; with `levels` one that is nested so deep in a field that nobody reads."""
    body = {"metadata": {"name": name, "namespace": "ns", "uid": f"u-{name}", "resourceVersion": "5"}, **more}
    text = json.dumps({"apiVersion": "v1", "kind": "Secret", **body})
    return text if not levels else text[:-1] + ', "spec": {"x": ' + '{"a":' * levels + "1" + "}" * levels + "}}"


def listed(*items: str, more: str = "") -> bytes:
    return f'{{"metadata": {{"resourceVersion": "9", "continue": "{more}"}}, "items": [{", ".join(items)}]}}'.encode()


@pytest.mark.parametrize("levels", BOTTOMLESS)
def test_a_page_names_the_object_that_it_leaves_out(levels: int) -> None:
    one, bomb, two = read_page(listed(text_of("a"), text_of("bomb", levels=levels), text_of("b")))["items"]

    assert (one["metadata"]["name"], two["metadata"]["name"]) == ("a", "b")
    assert isinstance(bomb, Unusable)
    assert bomb["metadata"] == {"name": "bomb", "namespace": "ns", "uid": "u-bomb", "resourceVersion": "5"}
    assert "nested deeper than 100 levels" in bomb.why


@pytest.mark.parametrize("levels", BOTTOMLESS)
def test_an_event_names_the_object_that_it_leaves_out(levels: int) -> None:
    found = read_event(f'{{"type": "ADDED", "object": {text_of("bomb", levels=levels)}}}'.encode())

    assert found["type"] == "ADDED"
    assert isinstance(found["object"], Unusable)
    assert found["object"]["metadata"]["name"] == "bomb"


def test_an_object_of_too_many_values_is_named_and_not_parsed() -> None:
    many = text_of("many", spec=[[]] * 260_000)

    (found,) = read_page(listed(many), alone=True)["items"]

    assert isinstance(found, Unusable)
    assert (found["metadata"]["name"], found.why) == ("many", "it holds more than 250000 values")


class Server:
    """An API server of one resource that heeds `limit`, as the real one does."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.limits: list[int] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "limit" not in request.query:
            return web.Response(body=io.BytesIO(self.items[0].encode()), content_type="application/json")
        start, limit = int(request.query.get("continue") or 0), int(request.query["limit"])
        self.limits.append(limit)
        end = min(start + limit, len(self.items))
        more = str(end) if end < len(self.items) else ""
        return web.Response(body=io.BytesIO(listed(*self.items[start:end], more=more)), content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    given = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", given.handle)
    async with TestServer(application) as running:
        given.url = str(running.make_url("")).rstrip("/")  # type: ignore[attr-defined]
        yield given


@pytest.fixture
async def client(server: Server) -> AsyncIterator[KubeClient]:
    client = KubeClient(Connection(server.url, None, Identity(), "default"), "test")  # type: ignore[attr-defined]
    yield client
    await client.close()


async def names(client: KubeClient, resource: Resource) -> list[str]:
    return [each["metadata"]["name"] async for items, _ in client.pages(resource) for each in items]


async def test_large_objects_are_listed_in_smaller_pages(server: Server, client: KubeClient) -> None:
    server.items = [text_of(f"o{at:02}", spec="x" * (PAGE_BYTES // 4)) for at in range(30)]

    assert await names(client, SEALED_SECRETS) == [f"o{at:02}" for at in range(30)]
    assert server.limits[0] == BODY_PAGE_OBJECTS
    assert min(server.limits) < 5
    assert len(server.limits) < 40


async def test_objects_of_many_values_are_listed_in_smaller_pages(server: Server, client: KubeClient) -> None:
    labels = {f"l{at}": "" for at in range(PAGE_VALUES // 8)}
    server.items = [text_of(f"o{at}", spec=labels) for at in range(9)]

    assert await names(client, SEALED_SECRETS) == [f"o{at}" for at in range(9)]
    assert min(server.limits) < BODY_PAGE_OBJECTS


async def test_pages_grow_again_behind_a_large_object(server: Server, client: KubeClient) -> None:
    server.items = [text_of("huge", spec="x" * (PAGE_BYTES + 1)), *(text_of(f"o{at}") for at in range(99))]

    assert len(await names(client, SEALED_SECRETS)) == 100
    assert 1 in server.limits
    assert server.limits[-1] > 10


async def test_a_bottomless_object_alone_is_refused_for_good(server: Server, client: KubeClient) -> None:
    server.items = [text_of("bomb", levels=1_200)]

    with pytest.raises(Refused, match="nested deeper than 100 levels"):
        await client.get(Key(SECRETS, "ns", "bomb"))


async def test_an_object_larger_than_any_is_not_read_to_its_end(server: Server, client: KubeClient) -> None:
    server.items = [text_of("huge", spec="x" * (9 << 20))]

    with pytest.raises(Refused, match="TooLarge"):
        await client.get(Key(SECRETS, "ns", "huge"))


class Watching:
    """kopf's way to a feed: middlewares on a session, and what the process takes in."""

    def __init__(self, session: aiohttp.ClientSession, streams: WatchGuard, cache: MetadataCache) -> None:
        self.session, self.streams, self.cache = session, streams, cache
        self.refused: list[tuple[str, str]] = []
        self.seen: list[tuple[Resource, str | None, Any]] = []

    def names(self) -> list[tuple[str | None, str]]:
        """Return what was taken in, by type of event and name."""
        return [(event, body["metadata"]["name"]) for _, event, body in self.seen if not isinstance(body, Unusable)]

    async def watch(self) -> list[Any]:
        answer = await self.session.get(SEALED_SECRETS.path(), params={"watch": "true"})
        text = b"".join([chunk async for chunk in answer.content.iter_chunked(65_536)])
        return [json.loads(line) for line in text.splitlines()]

    async def list(self) -> list[str]:
        answer = await self.session.get(SEALED_SECRETS.path(), params={"limit": "500"})
        assert (await answer.json())["items"] == []
        return [name for _, name in self.names()]


@pytest.fixture
async def watching(server: Server) -> AsyncIterator[Watching]:
    cache = MetadataCache({SEALED_SECRETS: lambda body: len(str(body.get("spec")))})

    def nothing(*_: object) -> None:
        """Count no refused list."""

    feed = Informer(cache, {SEALED_SECRETS: []}, refused=lambda key, uid, why: found.refused.append((key.name, why)))
    streams = WatchGuard(
        (SEALED_SECRETS,),
        HandClock(),
        no_jitter(),
        nothing,
        feed.listed,
        base="",
        observe=lambda *seen: (found.seen.append(seen), feed.observe(*seen))[1],
    )
    async with aiohttp.ClientSession(
        server.url,  # type: ignore[attr-defined]
        middlewares=(streams.survive, streams.metadata_only),
    ) as session:
        found = Watching(session, streams, cache)
        yield found


async def test_a_list_is_taken_in_without_what_cannot_be_read(server: Server, watching: Watching) -> None:
    server.items = [text_of("a"), text_of("bomb", levels=1_200), text_of("b")]

    assert await watching.list() == ["a", "b"]
    ((name, why),) = watching.refused
    assert name == "bomb"
    assert "nested deeper" in why


async def test_a_watch_is_taken_in_without_what_cannot_be_read(server: Server, watching: Watching) -> None:
    events = [f'{{"type": "ADDED", "object": {each}}}' for each in (text_of("a"), text_of("x", levels=9_970))]
    gone = f'{{"type": "DELETED", "object": {text_of("x", levels=1_200)}}}'
    server.items = ["\n".join([*events, f'{{"type": "MODIFIED", "object": {text_of("b")}}}', gone]) + "\n"]

    found = await watching.watch()

    assert [each["type"] for each in found] == ["BOOKMARK"] * 4
    assert watching.names() == [("ADDED", "a"), ("MODIFIED", "b")]
    assert [name for name, _ in watching.refused] == ["x"]
    assert [(event, body["metadata"]["name"]) for _, event, body in watching.seen][-1] == ("DELETED", "x")


async def test_kopf_gets_the_version_of_an_event_and_nothing_of_the_object(server: Server, watching: Watching) -> None:
    large = text_of("large", spec="x" * HEAVY_BYTES)
    server.items = [f'{{"type": "ADDED", "object": {large}}}\n']

    (event,) = await watching.watch()

    (_, _, body) = watching.seen[0]
    assert body["spec"] == "x" * HEAVY_BYTES
    assert event == {
        "type": "BOOKMARK",
        "object": {"metadata": {"resourceVersion": body["metadata"]["resourceVersion"]}},
    }


async def test_kopfs_pages_are_bounded_in_bytes_too(server: Server, watching: Watching) -> None:
    server.items = [text_of(f"o{at}", spec="x" * (PAGE_BYTES // 4)) for at in range(8)]

    with pytest.raises(aiohttp.ClientPayloadError):
        await watching.list()
    while True:
        try:
            found = await watching.list()
            break
        except aiohttp.ClientPayloadError:  # kopf lists again
            continue

    assert found
    assert server.limits == sorted(server.limits, reverse=True)


def labelled(number: int) -> dict[str, Any]:
    labels = {f"l{at}": "x" for at in range(number)} | {"known": "yes"}
    return {"metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "5", "labels": labels}}


def test_labels_that_nobody_asks_for_are_not_kept() -> None:
    cache = MetadataCache()
    cache.name_labels(SECRETS, "known", "absent")

    change = cache.observe(SECRETS, None, labelled(45_000))

    assert change is not None
    assert change.after is not None
    assert change.after.labels == {"known": "yes"}
    assert not change.after.cut


def test_of_an_object_that_somebody_reads_no_more_than_a_thousand_labels_are_kept() -> None:
    cache, refused = MetadataCache({SECRETS: lambda body: "read"}), []
    cache.name_labels(SECRETS, "known")
    feed = Informer(cache, {}, refused=lambda key, uid, why: refused.append((key.name, uid, why)))
    feed.observe(SECRETS, None, labelled(MAX_LABELS))

    meta = cache.get(Key(SECRETS, "ns", "a"))
    assert meta is not None
    assert meta.labels == {"known": "yes"}
    assert meta.cut
    assert refused == [("a", "u", TOO_MANY_LABELS)]


def test_annotations_beyond_the_cap_leave_what_was_known() -> None:
    cache, refused = MetadataCache(), []
    cache.keep(SECRETS, "ours/")
    feed = Informer(cache, {}, refused=lambda key, uid, why: refused.append(why))
    body = labelled(1)
    feed.observe(SECRETS, None, body)
    grown = body["metadata"] | {"resourceVersion": "6", "annotations": {"ours/x": "x" * (MAX_ANNOTATION_BYTES + 1)}}

    feed.observe(SECRETS, "MODIFIED", {"metadata": grown})

    meta = cache.get(Key(SECRETS, "ns", "a"))
    assert meta is not None
    assert meta.version == "5"
    assert "more than 32768 bytes" in refused[0]
    with pytest.raises(Oversized):
        cache.observe(SECRETS, None, {"metadata": grown})
