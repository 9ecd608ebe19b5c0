"""What the answers of an API server mean to the provider of clusters, and when another token is asked for."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from external.providers.kubernetes.client import Cluster
from external.providers.kubernetes.connection import Connection, Server
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from external.providers.support.egress import EgressPolicy
from manager.core.errors import Retry
from manager.core.secret_value import SecretValue
from tests.cluster.serving import Served

SECRET = {"kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "eA=="}}
NOT_FOUND = {"kind": "Status", "reason": "NotFound", "code": 404}


class Api:
    """Answers as it is told; remembers tokens and paths."""

    def __init__(self) -> None:
        self.answer: Callable[[web.Request], web.Response] = lambda _: web.json_response(SECRET)
        self.asked: list[tuple[str, str]] = []
        self.calls: list[tuple[str, str, str]] = []
        self._served = Served(self._handle)
        self.url = self._served.start()

    def stop(self) -> None:
        self._served.stop()

    def cluster(self, token: Any = None, bounds: EgressPolicy | None = None, seconds: float = 5) -> Cluster:
        server = Server(self.url, None, bounds or EgressPolicy(("127.0.0.0/8",)), token)
        return Cluster(Connection(server, lambda *call: self.calls.append(call), 5), "remote", seconds, "x")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.headers.get("Authorization", ""), request.path_qs))
        return self.answer(request)


@pytest.fixture(scope="module")
def running() -> Iterator[Api]:
    made = Api()
    yield made
    made.stop()


@pytest.fixture
def api(running: Api) -> Api:
    running.asked.clear()
    running.calls.clear()
    running.answer = lambda _: web.json_response(SECRET)
    return running


def read(cluster: Cluster) -> SecretValue | ProviderError:
    request = SecretRequest("a")
    return cluster.read([request])[request]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, json.dumps(NOT_FOUND), SecretAbsent),
        (404, "{}", ProviderDenied),
        (404, "<html>", ProviderUnavailable),
        (403, "{}", ProviderDenied),
        (401, "{}", ProviderDenied),
        (302, "{}", ProviderDenied),
        (429, "{}", ProviderUnavailable),
        (500, "{}", ProviderUnavailable),
        (200, "[]", ProviderUnavailable),
        (200, "<html>", ProviderUnavailable),
        (200, "", ProviderUnavailable),
    ],
)
def test_only_the_api_servers_own_word_proves_an_absence(
    api: Api, status: int, body: str, error: type[ProviderError]
) -> None:
    api.answer = lambda _: web.Response(status=status, text=body, headers={"Location": "http://127.0.0.1:1/"})
    if error is ProviderUnavailable:
        with pytest.raises(ProviderUnavailable):
            read(api.cluster())
    else:
        assert isinstance(read(api.cluster()), error)
    assert api.calls == [("Kubernetes", "GetSecret", "success" if status < 400 else "error")]


def test_a_token_is_kept_until_the_server_refuses_it(api: Api) -> None:
    given: list[str] = []

    def token() -> SecretValue:
        given.append(f"token-{len(given)}")
        return SecretValue(given[-1].encode())

    cluster = api.cluster(token)
    for _ in range(3):
        assert isinstance(read(cluster), SecretValue)
    assert given == ["token-0"]

    def only_new(request: web.Request) -> web.Response:
        fresh = request.headers["Authorization"] == "Bearer token-1"
        return web.json_response(SECRET if fresh else {}, status=200 if fresh else 401)

    api.answer = only_new
    assert isinstance(read(cluster), SecretValue)
    assert given == ["token-0", "token-1"]


def test_without_a_token_there_is_no_answer(api: Api) -> None:
    def none() -> SecretValue:
        raise Retry("InvalidProviderConfig", "no token of ServiceAccount")

    with pytest.raises(ProviderUnavailable, match="no token of ServiceAccount"):
        read(api.cluster(none))
    assert api.asked == []


def test_lists_are_read_page_by_page_by_their_labels(api: Api) -> None:
    kind = {"kind": "SecretList"}
    pages = {
        "": {**kind, "items": [SECRET], "metadata": {"continue": "c"}},
        "c": {**kind, "items": [{"metadata": {"name": "b"}}]},
    }
    api.answer = lambda request: web.json_response(pages[request.query.get("continue", "")])
    found = api.cluster().find(SearchRequest(tags=(("team", "a"), ("x", "y"))))

    assert {name: each.reveal() for name, each in found.items()} == {"a": b'{"k":"x"}', "b": b"{}"}
    assert "labelSelector=team%3Da%2Cx%3Dy" in api.asked[0][1]


def test_an_endless_list_ends_by_time_pages_and_size(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that always named a next page was followed until no memory was left."""
    find, value = SearchRequest(name="."), "x" * 100
    api.answer = lambda _: web.json_response(
        {
            "kind": "SecretList",
            "items": [{"metadata": {"name": str(len(api.asked))}, "data": {"k": value}}],
            "metadata": {"continue": "on"},
        }
    )
    with pytest.raises(ProviderDenied, match="find takes over 0 s"):
        api.cluster(seconds=0).find(find)

    monkeypatch.setattr("external.providers.kubernetes.lists.MAX_PAGES", 3)
    api.asked.clear()
    with pytest.raises(ProviderDenied, match="more than 300 Secrets"):
        api.cluster().find(find)
    assert len(api.asked) == 3

    monkeypatch.setattr("external.providers.support.search.MAX_FOUND_BYTES", 800)
    api.asked.clear()
    with pytest.raises(ProviderDenied, match="find matches more than 800 bytes"):
        api.cluster().find(find)
    assert len(api.asked) == 2


@pytest.mark.parametrize(
    "page",
    [
        {"items": []},
        {"kind": "SecretList", "items": {"a": 1}},
        {"kind": "SecretList", "items": ["a"]},
        {"metadata": "x"},
        {"kind": "SecretList", "items": [{"metadata": 5}]},
        {"kind": "SecretList", "items": [{"metadata": {"name": "a"}, "data": {"k": 5}}]},
    ],
)
def test_a_list_of_other_types_is_the_servers_fault(api: Api, page: object) -> None:
    api.answer = lambda _: web.json_response(page)
    with pytest.raises(ProviderUnavailable, match="ListSecrets"):
        api.cluster().find(SearchRequest(name="."))


@pytest.mark.parametrize(
    ("rules", "allowed", "ready"),
    [
        ([{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}], None, True),
        ([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}], None, True),
        ([{"verbs": ["list"], "apiGroups": [""], "resources": ["secrets"]}], True, True),
        ([{"verbs": ["get"], "apiGroups": ["apps"], "resources": ["secrets"]}], False, False),
        ([], False, False),
    ],
)
def test_a_store_is_valid_when_its_identity_may_read(
    api: Api, rules: list[object], allowed: bool | None, ready: bool
) -> None:
    def review(request: web.Request) -> web.Response:
        status = {"resourceRules": rules} if request.path.endswith("rulesreviews") else {"allowed": allowed}
        return web.json_response({"status": status}, status=201)

    api.answer = review
    if ready:
        api.cluster().validate()
    else:
        with pytest.raises(ProviderDenied, match="not allowed to get secrets"):
            api.cluster().validate()
    assert len(api.asked) == (1 if allowed is None else 2)


def test_a_tenant_reaches_no_server_on_the_node(api: Api) -> None:
    answer = read(api.cluster(bounds=EgressPolicy()))

    assert isinstance(answer, ProviderDenied)
    assert api.asked == []
