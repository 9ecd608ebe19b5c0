"""Who is told that a secret is not there is told where it was looked for: most are there, elsewhere."""

from typing import Any

import pytest

from external.api.providers.aws import AwsProvider
from external.api.providers.fake import FakeProvider
from external.api.providers.kubernetes import KubernetesProvider
from external.api.providers.webhook import WebhookProvider
from external.providers.aws import CLIENTS
from external.providers.fake import FakeClient
from external.providers.kubernetes.connect import connect
from external.providers.protocol import SecretRequest
from external.providers.support.amazon.session import AwsConnection
from external.providers.vault.client import KeyValue
from external.providers.vault.connection import Connection, Server
from external.providers.webhook.client import Webhook, WebhookContext
from manager.core.secret_value import SecretValue
from tests.builders.external_module import ExternalModule
from tests.unit.external.providers.kubernetes.test_client import context, kubeconfig


def aws(service: str, **fields: str) -> str:
    amazon: Any = object.__new__(AwsConnection)
    amazon.spec = AwsProvider.model_validate({"service": service, **fields})
    client: Any = object.__new__(CLIENTS[service])
    client._amazon = amazon
    return str(client.location(SecretRequest("app/db")))


@pytest.mark.parametrize(
    ("service", "fields", "text"),
    [
        ("SecretsManager", {"region": "eu-west-1"}, "AWS Secrets Manager, region eu-west-1"),
        ("ParameterStore", {"region": "eu-north-1"}, "AWS Parameter Store, region eu-north-1"),
        (
            "SecretsManager",
            {"region": "eu-west-1", "role": "arn:aws:iam::123456789012:role/app"},
            "AWS Secrets Manager, region eu-west-1, role arn:aws:iam::123456789012:role/app",
        ),
        (
            "ParameterStore",
            {"region": "eu-west-1", "prefix": "/prod/"},
            "AWS Parameter Store, region eu-west-1, name /prod/app/db",
        ),
    ],
)
def test_amazon_names_service_region_role_and_prefix(service: str, fields: dict[str, str], text: str) -> None:
    assert aws(service, **fields) == text


@pytest.mark.parametrize(
    ("server", "namespace", "mount", "version", "secret", "text"),
    [
        ("https://v.example:8200", "", "kv", "v2", SecretRequest("app"), "Vault v.example:8200, path kv/data/app"),
        ("https://v", "team-a", "kv", "v2", SecretRequest("app"), "Vault v, namespace team-a, path kv/data/app"),
        ("https://v", "", "kv", "v2", SecretRequest("app", metadata=True), "Vault v, path kv/metadata/app"),
        ("https://v", "", "kv", "v1", SecretRequest("kv/app"), "Vault v, path kv/app"),
        ("https://v", "", "", "v2", SecretRequest("team/app"), "Vault v, path team/data/app"),
        ("https://user:canary@v/x", "", "kv", "v1", SecretRequest("app"), "Vault v, path kv/app"),
    ],
)
def test_vault_names_server_namespace_mount_and_path(
    server: str, namespace: str, mount: str, version: str, secret: SecretRequest, text: str
) -> None:
    where = Server(server, namespace, "", {}, None, None, "HashiCorp/Vault")
    connection = Connection(where, None, _NOBODY, lambda *_: None, 5)

    assert KeyValue(connection, mount, version, 5).location(secret) == text


@pytest.mark.parametrize(
    ("server", "text"),
    [
        ({"url": "https://other.example:6443"}, "namespace far of the cluster at other.example:6443"),
        ({"url": "other.example"}, "namespace far of the cluster at other.example"),
        ({"url": "https://user:canary@other.example"}, "namespace far of the cluster at other.example"),
    ],
)
async def test_kubernetes_names_namespace_and_cluster(server: dict[str, str], text: str) -> None:
    auth = {"token": {"bearerToken": {"name": "t", "key": "token"}}}
    spec = KubernetesProvider.model_validate({"remoteNamespace": "far", "server": server, "auth": auth})

    assert (await connect(spec, context("token"))).location(SecretRequest("a")) == text


async def test_the_server_in_a_kubeconfig_is_a_value_and_not_shown() -> None:
    reference = {"name": "kubeconfig", "key": "config"}
    spec = KubernetesProvider.model_validate({"remoteNamespace": "far", "authRef": reference})

    client = await connect(spec, context(kubeconfig()))

    assert client.location(SecretRequest("a")) == "namespace far of the cluster that the kubeconfig names"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://api.example:8443/v1/{{ .remoteRef.key }}?token={{ .auth.token }}", "host api.example:8443"),
        ("https://user:canary@api.example/x", "host api.example"),
        ("https://{{ .auth.host }}/x", "the host that the store's url gives"),
        ("https://{{ .auth.user }}@api.example/x", "host api.example"),
        ("{{ .auth.url }}", "the host that the store's url gives"),
    ],
)
def test_a_webhook_names_its_host_but_no_rendered_text(url: str, text: str) -> None:
    secrets = {"auth": {name: SecretValue(b"canary") for name in ("host", "user", "url", "token")}}
    surroundings = WebhookContext(secrets, "ns", None, _NOBODY, None, lambda *_: None, 5)
    spec = WebhookProvider.model_validate({"url": url, "result": {"jsonPath": "$"}})

    assert Webhook(spec, surroundings).location(SecretRequest("k")) == text


def test_the_fake_provider_names_its_field() -> None:
    spec = FakeProvider.model_validate({"data": []})

    assert FakeClient(spec).location(SecretRequest("k")) == "spec.provider.fake.data of the store"


HERE = '(looked in spec.provider.fake.data of SecretStore "store"'


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"data": [{"secretKey": "k", "remoteRef": {"key": "none"}}]}, f"(key: none): Secret does not exist {HERE})"),
        (
            {"data": [{"secretKey": "k", "remoteRef": {"key": "a", "version": "7"}}]},
            f"(key: a): Secret does not exist {HERE}, version 7)",
        ),
        (
            {"data": [{"secretKey": "k", "remoteRef": {"key": "a", "property": "p"}}]},
            f"key p does not exist in secret a {HERE}); correct remoteRef.property",
        ),
        ({"data": None, "dataFrom": [{"extract": {"key": "none"}}]}, f"(key: none): Secret does not exist {HERE})"),
    ],
)
async def test_the_condition_says_where(bench: ExternalModule, spec: dict[str, Any], text: str) -> None:
    bench.store(values={"a": "canary"})
    bench.external(**spec)
    await bench.settle()

    assert bench.ready()[2].endswith(text)


async def test_the_event_of_a_skipped_entry_says_where(bench: ExternalModule) -> None:
    entries = [{"secretKey": each, "remoteRef": {"key": each}} for each in ("a", "none")]
    bench.store(values={"a": "canary"})
    bench.external(data=entries, target={"deletionPolicy": "Delete"})
    await bench.settle()

    told = [each["message"] for each in bench.api.events if each["reason"] == "MissingProviderSecret"]
    assert told == [f"secret does not exist at provider using spec.data[1] (key: none) {HERE})"]


class _Nobody:
    """Lets nobody out."""

    def resolve(self, host: str, port: int | None) -> str:
        raise AssertionError((host, port))


_NOBODY = _Nobody()
