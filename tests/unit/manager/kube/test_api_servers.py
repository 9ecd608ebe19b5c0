"""The addresses of the API servers: read at most once a minute, and only where they may be."""

from typing import Any

import pytest

from manager.core.errors import Forbidden
from manager.kube.api_servers import API_SERVERS, REFRESH_SECONDS, RETRY_SECONDS, ApiServers, published_in
from tests.builders.api_in_memory import HandClock, MemoryApi


@pytest.fixture
def api() -> MemoryApi:
    made = MemoryApi()
    meta = {"namespace": API_SERVERS.namespace, "name": API_SERVERS.name}
    made.put(API_SERVERS.resource, {"metadata": meta, "endpoints": [{"addresses": ["10.0.0.1"]}, {}]})
    return made


async def test_they_are_read_at_most_once_a_minute_and_sooner_after_a_failure(api: MemoryApi) -> None:
    client: Any = api
    clock = HandClock()
    servers = ApiServers(client, clock)
    api.fail("get", Forbidden(403, "Forbidden", "get"))

    assert not await servers.include("10.0.0.1")
    clock.pass_by(RETRY_SECONDS)
    assert await servers.include("10.0.0.1")
    clock.pass_by(REFRESH_SECONDS - 1)
    assert not await servers.include("10.0.0.2")

    assert api.counts() == {"get": 2}


async def test_where_they_may_not_be_read_nothing_is_asked(api: MemoryApi) -> None:
    client: Any = api
    servers = ApiServers(client, HandClock(), readable=published_in(frozenset({"a"})))

    assert not await servers.include("10.0.0.1")
    assert api.calls == []


@pytest.mark.parametrize(("scope", "readable"), [(None, True), ({"a", "default"}, True), ({"a"}, False)])
def test_they_are_published_in_the_namespace_default(scope: set[str] | None, readable: bool) -> None:
    assert published_in(None if scope is None else frozenset(scope)) is readable
