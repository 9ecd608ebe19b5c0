"""What a push makes of a service that refuses, throttles, hangs, or answers by half."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from external.api.providers.aws import AwsProvider
from external.api.providers.webhook import WebhookProvider
from external.providers.aws import AwsClient
from external.providers.aws.certificatemanager import CertificateManager
from external.providers.aws.identity import Identity
from external.providers.aws.parameterstore import ParameterStore
from external.providers.aws.secretsmanager import SecretsManager
from external.providers.aws.session import AwsConnection
from external.providers.kubernetes.client import Cluster
from external.providers.kubernetes.connection import Connection, Server
from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import RemoteRef
from external.providers.vault import connection as vault
from external.providers.vault.login import Login
from external.providers.vault.push import VaultKeyValue
from external.providers.webhook.client import Webhook, WebhookContext
from manager.core.secret_value import SecretValue
from tests.cluster.serving import Served, abort
from tests.conformance.providers.bench import EVERYWHERE, OWNER, request
from tests.unit.external.providers.aws.test_certificatemanager import ONE

CANARY = b"canary-91bc"
PATIENT, HASTY = 60.0, 0.5


def _count(*_: str) -> None:
    """Count nothing."""


def _kubernetes(url: str, timeout: float) -> Any:
    return Cluster(Connection(Server(url, None, EVERYWHERE), _count, timeout), "remote", 5, "x")


def _vault(version: str) -> Callable[[str, float], Any]:
    def make(url: str, timeout: float) -> Any:
        server = vault.Server(url, "", "", {}, None, None, "HashiCorp/Vault")
        login = Login(token=SecretValue(b"token"))
        return VaultKeyValue(vault.Connection(server, login, EVERYWHERE, _count, timeout), "kv", version, 5)

    return make


def _amazon(kind: AwsClient) -> Callable[[str, float], Any]:
    def make(url: str, timeout: float) -> Any:
        del url
        spec = AwsProvider.model_validate({"service": kind.__name__, "region": "eu-west-1"})
        keys = {"access_key_id": SecretValue(b"AKIA"), "secret_access_key": SecretValue(b"x")}
        return kind(AwsConnection(spec, Identity(keys), None, _count, timeout, kind.label))

    return make


def _webhook(url: str, timeout: float) -> Any:
    context = WebhookContext({}, "ns", None, EVERYWHERE, None, _count, timeout)
    return Webhook(WebhookProvider.model_validate({"url": f"{url}/x"}), context)


class Faulty(NamedTuple):
    """How a provider's service refuses."""

    make: Callable[[str, float], Any]
    denied: tuple[int, Any]
    throttled: tuple[int, Any]
    needed: Mapping[str, str]
    """What a denied push and a denied delete must say."""


def _aws(code: str) -> tuple[int, Any]:
    return 400, {"__type": code, "message": "User: x is not authorized to perform it"}


VAULT = ((403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}), (429, {"errors": ["rate limit"]}))
KUBERNETES = {"kind": "Status", "reason": "Forbidden", "message": 'secrets "app" is forbidden'}
AWS = (_aws("AccessDeniedException"), _aws("ThrottlingException"))
SERVICES = {
    "kubernetes": Faulty(_kubernetes, (403, KUBERNETES), (429, {}), {"push": "get, create and update"}),
    "vault-v1": Faulty(_vault("v1"), *VAULT, {"push": "must allow read on kv/app"}),
    "vault-v2": Faulty(_vault("v2"), *VAULT, {"push": "must allow read on kv/data/app"}),
    "secretsmanager": Faulty(_amazon(SecretsManager), *AWS, {"push": "allow secretsmanager:DescribeSecret"}),
    "parameterstore": Faulty(_amazon(ParameterStore), *AWS, {"push": "allow ssm:GetParameter"}),
    "certificatemanager": Faulty(_amazon(CertificateManager), *AWS, {"push": "allow tag:GetResources"}),
    "webhook": Faulty(_webhook, (403, {}), (429, {}), {"push": "endpoint gave error 403 Forbidden"}),
}


class Service:
    """Gives every request the same answer."""

    def __init__(self) -> None:
        self.answer: Callable[[web.Request], Any] = lambda _: web.Response(status=500)
        self._served = Served(self._handle)
        self.url = self._served.start()

    def stop(self) -> None:
        self._served.stop()

    def says(self, status: int, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.answer = lambda _: web.Response(status=status, text=text, content_type="application/x-amz-json-1.1")

    async def _handle(self, asked: web.Request) -> web.StreamResponse:
        answer = self.answer(asked)
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    made = Service()
    yield made
    made.stop()


@pytest.fixture
def service(running: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    for name in ("SECRETSMANAGER", "SSM", "STS", "ACM", "RESOURCE_GROUPS_TAGGING_API"):
        monkeypatch.setenv(f"AWS_{name}_ENDPOINT", running.url)
    return running


def attempts(client: Any) -> list[Callable[[], object]]:
    """Return every call of the contract that reaches the service."""
    ref = RemoteRef("app")
    pushed = request(RemoteRef("app", "value"), b'"' + CANARY + b'"')
    if isinstance(client, ParameterStore):
        pushed = request(ref, CANARY)
    if isinstance(client, CertificateManager):
        pushed = request(ref, None, values={"tls.crt": ONE.certificate, "tls.key": CANARY})
    return [lambda: client.push(pushed), lambda: client.exists(ref), lambda: client.delete(ref, OWNER)]


def assert_all(client: Any, error: type[Exception], text: str = "") -> None:
    """Assert that every call fails in one way, and none tells the value."""
    for number, attempt in enumerate(attempts(client)):
        with pytest.raises(error) as told:
            attempt()
        assert CANARY.decode() not in str(told.value)
        assert text in str(told.value) or number


@pytest.mark.parametrize("name", SERVICES)
def test_a_denied_call_says_which_right_it_needs(service: Service, name: str) -> None:
    kind = SERVICES[name]
    service.says(*kind.denied)

    assert_all(kind.make(service.url, PATIENT), ProviderDenied, kind.needed["push"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_throttled_call_is_tried_again_later(service: Service, name: str) -> None:
    kind = SERVICES[name]
    service.says(*kind.throttled)

    assert_all(kind.make(service.url, PATIENT), ProviderUnavailable)


@pytest.mark.parametrize("name", SERVICES)
def test_a_call_without_an_answer_ends(service: Service, name: str) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    service.answer = never

    assert_all(SERVICES[name].make(service.url, HASTY), ProviderUnavailable)


@pytest.mark.parametrize("name", SERVICES)
def test_half_an_answer_is_no_answer(service: Service, name: str) -> None:
    async def half(asked: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await answer.prepare(asked)
        await answer.write(b'{"kind":"Secret","da')
        return abort(asked)

    service.answer = half

    assert_all(SERVICES[name].make(service.url, PATIENT), ProviderUnavailable)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"data":null}',
        '{"data":[1]}',
        '{"data":{"metadata":[]}}',
        '{"data":{"data":"text","metadata":{"version":1}}}',
    ],
)
@pytest.mark.parametrize("name", ["kubernetes", "vault-v1", "vault-v2"])
def test_an_answer_of_another_form_is_no_answer(service: Service, name: str, body: str) -> None:
    if name == "vault-v1" and body.startswith('{"data":{'):
        return  # the first version of the engine holds any object
    service.says(200, body)

    assert_all(SERVICES[name].make(service.url, PATIENT), ProviderUnavailable)
