"""Reads and pushes of Scaleway that the table of all providers does not try."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable, SearchRequest, SecretAbsent
from external.providers.push import PushRefused, RemoteRef
from external.providers.scaleway.connection import place_of
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import OWNER, Calls, connected, found_texts, provider_context, push, text
from tests.doubles.faults import status
from tests.doubles.scaleway import Scaleway


@pytest.fixture(scope="module")
def running() -> Iterator[Scaleway]:
    with Scaleway() as server:
        yield server


@pytest.fixture
def server(running: Scaleway) -> Scaleway:
    running.secrets = {}
    running.calls.clear()
    running.faults.clear()
    return running


def client(server: Scaleway, calls: Calls | None = None, **fields: Any) -> Any:
    spec: dict[str, Any] = {"projectId": server.project, "region": server.region, "apiUrl": server.url}
    spec |= {"accessKey": {"value": "SCW"}, "secretKey": {"secretRef": {"name": "scw", "key": "key"}}, **fields}
    return connected("scaleway", spec, provider_context(Desk(scw_key=server.secret_key), calls=calls))


def test_id_and_path_take_one_request_and_a_name_a_list_once(server: Scaleway) -> None:
    secret = server.put("db", b"deep", "/app/prod")
    calls = Calls()
    made = client(server, calls)

    assert text(made, f"id:{secret['id']}") == text(made, "path:/app/prod/db") == "deep"
    assert calls == {"AccessSecretVersion": 2}
    assert text(made, "name:db") == text(made, "name:db") == "deep"
    assert calls == {"AccessSecretVersion": 4, "ListSecrets": 1}
    del server.secrets[secret["id"]]
    server.put("db", b"again")
    assert text(made, "name:db") == "again", "a secret that was made again has another id"


@pytest.mark.parametrize("key", ["db", "name:", "id:x", "path:db", "path:/app/", ":db", "other:db"])
def test_a_key_says_what_it_is(key: str) -> None:
    with pytest.raises(ProviderDenied, match="none of name:NAME, id:UUID and path:/FOLDER/NAME"):
        place_of(key)


def test_a_version_that_is_not_there_is_no_absence(server: Scaleway) -> None:
    server.put("db", b"one")
    made = client(server)

    assert text(made, "name:db", "latest") == text(made, "name:db", "1") == "one"
    with pytest.raises(ProviderDenied, match="no such version, or none that is enabled"):
        text(made, "name:db", "7")
    with pytest.raises(ProviderDenied, match="the version is no number"):
        text(made, "name:db", "newest")
    for key in (f"id:{uuid4()}", "path:/none/db", "name:none"):
        with pytest.raises(SecretAbsent):
            text(made, key)


def test_a_value_with_another_checksum_is_no_answer(server: Scaleway) -> None:
    secret = server.put("db", b"one")
    server.faults.next(status(200, '{"data": "b25l", "data_crc32": 1}'), "/access")
    with pytest.raises(ProviderUnavailable, match="checksum"):
        text(client(server), f"id:{secret['id']}")


def test_a_search_takes_tags_by_their_keys(server: Scaleway) -> None:
    server.put("a", b"1", "/app", ("team", "prod"))
    server.put("b", b"2", "/app", ("team",))
    server.put("c", b"3", "/other", ("team", "prod"))
    server.put("empty", None, "/app", ("team", "prod"))
    made = client(server)

    assert found_texts(made.find(SearchRequest(tags=(("team", ""), ("prod", "x"))))) == {"a": "1", "c": "3"}
    assert found_texts(made.find(SearchRequest(path="/app", name="b"))) == {"b": "2"}


def test_a_push_to_a_path_disables_what_was_before(server: Scaleway) -> None:
    made = client(server)
    made.push(push("path:/app/db", b"one"))
    made.push(push("path:/app/db", b"two"))

    secret = server.named("db", "/app") or {}
    assert [each["enabled"] for each in secret["versions"]] == [False, True]
    assert secret["tags"] == ["managed-by=external-secrets", f"coffer.dev/push-secret={OWNER}"]
    with pytest.raises(PushRefused, match="no secret with this id"):
        made.push(push(f"id:{uuid4()}"))
    with pytest.raises(PushRefused, match="remoteKey: the key is none of"):
        made.exists(RemoteRef("db"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"region": "fr/par"}, "region: it is no region"),
        ({"secretKey": {}}, "secretKey: exactly one of value and secretRef"),
        ({"accessKey": {}}, "accessKey: exactly one of value and secretRef"),
    ],
)
def test_fields_of_a_wrong_form_are_named(server: Scaleway, changes: Any, said: str) -> None:
    with pytest.raises(NeedsHuman, match=said):
        client(server, **changes)
