"""Logins of Google Cloud: of clusters, of pools, with keys of AWS, by configurations, and of the node."""

import json
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import pytest
from google.auth import aws

from external.api.providers.gcpsm import GoogleAuth
from external.providers.protocol import ProviderDenied
from external.providers.support.google import federation, tokens
from external.providers.support.google.login import login_of, token_client
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from tests.builders.generators import Desk, generator_context
from tests.conformance.providers.google import GoogleSubject
from tests.doubles.google import Google

ACCOUNT = {"name": "builder"}
POOL = {"audience": Google.audience, "serviceAccountRef": ACCOUNT}
CLUSTER = {"clusterProjectID": "project", "clusterLocation": "eu", "clusterName": "one", "serviceAccountRef": ACCOUNT}
AWS = {"awsCredentialsSecretRef": {"name": "aws"}, "region": "eu-west-1"}
KEYS = {"aws_aws_access_key_id": "AKIAEXAMPLE", "aws_aws_secret_access_key": "canary-of-aws"}
CONFIGURATION = {
    "type": "external_account",
    "audience": Google.audience,
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"url": "https://issuer.example/token"},
}


async def token(google: GoogleSubject, auth: Any, desk: Desk | None = None, *, ambient: bool = False) -> str:
    """Log in and return the token; the double stands for all of Google's hosts."""
    url = google.google.url
    with (
        patch.object(tokens, "EXCHANGE_URL", f"{url}/v1/token"),
        patch.object(tokens, "IMPERSONATE_URL", f"{url}/v1/projects/-/serviceAccounts/"),
        patch.object(tokens, "METADATA_URL", f"{url}/computeMetadata/v1/"),
    ):
        context = generator_context(desk, ambient=ambient)
        parsed = GoogleAuth.model_validate(auth) if auth is not None else None
        ask, egress = await login_of(parsed, context, "spec.auth")
        http = token_client(egress, context)
        try:
            return ask(http)[0]
        finally:
            http.close()


def configured(**changes: Any) -> tuple[dict[str, Any], Desk]:
    """Return an auth by a configuration, and the desk that has it."""
    endpoint = changes.pop("endpoint", "https://issuer.example/token")
    desk = Desk(config_json=json.dumps({**CONFIGURATION, **changes}))
    fields = {"credConfig": {"name": "config", "key": "json"}, "externalTokenEndpoint": endpoint}
    return {"workloadIdentityFederation": fields}, desk


@pytest.mark.parametrize(
    ("auth", "annotated", "expected"),
    [
        ({"workloadIdentity": CLUSTER}, False, "ya29.sts"),
        ({"workloadIdentity": CLUSTER}, True, "ya29.account"),
        ({"workloadIdentityFederation": POOL}, False, "ya29.sts"),
        ({"workloadIdentityFederation": POOL}, True, "ya29.account"),
        ({"workloadIdentityFederation": POOL | {"gcpServiceAccountEmail": Google.email}}, False, "ya29.account"),
    ],
)
async def test_a_service_account_logs_in(google: GoogleSubject, auth: Any, annotated: bool, expected: str) -> None:
    desk = Desk()
    desk.annotations = {federation.GOOGLE_ACCOUNT: Google.email} if annotated else {}

    assert await token(google, auth, desk) == expected


async def test_the_pool_is_that_of_the_clusters_project(google: GoogleSubject) -> None:
    desk = Desk()
    await token(google, {"workloadIdentity": CLUSTER | {"serviceAccountRef": ACCOUNT | {"audiences": ["more"]}}}, desk)

    assert desk.audiences == ["more", "project.svc.id.goog"]


async def test_what_a_store_leaves_out_the_metadata_server_says(google: GoogleSubject) -> None:
    google.google.facts = {
        "project/project-id": "project",
        "instance/attributes/cluster-name": "one",
        "instance/attributes/cluster-location": "eu",
    }

    assert await token(google, {"workloadIdentity": {"serviceAccountRef": ACCOUNT}}) == "ya29.sts"


async def test_without_metadata_server_the_field_is_told(google: GoogleSubject) -> None:
    google.google.facts = {}

    with pytest.raises(ProviderDenied, match="project/project-id"):
        await token(google, {"workloadIdentity": {"serviceAccountRef": ACCOUNT}})


async def test_the_node_logs_in_only_where_an_administrator_allows(google: GoogleSubject) -> None:
    assert await token(google, None, ambient=True) == "ya29.node"
    for auth in (None, {}):
        with pytest.raises(NeedsHuman, match="Coffer's own identity is not used"):
            await token(google, auth)


def test_a_request_to_aws_is_signed_as_googles_own_client_signs_it() -> None:
    keys = (SecretValue(b"AKIAEXAMPLE"), SecretValue(b"canary-of-aws"), SecretValue(b"session"))
    ours = json.loads(unquote(federation._signed(keys, "eu-west-1", Google.audience)(None).reveal().decode()))  # type: ignore[arg-type]
    given = {each["key"].lower(): each["value"] for each in ours["headers"]}

    signer = aws.RequestSigner("eu-west-1")
    credentials = aws.AwsSecurityCredentials("AKIAEXAMPLE", "canary-of-aws", "session")
    target = {federation.TARGET: Google.audience, "x-amz-date": given["x-amz-date"]}
    theirs = signer.get_request_options(credentials, ours["url"], ours["method"], "", target)
    expected = {name.lower(): each for name, each in theirs["headers"].items()}

    assert given["authorization"].rpartition("Signature=")[2] == expected["authorization"].rpartition("Signature=")[2]
    assert given == expected
    assert "canary-of-aws" not in json.dumps(ours)


async def test_keys_of_aws_are_exchanged(google: GoogleSubject) -> None:
    seen: list[dict[str, Any]] = []
    google.google.exchanged = seen.append
    try:
        auth = {"workloadIdentityFederation": {"audience": Google.audience, "awsSecurityCredentials": AWS}}
        assert await token(google, auth, Desk(**KEYS)) == "ya29.sts"
    finally:
        google.google.exchanged = None
    assert seen[0]["subjectTokenType"] == federation.AWS_REQUEST
    assert "GetCallerIdentity" in unquote(seen[0]["subjectToken"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "service_account"}, "its type is not external_account"),
        ({"credential_source": {"executable": {"command": "x"}}}, "executable would be read as Coffer"),
        ({"credential_source": {"file": "/var/run/secrets/token"}}, "file would be read as Coffer"),
        ({"credential_source": {"environment_id": "aws1", "url": "x"}}, "environment_id would be read as Coffer"),
        ({"endpoint": "https://other.example"}, "must be what externalTokenEndpoint says"),
        ({"endpoint": None}, "must be what externalTokenEndpoint says"),
        ({"token_url": "https://sts.evil.example/v1/token"}, "token_url is no address of Google"),
        ({"token_url": "https://sts.googleapis.com.evil.example/v1/token"}, "token_url is no address of Google"),
        ({"service_account_impersonation_url": "https://evil.example"}, "service_account_impersonation_url is no"),
        ({"audience": None}, "audience is missing"),
        ({"credential_source": 5}, "it is no credential configuration"),
    ],
)
async def test_a_configuration_leads_nowhere_else(google: GoogleSubject, changes: dict[str, Any], said: str) -> None:
    auth, desk = configured(**changes)

    with pytest.raises(NeedsHuman, match=said):
        await token(google, auth, desk)


@pytest.mark.parametrize("form", [{}, {"format": {"type": "json", "subject_token_field_name": "access_token"}}])
async def test_a_configuration_takes_the_token_of_an_address(google: GoogleSubject, form: dict[str, Any]) -> None:
    url = f"{google.google.url}/issuer/{'json' if form else 'text'}"
    changes = {"token_url": None, "credential_source": {"url": url, **form}}
    auth, desk = configured(endpoint=url, **changes)

    assert await token(google, auth, desk) == "ya29.sts"


async def test_an_account_of_a_configuration_is_acted_as(google: GoogleSubject) -> None:
    url = f"{google.google.url}/issuer/text"
    base = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
    auth, desk = configured(
        endpoint=url,
        token_url=None,
        credential_source={"url": url},
        service_account_impersonation_url=f"{base}/{Google.email}:generateAccessToken",
    )

    assert await token(google, auth, desk) == "ya29.account"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "exactly one of"),
        ({"serviceAccountRef": ACCOUNT, "awsSecurityCredentials": AWS}, "exactly one of"),
        ({"serviceAccountRef": ACCOUNT}, "audience"),
        ({"awsSecurityCredentials": AWS, "audience": "a"}, "there is no aws_aws_access_key_id"),
    ],
)
async def test_what_is_missing_is_named(google: GoogleSubject, fields: Any, said: str) -> None:
    with pytest.raises(NeedsHuman, match=said):
        await token(google, {"workloadIdentityFederation": fields})
