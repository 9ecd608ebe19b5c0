"""Logins to Vault as an identity of a cloud: what is posted is what AWS accepts, and what Google has signed."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import urllib3

from external.api.providers.vault import VaultAuth
from external.providers.support.google import tokens
from external.providers.support.google.federation import GOOGLE_ACCOUNT
from external.providers.vault.login import Login, login_of
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generator_context
from tests.cluster.moto import Moto
from tests.doubles.google import Google

AT = "spec.provider.vault"
KEYS = {"aws_id": "AKIAEXAMPLE", "aws_secret": "canary-of-aws"}
STATIC = {
    "accessKeyIDSecretRef": {"name": "aws", "key": "id"},
    "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
}
CLUSTER = {"clusterProjectID": "project", "clusterLocation": "eu", "clusterName": "one"}


async def login(desk: Desk | None = None, *, ambient: bool = False, **auth: Any) -> Login:
    made = await login_of(VaultAuth.model_validate(auth), generator_context(desk, ambient=ambient), AT)
    assert made is not None
    return made


def opened(body: dict[str, str]) -> tuple[str, str, dict[str, str]]:
    """Return URL, body and headers of the request that Vault would send."""
    url, form, headers = (base64.b64decode(body[f"iam_request_{each}"]).decode() for each in ("url", "body", "headers"))
    return url, form, json.loads(headers)


def who(moto: Moto, body: dict[str, str]) -> str:
    """Send the request to AWS, as Vault does, and return what AWS says."""
    _, form, headers = opened(body)
    answer = urllib3.request("POST", moto.url, body=form, headers=headers)
    assert answer.status == 200, answer.data
    return answer.data.decode()


@pytest.fixture
def aws(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Moto:
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    return moto


async def test_keys_of_aws_sign_a_request_that_aws_accepts(aws: Moto) -> None:
    given = {"vaultRole": "reader", "secretRef": STATIC, "vaultAwsIamServerID": "vault.example", "path": "amazon"}
    made = await login(Desk(**KEYS), iam=given)
    body = made.body()

    assert made.path == "amazon/login"
    assert (body["role"], body["iam_http_request_method"]) == ("reader", "POST")
    url, form, headers = opened(body)
    assert (url, form) == ("https://sts.amazonaws.com/", "Action=GetCallerIdentity&Version=2011-06-15")
    assert headers["X-Vault-AWS-IAM-Server-ID"] == "vault.example"
    assert "x-vault-aws-iam-server-id" in headers["Authorization"], "the header is signed"
    assert "Credential=AKIAEXAMPLE/" in headers["Authorization"]
    assert "/us-east-1/sts/" in headers["Authorization"]
    assert "<Arn>" in who(aws, body)
    assert "canary-of-aws" not in json.dumps(body) + str(headers)


async def test_a_role_of_aws_is_assumed_first(aws: Moto) -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    given = {"vaultRole": "reader", "secretRef": STATIC, "role": role, "externalID": "x-1", "region": "eu-west-1"}
    body = (await login(Desk(**KEYS), iam=given)).body()
    url, _, headers = opened(body)

    assert url == "https://sts.eu-west-1.amazonaws.com/"
    assert headers["X-Amz-Security-Token"]
    assert "assumed-role/reader/external-secrets-provider-vault" in who(aws, body)
    [assumed] = [each for each in aws.calls if each.action == "AssumeRole"]
    assert (assumed.form["RoleArn"], assumed.form["ExternalId"]) == (role, "x-1")


async def test_a_namespace_does_not_log_in_as_coffer() -> None:
    with pytest.raises(NeedsHuman, match=r"auth\.iam is missing, and this namespace may not"):
        await login(iam={"vaultRole": "reader"})
    with pytest.raises(NeedsHuman, match=r"auth\.gcp: secretRef or workloadIdentity is missing"):
        await login(gcp={"role": "reader"})


async def test_a_missing_key_is_told_by_its_field() -> None:
    with pytest.raises(NeedsHuman, match=r"^spec\.provider\.vault\.auth\.iam\.secretRef\.accessKeyIDSecretRef"):
        await login(iam={"vaultRole": "reader", "secretRef": STATIC})


@pytest.fixture(scope="module")
def running() -> Iterator[Google]:
    with Google() as google:
        yield google


@pytest.fixture
def google(running: Google) -> Iterator[Google]:
    """The double, which stands for all of Google's hosts."""
    with (
        patch.object(tokens, "EXCHANGE_URL", f"{running.url}/v1/token"),
        patch.object(tokens, "IMPERSONATE_URL", f"{running.url}/v1/projects/-/serviceAccounts/"),
        patch.object(tokens, "METADATA_URL", f"{running.url}/computeMetadata/v1/"),
    ):
        yield running


def is_for_vault(claims: dict[str, Any] | None) -> bool:
    """Return True for the claims that Vault wants of a token of Google."""
    assert claims is not None, "the signature is the account's"
    assert 0 < claims.pop("exp") - time.time() <= 900
    return claims == {"aud": "vault/reader", "sub": Google.email}


async def test_a_key_of_google_signs_a_token_for_vault(google: Google) -> None:
    ref = {"secretAccessKeySecretRef": {"name": "google", "key": "key"}}
    made = await login(Desk(google_key=google.key_file()), gcp={"role": "reader", "secretRef": ref})

    assert made.path == "gcp/login"
    assert is_for_vault(google.claims(made.body()["jwt"]))


async def test_google_signs_for_a_service_account_of_gke(google: Google) -> None:
    desk = Desk()
    desk.annotations = {GOOGLE_ACCOUNT: Google.email}
    identity = {**CLUSTER, "serviceAccountRef": {"name": "builder"}}
    made = await login(desk, gcp={"role": "reader", "path": "google", "workloadIdentity": identity})

    assert made.path == "google/login"
    assert is_for_vault(google.claims(made.body()["jwt"]))


async def test_a_service_account_of_gke_needs_its_google_account(google: Google) -> None:
    identity = {**CLUSTER, "serviceAccountRef": {"name": "builder"}}

    with pytest.raises(NeedsHuman, match=f"serviceAccountRef: .*{GOOGLE_ACCOUNT}"):
        await login(gcp={"role": "reader", "workloadIdentity": identity})


async def test_a_field_that_selects_nothing_is_refused(google: Google) -> None:
    """In external-secrets the controller's own identity logs in beside it."""
    with pytest.raises(NeedsHuman, match="serviceAccountRef: it selects nothing"):
        await login(ambient=True, gcp={"role": "reader", "serviceAccountRef": {"name": "builder"}})


async def test_the_node_logs_in_where_an_administrator_allows(google: Google) -> None:
    made = await login(ambient=True, gcp={"role": "reader"})

    assert made.body()["jwt"] == "identity-for-http://vault/reader"
