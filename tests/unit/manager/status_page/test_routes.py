"""The endpoints: what each answer says to the browser, and to a viewer without rights."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from manager.core.errors import Forbidden
from manager.kube.resources import SEALED_SECRETS, Body, Resource
from manager.runtime.http.health import serve
from manager.settings.model import Settings
from manager.status_page.routes import StatusPage
from tests.builders.api_in_memory import HandClock


class ApiServer:
    """`all` may list everything, `one` only in namespace `one`; each kind has one object that fails."""

    def __init__(self) -> None:
        self.closed: Resource | None = None
        self.connection: Any = None

    async def post(self, resource: Resource, _path: str, body: Body) -> Body:
        spec = body["spec"]
        if resource.kind == "TokenReview":
            known = spec["token"] in ("all", "one", "none")
            return {"status": {"authenticated": known, "user": {"username": spec["token"]}}}
        inside = spec["resourceAttributes"].get("namespace") == "one"
        return {"status": {"allowed": spec["user"] == "all" or (spec["user"] == "one" and inside)}}

    async def pages(
        self, resource: Resource, *, namespace: str = "", most: int = 0
    ) -> AsyncIterator[tuple[list[Body], str]]:
        if resource is self.closed:
            raise Forbidden(403, "", "list")
        kind = "Synced" if resource is SEALED_SECRETS else "Ready"
        condition = {"type": kind, "status": "False", "message": "<img src=x onerror=alert(1)>"}
        yield [{"metadata": {"name": "a", "namespace": namespace}, "status": {"conditions": [condition]}}], "1"


@pytest.fixture
async def site() -> AsyncIterator[tuple[str, ApiServer]]:
    api = ApiServer()
    client: Any = api
    runner = await serve("127.0.0.1:0", StatusPage(client, HandClock(), Settings(), "coffer").routes())
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}", api
    await runner.cleanup()


async def asked(url: str, token: str = "") -> tuple[int, Any, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        json = answer.content_type == "application/json"
        return answer.status, answer.headers, await (answer.json() if json else answer.text())


@pytest.mark.parametrize("path", ["/", "/assets/page.js", "/assets/seal.js", "/assets/page.css", "/v1/status"])
async def test_every_answer_confines_the_page_to_itself(site: tuple[str, ApiServer], path: str) -> None:
    status, headers, _ = await asked(site[0] + path)
    assert status == (401 if path == "/v1/status" else 200)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


async def test_the_page_names_no_other_host_and_has_no_inline_code(site: tuple[str, ApiServer]) -> None:
    for path in ("/", "/assets/page.js", "/assets/seal.js", "/assets/page.css"):
        text = (await asked(site[0] + path))[2]
        assert "http:" not in text
        assert "https:" not in text
        assert "innerHTML" not in text
    page = (await asked(site[0]))[2]
    assert " style=" not in page
    assert " onclick=" not in page


async def test_a_viewer_of_all_sees_all_kinds(site: tuple[str, ApiServer]) -> None:
    status, _, found = await asked(f"{site[0]}/v1/status", "all")
    assert (status, found["viewer"], found["hidden"]) == (200, "all", [])
    assert found["objects"]["SealedSecret"] == {"ready": 0, "failed": 1, "waiting": 0}
    assert len(found["failures"]) == len(found["objects"]) == 7


async def test_a_viewer_of_one_namespace_names_it(site: tuple[str, ApiServer]) -> None:
    assert (await asked(f"{site[0]}/v1/status", "one"))[0] == 403
    assert (await asked(f"{site[0]}/v1/status?namespace=two", "one"))[0] == 403
    status, _, found = await asked(f"{site[0]}/v1/status?namespace=one", "one")
    assert (status, sorted(found["objects"])) == (
        200,
        ["ExternalSecret", "PushSecret", "SealedSecret", "SecretStore"],
    )


@pytest.mark.parametrize(
    "query",
    ["", "kind=secret", "kind=secret&name=a", "kind=odd&namespace=ns&name=a", "kind=secret&namespace=N&name=a"]
    + [f"kind=secret&namespace=ns&name={name}" for name in ("A", "a/b", "..", "%00", "a" * 300)],
)
async def test_what_names_no_object_is_not_explained(site: tuple[str, ApiServer], query: str) -> None:
    assert (await asked(f"{site[0]}/v1/explain?{query}", "all"))[0] == 400
    assert (await asked(f"{site[0]}/v1/explain?{query}"))[0] == 401


@pytest.mark.parametrize(
    ("token", "query", "status"), [("none", "", 403), ("wrong", "", 401), ("all", "?namespace=A/..", 400)]
)
async def test_what_is_refused(site: tuple[str, ApiServer], token: str, query: str, status: int) -> None:
    assert (await asked(f"{site[0]}/v1/status{query}", token))[0] == status


async def test_a_kind_that_coffer_may_not_list_is_hidden(site: tuple[str, ApiServer]) -> None:
    site[1].closed = SEALED_SECRETS
    status, _, found = await asked(f"{site[0]}/v1/status", "all")
    assert (status, found["hidden"]) == (200, ["SealedSecret"])


async def test_the_bill_is_of_the_stores_that_a_viewer_may_list(site: tuple[str, ApiServer]) -> None:
    every = (await asked(f"{site[0]}/v1/status", "all"))[2]["bill"]
    one = (await asked(f"{site[0]}/v1/status?namespace=one", "one"))[2]["bill"]
    assert (every["complete"], one["complete"]) == (True, False)
