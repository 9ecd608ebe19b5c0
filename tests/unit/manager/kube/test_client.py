"""The client against a small HTTP server: every refusal is one of our errors, none quotes the server."""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from manager.core.errors import AlreadyExists, ApiError, Conflict, Forbidden, Gone, Invalid, NotFound, Unreachable
from manager.kube.client import BODY_PAGE_OBJECTS, MAX_RETRY_AFTER_SECONDS, KubeClient
from manager.kube.connection import Connection, connect
from manager.kube.resources import SEALED_SECRETS, SECRETS, Key
from tests.cluster.certificates import Authority

KEY = Key(SECRETS, "ns", "a")
CANARY = "canary-5e1f"


class Server:
    """Answers what the test says, and remembers requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.observed: list[tuple[str, str, int]] = []
        self.answers: list[web.StreamResponse] = []
        self.hang = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        headers = dict(request.headers)
        self.requests.append((request.method, request.path_qs, headers, json.loads(text) if text else None))
        if not self.answers:
            await self.hang.wait()
        return self.answers.pop(0)

    def status(self, code: int, reason: str = "", **more: Any) -> None:
        body = {"kind": "Status", "reason": reason, "message": f"value {CANARY} is wrong", **more}
        self.answers.append(web.json_response(body, status=code))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    given = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", given.handle)
    authority = Authority.create(tmp_path)
    pair = authority.server("server", ["127.0.0.1"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    running = TestServer(application, scheme="https")
    await running.start_server(ssl=tls)
    async with running:
        file = tmp_path / "kubeconfig"
        file.write_text(kubeconfig(str(running.make_url("")).rstrip("/"), authority=authority.file))
        connection = await connect(str(file))
        given.client = KubeClient(  # type: ignore[attr-defined]
            connection, "agent/1", timeout=0.3, observe=lambda *call: given.observed.append(call)
        )
        given.connection = connection  # type: ignore[attr-defined]
        yield given
        given.hang.set()
        await given.client.close()  # type: ignore[attr-defined]


def kubeconfig(
    server: str, token: str = "t0ken", namespace: str = "here", authority: Path | None = None, **user: Any
) -> str:
    trusted = {"certificate-authority": str(authority)} if authority else {}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": server, **trusted}}],
            "users": [{"name": "u", "user": user or {"token": token}}],
            "contexts": [
                {"name": "c", "context": {"cluster": "k", "user": "u", "namespace": namespace}},
                {"name": "bare", "context": {"cluster": "k", "user": "u"}},
            ],
        }
    )


def client(server: Server) -> KubeClient:
    found: KubeClient = server.client  # type: ignore[attr-defined]
    return found


def connection(server: Server) -> Connection:
    found: Connection = server.connection  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Forbidden),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (410, "Expired", Gone),
        (413, "RequestEntityTooLarge", Invalid),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", Unreachable),
        (500, "InternalError", Unreachable),
        (503, "", Unreachable),
    ],
)
async def test_every_refusal_is_one_of_our_errors(
    server: Server, status: int, reason: str, error: type[ApiError]
) -> None:
    server.status(status, reason)

    with pytest.raises(error) as caught:
        await client(server).get(KEY)

    assert type(caught.value) is error
    assert caught.value.status == status
    assert "get Secret ns/a" in str(caught.value)
    assert CANARY not in str(caught.value)
    assert server.observed == [("get", "secrets", status)]


@pytest.mark.parametrize("text", ["<html>", "", "null", "[]", '{"items": []}'])
async def test_an_answer_that_is_no_object_counts_as_none(server: Server, text: str) -> None:
    """It comes from something between us and the API server, which may be gone in a moment."""
    server.answers.append(web.Response(text=text))

    with pytest.raises(Unreachable):
        await client(server).get(KEY)


async def test_a_redirect_is_not_followed(server: Server) -> None:
    server.answers.append(web.Response(status=307, headers={"Location": "/elsewhere"}))

    with pytest.raises(Unreachable):
        await client(server).get(KEY)

    assert len(server.requests) == 1


async def test_the_token_is_shown_to_the_api_server_alone(server: Server) -> None:
    seen: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response()

    application = web.Application()
    application.router.add_get("/", elsewhere)
    async with TestServer(application) as other, connection(server).session("kopf/1") as session:
        server.answers.append(web.Response(status=307, headers={"Location": str(other.make_url("/"))}))
        await session.get(connection(server).server + "/api/v1/secrets")

    assert server.requests[0][2]["Authorization"] == "Bearer t0ken"
    assert seen == [None]


def plugin(folder: Path, body: str) -> dict[str, Any]:
    """Return a user whose credentials a program tells."""
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o700)
    version = "client.authentication.k8s.io/v1"
    return {"command": str(program), "apiVersion": version, "interactiveMode": "Never", "installHint": "get it"}


def credential(token: str) -> str:
    status = {"token": token}
    return json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})


async def asked_with(server: Server, folder: Path, **user: Any) -> KubeClient:
    file = folder / "other"
    file.write_text(kubeconfig(connection(server).server, authority=folder / "ca.crt", **user))
    return KubeClient(await connect(str(file)), "agent/1", timeout=5.0)


async def test_a_token_that_cannot_be_had_counts_as_no_answer(server: Server, tmp_path: Path) -> None:
    asking = await asked_with(server, tmp_path, exec=plugin(tmp_path, f"echo {CANARY}; exit 3"))

    with pytest.raises(Unreachable) as caught:
        await asking.get(KEY)

    await asking.close()
    assert CANARY not in str(caught.value)
    assert server.requests == []


async def test_a_plugin_runs_beside_the_event_loop_and_again_after_a_refusal(server: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    count = tmp_path / "count"
    body = f"cat {gate} >/dev/null; echo x >>{count}; echo '{credential('told')}'"
    asking = await asked_with(server, tmp_path, exec=plugin(tmp_path, body))
    server.status(401, "Unauthorized")
    server.answers += [web.json_response({"metadata": {}}), web.json_response({"metadata": {}})]

    for refusal in (True, False):
        waiting = asyncio.create_task(asking.get(KEY))
        await asyncio.to_thread(gate.write_text, "go")  # opens only when the program reads: the loop is free meanwhile
        if refusal:
            with pytest.raises(Forbidden):
                await waiting
        else:
            await waiting
    await asking.get(KEY)

    await asking.close()
    assert [each[2]["Authorization"] for each in server.requests] == ["Bearer told"] * 3
    assert count.read_text() == "x\nx\n", "asked again after the refusal alone"


async def test_the_controller_acts_for_whom_its_kubeconfig_names(server: Server, tmp_path: Path) -> None:
    user = {"token": "t", "as": "someone", "as-groups": ["a", "b"], "as-user-extra": {"Scopes/x": ["view"]}}
    asking = await asked_with(server, tmp_path, **user)
    server.answers.append(web.json_response({"metadata": {}}))

    await asking.get(KEY)

    await asking.close()
    headers = server.requests[0][2]
    assert headers["Impersonate-User"] == "someone"
    assert headers["Impersonate-Extra-scopes%2Fx"] == "view"


@pytest.mark.parametrize("details", ["text", [], {"causes": "text"}, {"causes": [None, "text", {"reason": CANARY}]}])
async def test_a_refusal_of_any_shape_is_one_of_our_errors(server: Server, details: Any) -> None:
    server.status(422, f"The value {CANARY} is wrong", details=details)

    with pytest.raises(Invalid) as caught:
        await client(server).get(KEY)

    assert CANARY not in str(caught.value)


async def test_causes_keep_fields_and_lose_messages(server: Server) -> None:
    causes = [{"field": "data[k]", "reason": "FieldValueTooLong", "message": CANARY}]
    server.status(422, "Invalid", details={"causes": causes})

    with pytest.raises(Invalid) as caught:
        await client(server).create(SECRETS, {"metadata": {"namespace": "ns", "name": "a"}})

    assert "data[k]: FieldValueTooLong" in str(caught.value)
    assert CANARY not in str(caught.value)


async def test_a_terminating_namespace_is_recognised(server: Server) -> None:
    server.status(403, "Forbidden", details={"causes": [{"reason": "NamespaceTerminating", "field": "metadata"}]})

    with pytest.raises(Forbidden) as caught:
        await client(server).create(SECRETS, {"metadata": {"namespace": "ns", "name": "a"}})

    assert caught.value.reason == "NamespaceTerminating"


@pytest.mark.parametrize(
    ("text", "after"),
    [("7", 7.0), ("86400", MAX_RETRY_AFTER_SECONDS), ("-5", 0.0), ("soon", 0.0), ("1e9", 0.0), ("", 0.0)],
)
async def test_how_long_a_server_wants_to_be_left_alone_is_heard(server: Server, text: str, after: float) -> None:
    server.answers.append(web.json_response({}, status=429, headers={"Retry-After": text}))

    with pytest.raises(Unreachable) as caught:
        await client(server).get(KEY)

    assert caught.value.after == after


@pytest.mark.parametrize("text", ["", "<html>", "[]", "null"])
async def test_an_answer_that_is_no_status_is_survived(server: Server, text: str) -> None:
    server.answers.append(web.Response(status=502, text=text))

    with pytest.raises(Unreachable):
        await client(server).get(KEY)


async def test_no_answer_in_time_is_unreachable(server: Server) -> None:
    with pytest.raises(Unreachable) as caught:
        await client(server).get(KEY)

    assert caught.value.status == 0
    assert server.observed == [("get", "secrets", 0)]


async def test_absence_is_none_only_when_it_is_proven(server: Server) -> None:
    server.status(404, "NotFound")
    assert await client(server).find(KEY) is None

    server.status(500)
    with pytest.raises(Unreachable):
        await client(server).find(KEY)


async def test_lists_come_in_pages_of_metadata(server: Server) -> None:
    for items, token in (([{"n": 1}], "next"), ([{"n": 2}], "")):
        server.answers.append(
            web.json_response({"metadata": {"resourceVersion": "7", "continue": token}, "items": items})
        )

    found = [page async for page in client(server).pages(SECRETS, selector="a=b")]

    assert found == [([{"n": 1}], "7"), ([{"n": 2}], "7")]
    first, second = server.requests
    assert "limit=500" in first[1]
    assert "labelSelector=a" in first[1]
    assert "continue=next" in second[1]
    assert "PartialObjectMetadataList" in first[2]["Accept"]


async def test_custom_resources_are_listed_whole_and_null_is_empty(server: Server) -> None:
    server.answers.append(web.json_response({"metadata": {}, "items": None}))

    assert [page async for page in client(server).pages(SEALED_SECRETS)] == [([], "")]
    assert "PartialObjectMetadata" not in server.requests[0][2].get("Accept", "")
    assert f"limit={BODY_PAGE_OBJECTS}" in server.requests[0][1]


async def test_writes_carry_manager_type_and_preconditions(server: Server) -> None:
    api = client(server)
    for _ in range(5):
        server.answers.append(web.json_response({"metadata": {}}))
    body = {"metadata": {"namespace": "ns", "name": "a", "resourceVersion": "5"}}
    await api.create(SECRETS, body, manager="m")
    await api.update(KEY, body)
    await api.patch(KEY, {"x": 1}, subresource="status")
    await api.patch_operations(KEY, [{"op": "add"}])
    await api.delete(KEY, uid="u", version="5")

    create, update, patch, operations, delete = server.requests
    assert create[:2] == ("POST", "/api/v1/namespaces/ns/secrets?fieldManager=m")
    assert update[:2] == ("PUT", "/api/v1/namespaces/ns/secrets/a?fieldManager=coffer")
    assert patch[1].startswith("/api/v1/namespaces/ns/secrets/a/status")
    assert patch[2]["Content-Type"] == "application/merge-patch+json"
    assert operations[2]["Content-Type"] == "application/json-patch+json"
    assert delete[3]["preconditions"] == {"uid": "u", "resourceVersion": "5"}
    assert all(each[2]["User-Agent"] == "agent/1" for each in server.requests)
    assert all(each[2]["Authorization"] == "Bearer t0ken" for each in server.requests)


@pytest.mark.parametrize(
    ("answer", "served"),
    [({"resources": [{"name": "sealedsecrets"}]}, True), ({"resources": [{"name": "other"}]}, False), ({}, False)],
)
async def test_a_resource_is_served_when_discovery_names_it(server: Server, answer: Any, served: bool) -> None:
    server.answers.append(web.json_response(answer))

    assert await client(server).served(SEALED_SECRETS) is served


async def test_an_unknown_group_is_not_served(server: Server) -> None:
    server.status(404, "NotFound")

    assert not await client(server).served(SEALED_SECRETS)


async def test_a_watch_yields_events_and_ends_with_the_stream(server: Server) -> None:
    lines = [{"type": "ADDED", "object": {"a": 1}}, {"type": "BOOKMARK", "object": {}}]
    server.answers.append(web.Response(text="".join(json.dumps(each) + "\n" for each in lines)))
    watch = client(server).watch(SECRETS, namespace="ns", selector="a=b", version="7")

    assert [each async for each in watch] == [("ADDED", {"a": 1}), ("BOOKMARK", {})]
    assert "resourceVersion=7" in server.requests[0][1]


async def test_a_broken_watch_is_unreachable_and_a_refused_one_is_its_error(server: Server) -> None:
    server.answers.append(web.Response(text="{garbage\n"))
    server.status(403, "Forbidden")
    for error in (Unreachable, Forbidden):
        watch = client(server).watch(SECRETS, namespace="ns", selector="", version="7")
        with pytest.raises(error):
            _ = [each async for each in watch]


async def test_metadata_alone_is_read_without_a_value(server: Any) -> None:
    server.answers.append(web.json_response({"kind": "PartialObjectMetadata", "metadata": {"name": "a"}}))
    server.status(404, "NotFound")

    assert (await server.client.find_metadata(KEY) or {})["metadata"] == {"name": "a"}
    assert await server.client.find_metadata(KEY) is None
    assert all("as=PartialObjectMetadata;" in headers["Accept"] for _, _, headers, _ in server.requests)
