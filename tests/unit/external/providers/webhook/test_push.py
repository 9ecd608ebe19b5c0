"""What a webhook sends for a push, a delete and the question whether a secret exists."""

from typing import Any

import pytest
from aiohttp import web

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import PushRefused, PushRequest, RemoteRef, proves_pushes, pushes
from external.providers.webhook.client import Webhook
from manager.core.secret_value import SecretValue
from tests.unit.external.providers.webhook.test_client import Site

REF = RemoteRef("my key", "p")


def request(value: bytes | None = b"canary <&>", ref: RemoteRef = REF) -> PushRequest:
    values = {"k": SecretValue(value if value is not None else b"1")}
    return PushRequest(ref, "k" if value is not None else "", values, "ns/a", recorded=False)


def client(site: Site, **spec: Any) -> Webhook:
    return site.client(secrets={"auth": {"token": SecretValue(b"t")}}, **spec)


def test_a_push_fills_the_stores_templates(site: Site) -> None:
    spec = {
        "url": site.url + "/{{ .remoteRef.remoteKey }}?k={{ .remoteRef.secretKey }}&p={{ .remoteRef.property }}",
        "headers": {"Authorization": "Bearer {{ .auth.token }}"},
        "body": '{"key":"{{ .remoteRef.remoteKey }}","value":"{{ .remoteRef.my key }}"}',
    }
    found = client(site, **spec).push(request())

    method, path, headers, body = site.asked[0]
    assert found.written
    assert (method, path) == ("POST", "/my+key?k=k&p=p")
    assert headers["Authorization"] == "Bearer t"
    assert body == '{"key":"my key","value":"canary <&>"}'
    assert site.calls == [("Webhook", "HTTPRequest", "success")]


@pytest.mark.parametrize(("value", "body"), [(b"text-with-a-dash", "text-with-a-dash"), (None, '{"k":"1"}')])
def test_without_a_template_the_value_is_the_body(site: Site, value: bytes | None, body: str) -> None:
    """The original's own template cannot be parsed for a key with a dash."""
    client(site, method="PUT").push(request(value, RemoteRef("my-key")))

    assert (site.asked[0][0], site.asked[0][3]) == ("PUT", body)


def test_a_delete_has_headers_and_escapes_the_key(site: Site) -> None:
    spec = {"url": site.url + "/{{ .remoteRef.remoteKey }}", "headers": {"X-Token": "{{ .auth.token }}"}}

    assert client(site, **spec).delete(REF, "ns/a")
    assert site.asked[0][:2] == ("DELETE", "/my+key")
    assert site.asked[0][2]["X-Token"] == "t"
    site.answer = lambda _: web.Response(status=404)
    assert not client(site, **spec).delete(REF, "ns/a")


@pytest.mark.parametrize(("status", "there"), [(200, True), (304, True), (404, False)])
def test_a_read_tells_whether_a_secret_exists(site: Site, status: int, there: bool) -> None:
    site.answer = lambda _: web.Response(status=status)
    spec = {"url": site.url + "/{{ .remoteRef.key }}/{{ .remoteRef.property }}"}

    assert client(site, **spec).exists(REF) is there
    assert site.asked[0][:2] == ("GET", "/my+key/p")


@pytest.mark.parametrize("method", ["PUT", "put", None])
def test_the_question_whether_a_secret_exists_writes_nothing(site: Site, method: str | None) -> None:
    spec = {"method": method, "body": '{"value":"{{ .remoteRef.my key }}"}'}

    assert client(site, **spec).exists(REF)
    assert [(asked[0], asked[3]) for asked in site.asked] == [("GET", "")]


@pytest.mark.parametrize("ref", [("..", ""), (".", ""), ("a/../b", ""), ("a\\..", ""), ("a", "..")])
def test_dots_do_not_lead_to_another_path(site: Site, ref: tuple[str, str]) -> None:
    made, asked = client(site, url=site.url + "/team/{{ .remoteRef.remoteKey }}"), RemoteRef(*ref)
    for attempt in (
        lambda: made.push(request(ref=asked)),
        lambda: made.exists(asked),
        lambda: made.delete(asked, "ns/a"),
    ):
        with pytest.raises(PushRefused, match=r"lead to another path"):
            attempt()
    assert site.asked == []


def test_dots_in_a_name_are_names(site: Site) -> None:
    assert client(site).push(request(ref=RemoteRef("..a/b.c", "...")))


@pytest.mark.parametrize("method", ["POST", "post", "PATCH", "DELETE"])
def test_a_method_that_may_write_is_no_question(site: Site, method: str) -> None:
    with pytest.raises(PushRefused, match=f"the store's method {method.upper()}: leave method out"):
        client(site, method=method).exists(REF)
    assert site.asked == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, ProviderDenied), (403, ProviderDenied), (429, ProviderUnavailable), (503, ProviderUnavailable)],
)
def test_a_refused_push_tells_the_status_and_no_value(site: Site, status: int, error: type[Exception]) -> None:
    site.answer = lambda _: web.Response(status=status, text="canary <&>")

    with pytest.raises(error, match=f"endpoint gave error {status}") as told:
        client(site).push(request())
    assert "canary" not in str(told.value)


def test_an_api_that_has_the_value_was_not_written(site: Site) -> None:
    site.answer = lambda _: web.Response(status=304)

    assert not client(site).push(request()).written


def test_a_whole_source_of_bytes_is_refused_before_a_request(site: Site) -> None:
    asked = PushRequest(REF, "", {"k": SecretValue(b"\xff")}, "ns/a", recorded=False)
    with pytest.raises(PushRefused, match="secret key k is not UTF-8"):
        client(site).push(asked)
    assert site.asked == []


def test_metadata_has_no_effect_and_versions_are_not_listed(site: Site) -> None:
    made = client(site)

    assert not made.deletes_property
    assert made.references({"spec": {"labels": {}}}) == ()
    assert pushes(made)
    assert not proves_pushes(made)
