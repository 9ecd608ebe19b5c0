"""Access tokens of Google Cloud, against servers that check what Google's documentation says."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from external.generators.protocol import Generated
from external.generators.registries.gcr_access_token import GCR_ACCESS_TOKENS
from external.providers.protocol import ProviderDenied, ProviderError
from external.providers.support.google import tokens
from external.providers.support.google.federation import GOOGLE_ACCOUNT
from external.providers.support.google.tokens import SCOPE
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generate, generator_context, texts
from tests.doubles.google import LIFE_SECONDS, Google

KEY = {"secretRef": {"secretAccessKeySecretRef": {"name": "google", "key": "key"}}}
ACCOUNT = {"name": "builder"}
CLUSTER = {"workloadIdentity": {"clusterLocation": "eu", "clusterName": "one", "serviceAccountRef": ACCOUNT}}
POOL = {"workloadIdentityFederation": {"audience": Google.audience, "serviceAccountRef": ACCOUNT}}
EMAIL = {"gcpServiceAccountEmail": Google.email}


@pytest.fixture(scope="module")
def running() -> Iterator[Google]:
    with Google() as google:
        yield google


@pytest.fixture
def google(running: Google, monkeypatch: pytest.MonkeyPatch) -> Google:
    """Return the double, which stands for all of Google's hosts."""
    monkeypatch.setattr(tokens, "EXCHANGE_URL", f"{running.url}/v1/token")
    monkeypatch.setattr(tokens, "IMPERSONATE_URL", f"{running.url}/v1/projects/-/serviceAccounts/")
    monkeypatch.setattr(tokens, "METADATA_URL", f"{running.url}/computeMetadata/v1/")
    return running


async def token(google: Google, auth: Any, desk: Desk | None = None, *, ambient: bool = False) -> Generated:
    context = generator_context(desk or Desk(google_key=google.key_file()), ambient=ambient)
    return await generate(GCR_ACCESS_TOKENS, context, projectID="project", auth=auth)


@pytest.mark.parametrize(
    ("auth", "annotated", "expected"),
    [
        (KEY, False, "ya29.key"),
        (CLUSTER, False, "ya29.sts"),
        (CLUSTER, True, "ya29.account"),
        (POOL, False, "ya29.sts"),
        ({"workloadIdentityFederation": POOL["workloadIdentityFederation"] | EMAIL}, False, "ya29.account"),
        ({}, False, "ya29.node"),
    ],
)
async def test_every_login_gives_a_token(google: Google, auth: Any, annotated: bool, expected: str) -> None:
    desk = Desk(google_key=google.key_file())
    desk.annotations = {GOOGLE_ACCOUNT: Google.email} if annotated else {}

    made = await token(google, auth, desk, ambient=True)

    found = texts(made)
    assert (found["username"], found["password"]) == ("oauth2accesstoken", expected)
    assert 0 < int(found["expiry"]) - time.time() <= LIFE_SECONDS + 1
    assert int(made.expires_at or 0) == int(found["expiry"])


async def test_the_pool_of_a_cluster_is_the_audience(google: Google) -> None:
    desk = Desk()
    await token(google, CLUSTER, desk)
    assert desk.audiences == ["project.svc.id.goog"]


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ({}, "Coffer's own identity is not used"),
        ({"workloadIdentityFederation": {"credConfig": {"name": "c", "key": "k"}}}, "there is no ConfigMap"),
        ({"workloadIdentityFederation": {"audience": "a"}}, "exactly one of serviceAccountRef, aws"),
    ],
)
async def test_what_is_missing_is_named(google: Google, auth: Any, said: str) -> None:
    with pytest.raises(NeedsHuman, match=said):
        await token(google, auth)


@pytest.mark.parametrize("content", ["hunter2", "[]", "{}", '{"client_email": "e", "private_key": "hunter2"}'])
async def test_a_key_that_is_none_is_named_and_not_shown(google: Google, content: str) -> None:
    with pytest.raises(ProviderError, match=r"spec.auth.secretRef.secretAccessKeySecretRef: it is no ") as raised:
        await token(google, KEY, Desk(google_key=content))
    assert "hunter2" not in str(raised.value)


async def test_a_refusal_names_the_call(google: Google) -> None:
    with pytest.raises(ProviderDenied, match="Google Cloud: Token: 400: check the key"):
        await token(google, KEY, Desk(google_key=google.key_file(client_email="other@x.iam.gserviceaccount.com")))


def test_the_double_gives_googles_own_client_the_same_token(google: Google) -> None:
    """The double is no mirror of our code: it answers the client of the vendor."""
    info = json.loads(google.key_file())
    credentials = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])

    credentials.refresh(Request())

    assert credentials.token == "ya29.key"
