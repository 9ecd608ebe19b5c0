"""Reads and pushes of Bitwarden that the table of all providers does not try."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from external.providers.protocol import ProviderDenied, SearchRequest, SecretAbsent, SecretRequest
from external.providers.push import PushRefused
from manager.core.secret_value import SecretValue
from tests.builders.generators import Desk
from tests.builders.providers import OWNER, Calls, connected, found_texts, provider_context, push, text
from tests.doubles.bitwarden import Bitwarden


@pytest.fixture(scope="module")
def running() -> Iterator[Bitwarden]:
    with Bitwarden() as server:
        yield server


@pytest.fixture
def server(running: Bitwarden) -> Bitwarden:
    running.secrets = {}
    running.calls.clear()
    running.faults.clear()
    return running


def client(server: Bitwarden, token: str = Bitwarden.token, calls: Calls | None = None, **fields: Any) -> Any:
    auth = {"secretRef": {"credentials": {"name": "bw", "key": "token"}}}
    spec = {"bitwardenServerSDKURL": server.url, "auth": auth, **fields}
    spec |= {"organizationID": server.organization, "projectID": server.project}
    return connected("bitwardensecretsmanager", spec, provider_context(Desk(bw_token=token), calls=calls))


def test_one_list_serves_all_keys(server: Bitwarden) -> None:
    for number in range(10):
        server.put(f"k{number}", str(number))
    calls = Calls()
    client(server, calls=calls).read([SecretRequest(f"k{number}") for number in range(10)])

    assert calls == {"ListSecrets": 1, "GetSecret": 10}


def test_a_secret_is_read_by_id_or_key_and_of_its_project_only(server: Bitwarden) -> None:
    own, other = server.put("app", "own"), server.put("app", "other", project=str(uuid4()))
    made = client(server)

    assert text(made, "app") == text(made, own["id"]) == text(made, own["id"].replace("-", "")) == "own"
    with pytest.raises(ProviderDenied, match="of another project than the store's"):
        text(made, other["id"])
    with pytest.raises(SecretAbsent):
        text(made, str(uuid4()))
    server.put("app", "twin")
    with pytest.raises(ProviderDenied, match='more than one secret of the project has the key "app"'):
        text(made, "app")


def test_members_are_texts_and_yaml(server: Bitwarden) -> None:
    document = SecretValue(b"a: text\nb: {y: 2, x: [1]}\nc: true\nd: null\ne: 7\n")
    made = client(server)

    assert found_texts(made.members(document)) == {"a": "text", "b": "x:\n- 1\ny: 2", "c": "true", "d": "", "e": "7"}
    assert made.members(SecretValue(b"just text")) is None


def test_a_search_filters_by_key_and_names_by_id(server: Bitwarden) -> None:
    one = server.put("app-one", "1")
    server.put("other", "2")
    made = client(server)

    assert found_texts(made.find(SearchRequest(name="^app"))) == {one["id"]: "1"}
    assert len(made.find(SearchRequest())) == 2
    with pytest.raises(ProviderDenied, match=r"find\.tags is not implemented"):
        made.find(SearchRequest(tags=()))


def test_a_note_keeps_its_text_before_the_mark(server: Bitwarden) -> None:
    made, mark = client(server), f"managed-by=external-secrets coffer.dev/push-secret={OWNER}"
    made.push(push("app", metadata={"note": "by hand"}))
    assert (server.of_key("app") or {})["note"] == f"by hand\n{mark}"
    assert made.push(push("app", b"next")).written
    assert (server.of_key("app") or {})["note"] == f"by hand\n{mark}", "a push without a note leaves it"
    assert len(server.secrets) == 1
    with pytest.raises(PushRefused, match="no secret with this id"):
        made.push(push(str(uuid4())))


def test_another_token_is_refused_and_not_quoted(server: Bitwarden) -> None:
    with pytest.raises(ProviderDenied, match="ListSecrets: 400: failed to login") as raised:
        client(server, "canary-token").validate()
    assert "canary" not in str(raised.value)
    with pytest.raises(ProviderDenied, match="bitwardenServerSDKURL: it is no https URL"):
        client(server, bitwardenServerSDKURL="http://sdk.example")
