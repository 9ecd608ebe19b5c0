"""Reads and pushes of Akeyless that the table of all providers does not try."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from external.providers.akeyless.items import item_of
from external.providers.protocol import ProviderDenied, ProviderUnavailable, SearchRequest, SecretRequest
from external.providers.push import RemoteRef, RemoteUnmanaged
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import OTHER, OWNER, Calls, connected, found_texts, provider_context, push, text
from tests.doubles.akeyless import Akeyless

KEYS = {name: {"name": "a", "key": name} for name in ("accessID", "accessType", "accessTypeParam")}


@pytest.fixture(scope="module")
def running() -> Iterator[Akeyless]:
    with Akeyless() as server:
        yield server


@pytest.fixture
def server(running: Akeyless) -> Akeyless:
    running.items, running.tokens = {}, set()
    running.calls.clear()
    running.faults.clear()
    return running


def test_a_name_without_end_is_no_item() -> None:
    """Thousands of names are kept, to know their types."""
    with pytest.raises(ProviderUnavailable, match="the answer is no item"):
        item_of("ListItems", {"item_name": "a" * 3000, "item_type": "STATIC_SECRET"})


def desk(kind: str = "access_key", param: str = Akeyless.access_key) -> Desk:
    return Desk(a_accessID=f"{Akeyless.access_id}\n", a_accessType=kind, a_accessTypeParam=param)


def client(server: Akeyless, given: Desk | None = None, calls: Calls | None = None, auth: Any = None) -> Any:
    spec = {"akeylessGWApiURL": server.url, "authSecretRef": auth or {"secretRef": KEYS}}
    return connected("akeyless", spec, provider_context(given or desk(), calls=calls))


def test_static_secrets_are_read_together_once_their_type_is_known(server: Akeyless) -> None:
    requests = [SecretRequest(f"app/k{number}") for number in range(30)]
    for number, each in enumerate(requests):
        server.put(f"/{each.key}", str(number))
    made = client(server)
    made.read(requests)
    server.calls.clear()

    assert [each.reveal().decode() for each in made.read(requests).values()] == [str(each) for each in range(30)]
    assert server.calls == {"/get-secret-value": 1}
    del server.items["/app/k7"]
    found = made.read(requests)
    assert [type(each).__name__ for each in found.values()].count("SecretAbsent") == 1


def test_every_type_has_its_value(server: Akeyless) -> None:
    server.put("/static", {"a": "1"})
    server.put("/dynamic", {"user": "u", "password": "p"}, "DYNAMIC_SECRET")
    server.put("/payload", {"payload": "text"}, "ROTATED_SECRET")
    server.put("/target", {"target_value": {"b": 1, "a": 2}}, "ROTATED_SECRET")
    server.put("/rest", {"username": "u"}, "ROTATED_SECRET")
    server.put("/tls", {"certificate_pem": "pem"}, "CERTIFICATE")
    server.put("/key", "x", "AES256GCM")
    made = client(server)

    assert json.loads(text(made, "static")) == {"a": "1"}
    assert json.loads(text(made, "/dynamic")) == {"user": "u", "password": "p"}
    assert [text(made, each) for each in ("payload", "target")] == ["text", '{"a":2,"b":1}']
    assert json.loads(text(made, "rest")) == {"username": "u"}
    assert json.loads(text(made, "tls")) == {"certificate_pem": "pem"}
    with pytest.raises(ProviderDenied, match="invalid item type: aes256gcm"):
        text(made, "key")
    with pytest.raises(ProviderDenied, match="the version of an item is a number"):
        text(made, "static", "latest")
    with pytest.raises(ProviderDenied, match="a dynamic secret has no versions"):
        text(made, "dynamic", "1")


def test_a_search_leaves_out_empty_values_and_certificates(server: Akeyless) -> None:
    server.put("/app/a", "1")
    server.put("/app/empty", "")
    server.put("/app/tls", {"pem": "x"}, "CERTIFICATE")
    server.put("/application", "2")

    assert found_texts(client(server).find(SearchRequest(path="app"))) == {"/app/a": "1"}
    with pytest.raises(ProviderDenied, match="unexpected find operator"):
        client(server).find(SearchRequest())


def test_one_login_serves_until_its_token_is_refused(server: Akeyless) -> None:
    server.put("/a", "1")
    calls = Calls()
    made = client(server, calls=calls)
    text(made, "a")
    server.tokens.clear()

    assert text(made, "a") == "1"
    assert calls["Auth"] == 2


def test_a_token_of_universal_identity_needs_no_login(server: Akeyless) -> None:
    server.put("/a", "1")
    calls = Calls()
    assert text(client(server, desk("universal_identity", server.universal), calls), "a") == "1"
    assert calls["Auth"] == 0


@pytest.mark.parametrize("account", [True, False])
def test_a_token_of_the_cluster_logs_in(server: Akeyless, *, account: bool) -> None:
    server.put("/a", "1")
    auth = {"accessID": "p-1", "k8sConfName": "config"}
    auth |= {"serviceAccountRef": {"name": "builder"}} if account else {"secretRef": {"name": "sa"}}  # type: ignore[dict-item]
    made = client(server, Desk(sa_token="token-of-builder"), auth={"kubernetesAuth": auth})
    assert text(made, "a") == "1"


@pytest.mark.parametrize("kind", ["aws_iam", "azure_ad", "gcp", "k8s"])
def test_a_type_that_is_not_served_is_told(server: Akeyless, kind: str) -> None:
    with pytest.raises(NeedsHuman, match="this type is not served by this version"):
        client(server, desk(kind))
    with pytest.raises(NeedsHuman, match="kubernetesAuth or secretRef must be set"):
        client(server, auth={"serviceAccountRef": {"name": "x"}})
    with pytest.raises(NeedsHuman, match="serviceAccountRef or secretRef must be set"):
        client(server, auth={"kubernetesAuth": {"accessID": "p", "k8sConfName": "c"}})


def test_what_external_secrets_created_is_ours_to_take(server: Akeyless) -> None:
    server.put("/a", '{"n": 12345678901234567890}', tags=("k8s-external-secrets", "team"))
    made = client(server)
    made.push(push("a", b"v", "p"))

    assert server.items["/a"]["versions"][-1] == '{"n": 12345678901234567890,"p":"v"}'
    assert {"team", f"coffer.dev/push-secret={OWNER}"} <= set(server.items["/a"]["item_tags"])
    with pytest.raises(RemoteUnmanaged):
        made.push(push("a", owner=OTHER))
    server.put("/rotated", {}, "ROTATED_SECRET")
    with pytest.raises(ProviderDenied, match="only static secrets are pushed"):
        made.delete(RemoteRef("rotated"), OWNER)
