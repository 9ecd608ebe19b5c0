"""/v1 over real HTTP: status codes and headers as the original has them; no answer reveals a value."""

import contextlib
import io
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import yaml
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from manager.core.errors import ApiError, Unreachable
from manager.kube.resources import Body, Key, Resource
from manager.runtime.health import MAX_BODY_BYTES
from sealed.crypto.unseal import open_object
from sealed.crypto.wire_format import CLUSTER_WIDE
from sealed.http.callers import Callers
from sealed.http.endpoints import MAX_YAML_BYTES, Admission, Bodies, SealingApi, Undecodable
from sealed.http.endpoints import sealed_secret as sealed_secret_of
from sealed.http.rate_limits import RateLimits
from sealed.keys.registry import KeyRegistry
from sealed.metrics import SealedMetrics
from tests.builders.api_in_memory import HandClock
from tests.builders.sealed_module import Inline, key_secret, sealed_secret
from tests.builders.sealed_vectors import certificate, other_key, private_key

CANARY = "canary-88d1"


class ApiServer:
    """Its answers about tokens, of which `good` may post to /v1/verify only, and about its own addresses."""

    def __init__(self) -> None:
        self.away = False
        self.addresses: list[str] = []
        self.asked = 0

    async def get(self, key: Key) -> Body:
        self.asked += 1
        if self.away:
            raise Unreachable(0, "", "get")
        assert str(key) == "EndpointSlice default/kubernetes"
        return {"endpoints": [{"addresses": [each]} for each in self.addresses]}

    async def post(self, resource: Resource, _path: str, body: Body) -> Body:
        if self.away:
            raise Unreachable(0, "", "post")
        spec = body["spec"]
        if resource.kind == "TokenReview":
            known = spec["token"] in ("good", "poor")
            return {"status": {"authenticated": known, "user": {"username": spec["token"]}} if known else {}}
        wanted = {"path": "/v1/verify", "verb": "post"}
        return {"status": {"allowed": spec["user"] == "good" and spec["nonResourceAttributes"] == wanted}}


class Api:
    """The endpoints, served on a socket."""

    def __init__(self, **callers: Any) -> None:
        self.clock = HandClock()
        self.registry = KeyRegistry(Inline(), "CertNotBefore", lambda: None)
        server: Any = ApiServer()
        self.server: ApiServer = server
        self.collected = CollectorRegistry()
        options: Any = {"proxies": (), "require_token": False} | callers
        self.api = SealingApi(
            self.registry,
            SealedMetrics(self.collected),
            Admission(RateLimits(2, 2, self.clock), Callers(server, self.clock, **options)),
            Bodies(Inline(), Inline(), legacy=True, read_timeout=5),
            self.clock,
        )
        application = Application(client_max_size=MAX_BODY_BYTES)
        application.add_routes(self.api.routes())
        self.client = TestClient(TestServer(application))

    async def ask(self, path: str, body: Any = b"", **headers: str) -> ClientResponse:
        self.clock.pass_by(100)
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        return await self.client.post(path, data=io.BytesIO(data), headers=headers)

    def counted(self, **labels: str) -> float | None:
        return self.collected.get_sample_value("sealed_secrets_controller_http_requests_total", labels)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    made = Api()
    await made.registry.put(key_secret())
    async with made.client:
        yield made


def manifest(values: Mapping[str, str] | None = None, **more: Any) -> Body:
    body = sealed_secret({"k": CANARY} if values is None else values, **more)
    return {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", **body}


async def test_exactly_the_current_certificate_is_served(api: Api) -> None:
    answer = await api.ask("/v1/cert.pem")

    assert (answer.status, answer.content_type) == (200, "application/x-pem-file")
    assert api.registry.current is not None
    assert await answer.read() == api.registry.current.certificate

    newest = certificate(other_key(), begins=timedelta(hours=-1))
    await api.registry.put(key_secret("newer", other_key(), cert=newest))
    assert await (await api.ask("/v1/cert.pem")).read() == newest


async def test_without_a_key_there_is_no_certificate() -> None:
    api = Api()
    async with api.client:
        answer = await api.ask("/v1/cert.pem")
        assert (answer.status, await answer.text()) == (500, "cannot get certificate\n")
        assert (await api.ask("/v1/verify", manifest())).status == 409
        assert (await api.ask("/v1/rotate", manifest())).status == 500


async def test_the_certificate_is_never_limited(api: Api) -> None:
    await statuses(api, *["1.1.1.1"] * 4)
    answers = [await api.client.get("/v1/cert.pem") for _ in range(50)]

    assert {each.status for each in answers} == {200}
    assert not any(name.lower().startswith("x-ratelimit") for each in answers for name in each.headers)


@pytest.mark.parametrize("form", [json.dumps, yaml.safe_dump])
async def test_what_opens_is_verified(api: Api, form: Any) -> None:
    answer = await api.ask("/v1/verify", form(manifest()).encode())

    assert (answer.status, await answer.read()) == (200, b"")


async def test_an_object_without_values_is_verified(api: Api) -> None:
    assert (await api.ask("/v1/verify", manifest({}))).status == 200


WRONG = {
    "another key": lambda: manifest(key=other_key()),
    "another name": lambda: {**(body := manifest()), "metadata": {**body["metadata"], "name": "b"}},
    "another scope": lambda: {
        **(body := manifest()),
        "metadata": {**body["metadata"], "annotations": {CLUSTER_WIDE: "true"}},
    },
    "broken base64": lambda: manifest({}, encryptedData={"k": "!"}),
    "odd items": lambda: manifest({}, encryptedData={"k": None, "l": 5, "m": {}}),
    "odd metadata": lambda: {**manifest(), "metadata": "x"},
}


@pytest.mark.parametrize("make", WRONG.values(), ids=list(WRONG))
async def test_what_does_not_open_is_refused_in_two_ways_only(api: Api, make: Any) -> None:
    verified, rotated = await api.ask("/v1/verify", make()), await api.ask("/v1/rotate", make())

    assert (verified.status, await verified.read()) == (409, b"")
    assert (rotated.status, await rotated.read()) == (500, b"")


ONE = yaml.safe_dump({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {}})


@pytest.mark.parametrize("text", [ONE, "---\n" + ONE, ONE + "---\n", "---\n" + ONE + "---\n"])
def test_one_document_is_one_whatever_separators_stand_around_it(text: str) -> None:
    """TestIsMultiDocumentYAML; where the original takes a trailing separator for a second document, we do not."""
    assert sealed_secret_of(text.encode())["kind"] == "SealedSecret"


@pytest.mark.parametrize("text", [ONE + "---\n" + ONE, "---\n" + ONE + "---\n" + ONE + "---\n"])
def test_several_documents_are_refused(text: str) -> None:
    with pytest.raises(Undecodable):
        sealed_secret_of(text.encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80) | st.text("{}[]:,-&*!|> \n\"'kindSealedSecret", max_size=80).map(str.encode))
def test_no_body_crashes_the_reader(body: bytes) -> None:
    with contextlib.suppress(Undecodable):
        assert isinstance(sealed_secret_of(body), dict)


UNDECODABLE: list[bytes] = [
    b"",
    b"[]",
    b"text",
    b"\xff\xfe",
    b"{",
    b"[" * 100_000,
    json.dumps({**manifest({}), "kind": "SealedSecretList"}).encode(),
    json.dumps({name: value for name, value in manifest({}).items() if name != "kind"}).encode(),
    json.dumps({**manifest({}), "apiVersion": "bitnami.com/v1"}).encode(),
    (yaml.safe_dump(manifest({})) + "---\n" + yaml.safe_dump(manifest({}))).encode(),
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b]\nkind: x",
    b"kind: x\n" * (MAX_YAML_BYTES // 8 + 1),
]


@pytest.mark.parametrize("body", UNDECODABLE, ids=lambda body: body[:20])
@pytest.mark.parametrize("path", ["/v1/verify", "/v1/rotate"])
async def test_what_is_not_one_sealed_secret_is_answered_with_500(api: Api, path: str, body: bytes) -> None:
    answer = await api.ask(path, body)

    assert (answer.status, await answer.read()) == (500, b"")


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/rotate"])
async def test_a_body_above_the_limit_is_refused(api: Api, path: str) -> None:
    assert (await api.ask(path, b"x" * (MAX_BODY_BYTES + 1))).status == 413


async def test_a_template_decides_nothing(api: Api) -> None:
    """It would tell one bit of a value for every question."""
    template = {"data": {"x": '{{ if eq .k "guess" }}{{ fail "no" }}{{ end }}', "y": "{{"}}

    verified = await api.ask("/v1/verify", manifest(template=template))
    rotated = await api.ask("/v1/rotate", manifest(template=template))

    assert (verified.status, rotated.status) == (200, 200)
    assert (await rotated.json(content_type=None))["spec"]["template"] == template


async def test_what_is_rotated_opens_with_the_current_key_alone(api: Api) -> None:
    newest = certificate(other_key(), begins=timedelta(hours=-1))
    await api.registry.put(key_secret("newer", other_key(), cert=newest))
    before = manifest(annotations={CLUSTER_WIDE: "true", "note": "kept"})
    before["metadata"] |= {
        "resourceVersion": "5",
        "managedFields": [],
        "labels": {"app": "x"},
        "creationTimestamp": None,
    }

    after = await (await api.ask("/v1/rotate", before)).json(content_type=None)

    assert set(after) == {"metadata", "spec"}
    assert after["metadata"] == {
        "name": "a",
        "namespace": "ns",
        "labels": {"app": "x"},
        "annotations": {CLUSTER_WIDE: "true", "note": "kept"},
    }
    assert after["spec"]["encryptedData"] != before["spec"]["encryptedData"]
    opened = open_object(after, [("new", other_key())], legacy=False)
    assert opened.values["k"].reveal().decode() == CANARY


async def test_a_scope_in_the_template_widens_nothing(api: Api) -> None:
    template = {"metadata": {"annotations": {CLUSTER_WIDE: "true"}}}

    after = await (await api.ask("/v1/rotate", manifest(template=template))).json(content_type=None)

    assert "annotations" not in after["metadata"]
    assert open_object(after, [("key", private_key())], legacy=False).values["k"].reveal().decode() == CANARY


async def test_a_strict_value_without_a_place_is_not_rotated(api: Api) -> None:
    assert (await api.ask("/v1/rotate", {**manifest({}), "metadata": {"name": "a"}})).status == 500


async def test_who_asks_too_often_is_sent_away_and_told_when_to_return(api: Api) -> None:
    answers = [await api.client.post("/v1/verify", json=manifest({})) for _ in range(5)]

    assert [each.status for each in answers] == [200, 200, 200, 429, 429]
    assert await answers[-1].text() == "limit exceeded\n"
    assert answers[-1].headers["Retry-After"] == "1"
    assert all("X-Ratelimit-Remaining" in each.headers for each in answers)
    assert api.counted(path="/v1/verify", code="429", method="post") == 2


async def test_a_header_that_a_caller_writes_gives_no_new_allowance(api: Api) -> None:
    headers = [{"X-Forwarded-For": f"10.0.0.{at}"} for at in range(5)]

    answers = [await api.client.post("/v1/verify", json=manifest({}), headers=each) for each in headers]

    assert [each.status for each in answers] == [200, 200, 200, 429, 429]


async def test_callers_behind_the_proxy_are_named_by_the_hop_it_added() -> None:
    api = Api(proxies=("127.0.0.0/8", "::1/128"))
    await api.registry.put(key_secret())
    async with api.client:
        chosen = [{"X-Forwarded-For": f"1.1.1.{at}, 10.0.0.1"} for at in range(5)]
        answers = [await api.client.post("/v1/verify", json=manifest({}), headers=each) for each in chosen]
        other = await api.client.post("/v1/verify", json=manifest({}), headers={"X-Forwarded-For": "1.1.1.1, 10.0.0.2"})

    assert [each.status for each in answers] == [200, 200, 200, 429, 429]
    assert other.status == 200


async def statuses(api: Api, *hops: str) -> list[int]:
    """Ask once for each value of X-Forwarded-For."""
    return [
        (await api.client.post("/v1/verify", json=manifest({}), headers={"X-Forwarded-For": each})).status
        for each in hops
    ]


async def test_the_api_server_is_known_by_its_published_addresses(api: Api) -> None:
    api.server.addresses = ["10.9.9.9", "127.0.0.1"]

    found = await statuses(api, *(f"1.1.1.{at}, 10.0.0.1" for at in range(4)), "10.0.0.2", "9.9.9.9, 10.0.0.2")

    assert found == [200, 200, 200, 429, 200, 200]
    assert api.server.asked == 1


async def test_who_is_no_api_server_is_asked_about_once_a_minute(api: Api) -> None:
    api.server.addresses = ["10.9.9.9"]

    assert await statuses(api, "1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4") == [200, 200, 200, 429]
    assert api.server.asked == 1
    api.clock.pass_by(60)
    api.server.addresses = ["127.0.0.1"]

    assert await statuses(api, *(f"1.1.1.{at}" for at in range(5))) == [200] * 5
    assert api.server.asked == 2


async def test_a_former_api_server_is_trusted_for_at_most_a_minute(api: Api) -> None:
    api.server.addresses = ["127.0.0.1"]
    assert await statuses(api, *(f"1.1.1.{at}" for at in range(4))) == [200] * 4
    api.clock.pass_by(60)
    api.server.addresses = ["10.9.9.9"]

    assert await statuses(api, *(f"1.1.1.{at}" for at in range(4))) == [200, 200, 200, 429]


async def test_known_api_servers_stay_while_addresses_are_unreadable(api: Api) -> None:
    api.server.addresses = ["127.0.0.1"]
    await statuses(api, "1.1.1.1")
    api.clock.pass_by(60)
    api.server.away = True

    assert await statuses(api, *(f"1.1.1.{at}" for at in range(5))) == [200] * 5


@pytest.mark.parametrize("hop", ["x" * 5000, "unknown", "10.0.0.1:80", " "])
async def test_a_hop_that_is_no_address_tells_nobody_apart(api: Api, hop: str) -> None:
    api.server.addresses = ["127.0.0.1"]

    assert await statuses(api, *(f"1.1.1.1, {hop}{at}" if hop != " " else hop for at in range(4))) == [200] * 3 + [429]


async def test_no_header_is_trusted_while_addresses_are_unreadable(api: Api) -> None:
    api.server.away = True

    assert await statuses(api, "1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4") == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, "/v1/verify", 401),
        ({"Authorization": "Basic eDp5"}, "/v1/verify", 401),
        ({"Authorization": "Bearer unknown"}, "/v1/verify", 401),
        ({"Authorization": "Bearer poor"}, "/v1/verify", 403),
        ({"Authorization": "Bearer good"}, "/v1/rotate", 403),
        ({"Authorization": "Bearer good"}, "/v1/verify", 200),
        ({}, "/v1/cert.pem", 200),
    ],
)
async def test_where_a_token_is_wanted_it_needs_the_right_to_the_path(
    headers: dict[str, str], path: str, status: int
) -> None:
    api = Api(require_token=True)
    await api.registry.put(key_secret())
    async with api.client:
        assert (await api.ask(path, manifest({}), **headers)).status == status


async def test_nobody_passes_while_tokens_cannot_be_reviewed() -> None:
    api = Api(require_token=True)
    api.server.away = True
    assert issubclass(Unreachable, ApiError)
    async with api.client:
        assert (await api.ask("/v1/verify", manifest({}), Authorization="Bearer good")).status == 503


async def test_no_value_is_in_any_answer(api: Api) -> None:
    answers = [await api.ask(path, manifest()) for path in ("/v1/verify", "/v1/rotate")]

    for answer in answers:
        assert CANARY not in await answer.text() + str(answer.headers)
