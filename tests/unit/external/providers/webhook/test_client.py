"""The webhook provider against a real HTTP server: requests, results, and what it does not let happen."""

import asyncio
import json
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from external.api.providers.webhook import WebhookProvider, says_namespace
from external.providers.protocol import (
    NotModified,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from external.providers.support.egress import EgressPolicy
from external.providers.webhook import client as webhook
from external.providers.webhook import paths
from external.providers.webhook.client import Webhook, WebhookContext
from external.providers.webhook.results import value
from manager.core.secret_value import SecretValue
from tests.cluster.serving import Served

LOCAL = ("127.0.0.0/8", "::1/128")


class Site:
    """An HTTP server that answers as it is told and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], str]] = []
        self.answer: Callable[[web.Request], Any] = lambda _: web.Response(text="value")
        self._served = Served(self._handle)
        self.url = self._served.start()
        self.calls: list[tuple[str, str, str]] = []

    def stop(self) -> None:
        self._served.stop()

    def client(self, timeout: float = 5.0, egress: Any = None, secrets: Any = None, **spec: Any) -> Webhook:
        """Return a client whose templates are filled by plain replacement; the engine is tested elsewhere."""

        def render(name: str, source: str, data: Mapping[str, Mapping[str, SecretValue]]) -> SecretValue:
            text = source
            for group, values in data.items():
                for key, each in values.items():
                    text = text.replace("{{ ." + group + "." + key + " }}", each.reveal().decode())
            if "{{" in text:
                raise ProviderDenied(f"{name}: cannot be rendered")
            return SecretValue(text.encode())

        model = WebhookProvider.model_validate({"url": f"{self.url}/x", **spec})

        def count(*call: Any) -> None:
            self.calls.append(call)

        context = WebhookContext(secrets or {}, "ns", render, egress or EgressPolicy(LOCAL), None, count, timeout)
        return Webhook(model, context)

    def read(self, client: Webhook, key: str = "k", version: str = "", path: str = "") -> str | ProviderError:
        request = SecretRequest(key, version, property=path)
        found = client.read([request])[request]
        return found if isinstance(found, ProviderError) else found.reveal().decode()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.asked.append((request.method, request.path_qs, dict(request.headers), body))
        answer = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer


def test_url_headers_and_body_are_templates(site: Site) -> None:
    client = site.client(
        url=site.url + "/{{ .remoteRef.key }}?v={{ .remoteRef.version }}&p={{ .remoteRef.property }}",
        method="POST",
        headers={"X-Token": "{{ .auth.token }}", "X-Plain": "yes", "X-Namespace": "{{ .remoteRef.namespace }}"},
        body='{"k":"{{ .remoteRef.key }}"}',
        secrets={"auth": {"token": SecretValue(b"canary")}},
    )
    assert site.read(client, "a b/c", "2", "x&y") == "value"

    method, path, headers, body = site.asked[0]
    assert (method, path, body) == ("POST", "/a+b%2Fc?v=2&p=x%26y", '{"k":"a b/c"}')
    assert (headers["X-Token"], headers["X-Plain"], headers["X-Namespace"]) == ("canary", "yes", "ns")
    assert site.calls == [("Webhook", "HTTPRequest", "success")]


@pytest.mark.parametrize("name", ["..", "../other", "a/../b", "a/.", "a\\..\\b"])
@pytest.mark.parametrize("field", ["key", "version", "property"])
def test_a_name_that_leads_out_of_its_path_is_not_sent(site: Site, name: str, field: str) -> None:
    client = site.client(url=site.url + "/tenant/{{ .remoteRef.key }}")
    asked = {"key": "k", "version": "", "property": "", field: name}

    assert f"remoteRef.{field}: . and .. lead to another path" in str(site.read(client, *asked.values()))
    assert site.asked == []


@pytest.mark.parametrize("key", ["a..b", "...", ".env", "a/..b"])
def test_dots_within_a_name_are_sent(site: Site, key: str) -> None:
    assert site.read(site.client(url=site.url + "/{{ .remoteRef.key }}"), key) == "value"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, SecretAbsent),
        (304, NotModified),
        (401, ProviderDenied),
        (400, ProviderDenied),
        (429, ProviderUnavailable),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
    ],
)
def test_what_a_status_means(site: Site, status: int, error: type[ProviderError]) -> None:
    site.answer = lambda _: web.Response(status=status)
    if error is ProviderUnavailable:
        with pytest.raises(ProviderUnavailable):
            site.read(site.client())
    else:
        assert type(site.read(site.client())) is error


@pytest.mark.parametrize(
    ("path", "given", "wanted"),
    [
        ("$.a", {"a": "text"}, "text"),
        ("a.b", {"a": {"b": True}}, "true"),
        ("$.a", {"a": None}, ""),
        ("$.a", {"a": 12345678901234567890}, "12345678901234567890"),
        ("$.a", {"a": 1.5}, "1.5"),
        ("$.a", {"a": {"z": "<&>", "b": 1}}, '{"b":1,"z":"\\u003c\\u0026\\u003e"}'),
        ("$.a", {"a": ["first", "second"]}, "first"),
        ("$.a[1]", {"a": ["first", "second"]}, "second"),
        ("$.a[?(@.n=='y')].v", {"a": [{"n": "x", "v": "1"}, {"n": "y", "v": "2"}]}, "2"),
        ("$..v", {"a": {"b": {"v": "deep"}}}, "deep"),
        ("$['a-b']", {"a-b": "dash"}, "dash"),
        ("$.args.parameter", {"args": {"parameter": "documented"}}, "documented"),
        ('$.data.fields[?@.name=="n"].value', {"data": {"fields": [{"name": "n", "value": "f"}]}}, "f"),
        ("$..[?(@.n=='y' && @.on==true)].v", {"a": [{"n": "y", "v": "1"}, {"n": "y", "on": True, "v": "2"}]}, "2"),
        ("$.a[1:].v", {"a": [{"v": "1"}, {"v": "2"}]}, "2"),
        ("$.a[*].v", {"a": [{}, {"v": "2"}]}, "2"),
    ],
)
def test_what_a_json_path_leads_to(path: str, given: object, wanted: str) -> None:
    assert value(json.dumps(given).encode(), path).reveal().decode() == wanted


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("$.none", b"{}", ProviderDenied),
        ("$.a", b'{"a":[]}', ProviderDenied),
        ("$.a[", b"{}", ProviderDenied),
        ("$.a[?match(@.b, '(a+)+$')]", b"{}", ProviderDenied),
        ("$.a[?@.b =~ /x/]", b"{}", ProviderDenied),
        ("$..a..b..c", b"{}", ProviderDenied),
        ("$." + "a" * 2000, b"{}", ProviderDenied),
        ("$.a['b','c']", b"{}", ProviderDenied),
        ("$.a[?count(@.*)>1]", b"{}", ProviderDenied),
        ("$.a[?@..b]", b"{}", ProviderDenied),
        ("$.a[?@[?@.b]]", b"{}", ProviderDenied),
        ("$.a", b"<html>", ProviderUnavailable),
        ("$.a", b"[" * 100_000, ProviderUnavailable),
    ],
)
def test_paths_and_bodies_that_are_none(path: str, body: bytes, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        value(body, path)


NESTED = b"[" * 40 + b"0," * 100_000 + b"0" + b"]" * 40


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("$" + "[0,0]" * 60 + ".nope", b"[" * 90 + b"]" * 90),
        ("$[?count($[*])>99999999]", b"[" + b"0," * 500_000 + b"0]"),
        ("$.." + "[*]" * 40 + ".nope", NESTED),
        ("$[?" + "||".join(["@==1"] * 150) + "]", b"[" + b"0," * 500_000 + b"0]"),
        ("$[?@" + ".a" * 500 + "]", b"[" + b"[]," * 300_000 + b"0]"),
    ],
    ids=["selectors", "functions", "descendants", "comparisons", "long"],
)
def test_a_path_that_would_take_for_ever_is_given_up(path: str, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two namespaces with such a path held all threads of all providers for good."""
    monkeypatch.setattr(
        paths, "MAX_WORK_CHARACTERS", paths.MAX_WORK_CHARACTERS // 20
    )  # seconds are enough for production, too long for a test
    with pytest.raises(ProviderDenied, match=r"result\.jsonPath: (only|it takes too many steps|it is no)"):
        value(body, path)


def test_a_long_key_is_not_copied_for_each_of_its_children() -> None:
    """Each place kept its path: 250 000 times half a megabyte."""
    body = json.dumps({"k" * 300_000: list(range(20_000))}).encode()
    tracemalloc.start()
    with pytest.raises(ProviderDenied, match="get any result"):
        value(body, "$.*[*].nope")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 10 * len(body)


def test_stores_of_a_namespace_cannot_reach_the_node(site: Site) -> None:
    for host in (site.url, "http://169.254.169.254/latest/meta-data", "http://[::1]:1/", "http://0.0.0.0/"):
        client = site.client(url=host, egress=EgressPolicy())
        answer = site.read(client)
        assert isinstance(answer, ProviderDenied)
        assert "external.egress_allowed" in str(answer)
        assert str(answer).startswith(f"url, host {urlsplit(host).netloc}: ")
        with pytest.raises(ProviderDenied, match="may not reach"):
            client.validate()
    assert site.asked == []


def test_a_server_that_is_down_is_named_with_the_reason(site: Site) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        site.read(site.client(url="http://user:canary@127.0.0.1:1/x?canary"))

    assert str(caught.value) == "failed to call endpoint: url, host 127.0.0.1:1: connection refused"


def test_redirects_stay_on_the_host_and_end(site: Site) -> None:
    def to(place: str) -> None:
        site.answer = lambda request: (
            web.Response(text="there")
            if request.path == "/there"
            else web.Response(status=302, headers={"Location": place})
        )

    to("/there")
    assert site.read(site.client()) == "there"
    for place, text in (
        ("http://127.0.0.2:1/there", "another host"),
        ("/x", "redirects"),
        ("file:///etc/passwd", "http"),
    ):
        to(place)
        answer = site.read(site.client(headers={"X-Token": "canary"}))
        assert isinstance(answer, ProviderDenied)
        assert text in str(answer)


def test_an_answer_has_its_size_and_its_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "MAX_ANSWER_BYTES", 1000)
    site.answer = lambda _: web.Response(text="x" * 1001)
    assert isinstance(site.read(site.client()), ProviderDenied)

    async def slow() -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    site.answer = lambda _: slow()
    with pytest.raises(ProviderUnavailable):
        site.read(site.client(timeout=0.1))
    assert site.calls[-1] == ("Webhook", "HTTPRequest", "error")


def test_a_header_that_a_value_splits_is_refused(site: Site) -> None:
    client = site.client(headers={"X-Key": "{{ .remoteRef.key }}"})

    assert isinstance(site.read(client, "a\r\nX-Admin: yes"), ProviderDenied)
    assert site.asked == []


@pytest.mark.parametrize("url", ["ftp://host/x", "http://", "http://host:port/", "{{ .remoteRef.key }}"])
def test_what_is_no_url_is_refused(site: Site, url: str) -> None:
    assert isinstance(site.read(site.client(url=url)), ProviderDenied)


def test_a_store_is_valid_when_somebody_listens(site: Site) -> None:
    site.client().validate()
    site.client(url="http://{{ .auth.host }}/").validate()
    with pytest.raises(ProviderUnavailable):
        site.client(url="http://127.0.0.1:1/").validate()
    assert site.asked == []


def test_find_is_not_for_it(site: Site) -> None:
    with pytest.raises(ProviderDenied, match=r"^not implemented"):
        site.client().find(SearchRequest(name="x"))


@pytest.mark.parametrize(
    ("webhook_spec", "told"),
    [
        ({"url": "http://x/{{ .remoteRef.key }}"}, False),
        ({"url": "http://x/{{ .remoteRef.namespace }}"}, True),
        ({"url": "http://x/", "body": "{{ toJson .remoteRef }}"}, True),
        ({"url": "http://x/", "headers": {"A": '{{ index .remoteRef "namespace" }}'}}, True),
        ({"url": "http://x/", "result": {"jsonPath": "$.{{ .remoteRef.property }}"}}, False),
        (None, False),
    ],
)
def test_templates_that_say_the_namespace_tell_consumers_apart(webhook_spec: object, told: bool) -> None:
    assert says_namespace(webhook_spec) is told
