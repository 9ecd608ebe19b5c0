"""The AWS provider without AWS: what its clients hold. What they read is tested on moto's server (tests/e2e)."""

import tracemalloc
from typing import Any

import pytest
from aiohttp import web

from external.api.providers.aws import AwsProvider
from external.providers.aws.parameterstore import ParameterStore
from external.providers.aws.secretsmanager import SecretsManager
from external.providers.protocol import ProviderUnavailable, SearchRequest
from external.providers.support.amazon import session
from external.providers.support.amazon.identity import Identity, Role
from external.providers.support.amazon.session import AwsConnection
from manager.core.secret_value import SecretValue
from tests.cluster.serving import Served

KEYS = {"access_key_id": SecretValue(b"AKIA"), "secret_access_key": SecretValue(b"x")}
ROLES = ("arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b")


def opened(service: type[SecretsManager] | type[ParameterStore] = SecretsManager, **fields: object) -> Any:
    spec = AwsProvider.model_validate({"service": "SecretsManager", "region": "eu-west-1", **fields})
    roles = tuple(Role(arn) for arn in [*(spec.additional_roles or ()), *([spec.role] if spec.role else ())])
    return service(AwsConnection(spec, Identity(KEYS, roles=roles), None, lambda *_: None, 20, service.label))


def test_the_clients_of_many_stores_share_what_the_sdk_knows() -> None:
    first = opened(role=ROLES[0], additionalRoles=ROLES[1:])
    tracemalloc.start()
    try:
        others = [opened(role=ROLES[0], additionalRoles=ROLES[1:]) for _ in range(3)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken / len(others) < 2_000_000
    assert first


def test_stores_with_keys_share_one_session_and_no_credentials() -> None:
    """A session takes as much memory as a client, and holds nothing of one store."""
    clients = [
        AwsConnection(
            AwsProvider.model_validate({"service": "SecretsManager", "region": region}),
            Identity({"access_key_id": SecretValue(key), "secret_access_key": SecretValue(b"x" + key)}),
            None,
            lambda *_: None,
            20,
            "AWS/SecretsManager",
        ).client("secretsmanager", "AWS_SECRETSMANAGER_ENDPOINT")
        for region, key in (("eu-west-1", b"AKIA1"), ("us-east-1", b"AKIA2"))
    ]
    signers = [each._request_signer for each in clients]

    assert session._shared_session()._credentials is None
    assert [each._credentials.access_key for each in signers] == ["AKIA1", "AKIA2"]
    assert [each._credentials.secret_key for each in signers] == ["xAKIA1", "xAKIA2"]
    assert [each.meta.region_name for each in clients] == ["eu-west-1", "us-east-1"]
    assert clients[0]._endpoint._event_emitter is not clients[1]._endpoint._event_emitter
    models = {id(each.meta.service_model._service_description) for each in clients}
    assert len(models) == 1, "the SDK's description of a service is read once"


def test_a_store_with_roles_weighs_more_than_one_with_keys() -> None:
    """Each of its roles has a session of its own."""
    assert opened().weight < opened(role=ROLES[0]).weight


@pytest.mark.parametrize("missing", ["access_key_id", "secret_access_key"])
def test_a_store_with_half_a_key_never_gets_coffers_identity(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    keys = {name: value for name, value in KEYS.items() if name != missing}
    spec = AwsProvider.model_validate({"service": "SecretsManager", "region": "eu-west-1"})

    with pytest.raises(KeyError, match=missing):
        AwsConnection(spec, Identity(keys), None, lambda *_: None, 20, "AWS/SecretsManager")


@pytest.mark.parametrize("body", ["", "<html>", '{"SecretLis', "{}"])
def test_an_answer_without_content_is_no_empty_list(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK makes an empty answer of any text that is no JSON, and a search would find that all secrets are gone."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/x-amz-json-1.1")

    served = Served(answer)
    monkeypatch.setenv("AWS_SECRETSMANAGER_ENDPOINT", served.start())
    try:
        with pytest.raises(ProviderUnavailable, match="ListSecrets: the answer holds nothing"):
            opened().find(SearchRequest(name="."))
    finally:
        served.stop()
