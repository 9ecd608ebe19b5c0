"""Webhook generators: the members of an answer, and Secrets whose owners agree that they are sent."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from external.generators.services.webhook import CONSENT_LABEL, WEBHOOKS
from external.providers.protocol import ProviderError, SecretAbsent
from external.providers.support.lookup import Lookup
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRETS, Key
from tests.builders.api_in_memory import MemoryApi
from tests.builders.external_objects import encoded
from tests.builders.generators import generate, generator_context, texts
from tests.cluster.serving import Served


class Site:
    """Answers as it is told and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        self.answer: tuple[int, str] = (200, "{}")
        self._served = Served(self._handle)
        self.url = self._served.start()

    def stop(self) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        token = request.headers.get("X-Token", "")
        self.asked.append((request.method, request.path_qs, token, await request.text()))
        return web.Response(status=self.answer[0], text=self.answer[1])


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    made = Site()
    yield made
    made.stop()


@pytest.fixture
def site(running: Site) -> Site:
    running.asked.clear()
    running.answer = (200, '{"user": "u", "port": 5, "deep": {"a": "b"}}')
    return running


def render(name: str, source: str, data: Mapping[str, Mapping[str, SecretValue]]) -> SecretValue:
    """Fill templates by plain replacement; the engine is tested elsewhere."""
    del name
    for group, values in data.items():
        for key, each in values.items():
            source = source.replace("{{ ." + group + "." + key + " }}", each.reveal().decode())
    return SecretValue(source.encode())


async def made(site: Site, api: MemoryApi | None = None, **spec: Any) -> dict[str, str]:
    client: Any = api or MemoryApi()
    lookup = Lookup(client, Key(WEBHOOKS.resource, "ns", "made"), "")
    context = replace(generator_context(), lookup=lookup, render=render)
    whole = {"url": f"{site.url}/x", "result": {}, **spec}
    return texts(await generate(WEBHOOKS, context, **whole))


def secret(api: MemoryApi, **labels: str) -> None:
    labelled = {name.replace("_", "."): value for name, value in labels.items()}
    meta = {"name": "auth", "namespace": "ns", "labels": labelled}
    api.put(SECRETS, {"metadata": meta, "data": encoded(token="canary")})


async def test_the_members_of_the_answer_are_the_values(site: Site) -> None:
    assert await made(site) == {"user": "u", "port": "5", "deep": '{"a":"b"}'}
    assert await made(site, result={"jsonPath": "$.deep"}) == {"a": "b"}
    assert [each[:2] for each in site.asked] == [("GET", "/x")] * 2


async def test_a_text_that_is_json_is_read_once_more(site: Site) -> None:
    site.answer = (200, '{"inner": "{\\"a\\": \\"b\\"}"}')

    assert await made(site, result={"jsonPath": "$.inner"}) == {"a": "b"}


async def test_url_headers_and_body_take_values_of_labelled_secrets(site: Site) -> None:
    api = MemoryApi()
    api.put(
        SECRETS,
        {"metadata": {"name": "auth", "namespace": "ns", "labels": dict([CONSENT_LABEL])}}
        | {"data": encoded(token="canary")},
    )
    spec = {
        "method": "POST",
        "url": site.url + "/{{ .auth.token }}",
        "headers": {"X-Token": "{{ .auth.token }}"},
        "body": "t={{ .auth.token }}",
        "secrets": [{"name": "auth", "secretRef": {"name": "auth"}}],
    }
    await made(site, api, **spec)

    assert site.asked == [("POST", "/canary", "canary", "t=canary")]
    assert [verb for verb, _ in api.calls] == ["get metadata", "get"]


@pytest.mark.parametrize("labels", [{}, {"external-secrets_io/type": "webhook"}])
async def test_a_secret_without_the_label_is_never_read(site: Site, labels: dict[str, str]) -> None:
    """The label of stores is no consent to generators, and the reverse."""
    api = MemoryApi()
    secret(api, **labels)
    with pytest.raises(NeedsHuman, match=r"spec.secrets\[0\].secretRef: secret does not contain needed label"):
        await made(site, api, secrets=[{"name": "auth", "secretRef": {"name": "auth"}}])

    assert ([verb for verb, _ in api.calls], site.asked) == (["get metadata"], [])


@pytest.mark.parametrize(
    ("answer", "spec", "said"),
    [
        ((200, "[1]"), {}, "spec.result: the answer is no JSON object"),
        ((200, "hunter2"), {}, "spec.result: the answer is no JSON object"),
        ((200, "{}"), {}, "spec.result: it must have 1 to 256 members"),
        ((200, '{"a": "' + "x" * 300_000 + '"}'), {}, "256 KiB at most"),
        ((403, "hunter2"), {}, "endpoint gave error 403 Forbidden"),
        ((200, "{}"), {"url": "http://169.254.169.254/x"}, "may not reach the server's address"),
        ((200, "{}"), {"result": {"jsonPath": "$.a"}}, "result.jsonPath|failed to get response path"),
        ((200, "{}"), {"timeout": "soon"}, "spec.timeout"),
    ],
)
async def test_what_is_no_set_of_values_says_why(site: Site, answer: Any, spec: Any, said: str) -> None:
    site.answer = answer
    with pytest.raises(ProviderError, match=said) as raised:
        await made(site, **spec)
    assert "hunter2" not in str(raised.value)
    assert not isinstance(raised.value, SecretAbsent)


async def test_ntlm_is_named_as_not_served(site: Site) -> None:
    login = {"ntlm": {"usernameSecret": {"name": "a"}, "passwordSecret": {"name": "b"}}}
    with pytest.raises(NeedsHuman, match=r"spec\.auth: ntlm is not served by this version"):
        await made(site, auth=login)
