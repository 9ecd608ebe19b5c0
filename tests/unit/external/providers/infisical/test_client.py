"""Reads of Infisical: folders, imports, references, logins, and what proves an absence."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from external.providers.infisical.secrets import beneath, place_of
from external.providers.protocol import ProviderDenied, ProviderError, SearchRequest, SecretAbsent, SecretRequest
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import Calls, connected, found_texts, provider_context, push, text
from tests.doubles.infisical import LOGINS, Infisical

UNIVERSAL = {
    "universalAuthCredentials": {
        "clientId": {"name": "infisical", "key": "id"},
        "clientSecret": {"name": "infisical", "key": "secret"},
    }
}
OTHER = {
    "jwt-auth": {
        "jwtAuthCredentials": {"identityId": {"name": "a", "key": "identityId"}, "jwt": {"name": "a", "key": "jwt"}}
    },
    "ldap-auth": {
        "ldapAuthCredentials": {
            "identityId": {"name": "a", "key": "identityId"},
            "ldapUsername": {"name": "a", "key": "username"},
            "ldapPassword": {"name": "a", "key": "password"},
        }
    },
}


@pytest.fixture(scope="session")
def running() -> Iterator[Infisical]:
    with Infisical() as server:
        yield server


@pytest.fixture
def server(running: Infisical) -> Infisical:
    fresh = Infisical()
    for name in ("folders", "imports", "tokens", "revoked", "calls", "denied"):
        setattr(running, name, getattr(fresh, name))
    running.faults.clear()
    return running


def client(server: Infisical, desk: Desk | None = None, calls: Calls | None = None, **fields: Any) -> Any:
    scope = {"projectSlug": server.project, "environmentSlug": server.environment, **fields.pop("scope", {})}
    spec = {"hostAPI": server.url, "secretsScope": scope, "auth": UNIVERSAL, **fields}
    own_account = bool(spec.pop("own_account", False))
    given = desk or Desk(infisical_id="client\n", infisical_secret="hunter2")
    context = replace(provider_context(given, calls=calls, ambient=True), own_account=own_account)
    return connected("infisical", spec, context)


def test_several_of_a_folder_take_one_request(server: Infisical) -> None:
    for number in range(20):
        server.put(f"K{number}", str(number))
    server.put("DEEP", "d", "/app")
    calls = Calls()
    made = client(server, calls=calls)
    requests = [*(SecretRequest(f"K{number}") for number in range(20)), SecretRequest("app/DEEP")]

    found = made.read(requests)
    assert [each.reveal().decode() for each in found.values()] == [*map(str, range(20)), "d"]
    assert calls == {"Login": 1, "ListSecrets": 1, "GetSecret": 1}
    made.close()
    assert len(server.revoked) == 1


def test_who_may_not_list_reads_one_by_one(server: Infisical) -> None:
    server.put("A", "a")
    server.put("B", "b")
    server.denied.add("list")
    calls = Calls()
    made = client(server, calls=calls)
    for _ in range(2):
        assert [each.reveal() for each in made.read([SecretRequest("A"), SecretRequest("B")]).values()] == [b"a", b"b"]

    assert calls["ListSecrets"] == 1
    made.validate()
    with pytest.raises(SecretAbsent):
        text(made, "NONE")
    with pytest.raises(ProviderDenied, match="ListSecrets: 403"):
        made.find(SearchRequest())


@pytest.mark.parametrize("body", [{"secretValueHidden": True}, {"secretValue": "<hidden-by-infisical>"}])
def test_a_hidden_value_is_never_a_value(server: Infisical, body: Any) -> None:
    server.put("A", "a", **body)
    server.put("B", "b")
    made = client(server)
    for act in (
        lambda: text(made, "A"),
        lambda: made.find(SearchRequest()),
        lambda: made.push(push("A", b"v", recorded=True)),
    ):
        with pytest.raises(
            ProviderDenied, match="the value of A is hidden: the identity needs the permission ReadValue"
        ):
            act()
    found = made.read([SecretRequest("A"), SecretRequest("B")])
    assert isinstance(found[SecretRequest("A")], ProviderDenied)
    assert found_texts({"B": found[SecretRequest("B")]}) == {"B": "b"}, "a hidden value stops no other one"


def test_an_empty_list_proves_nothing(server: Infisical) -> None:
    """Infisical lists a folder that was renamed as an empty one."""
    server.put("A", "a", "/app/new")
    made = client(server, scope={"secretsPath": "/app/old", "recursive": True})

    found = made.read([SecretRequest("A"), SecretRequest("B")])
    assert {type(each) for each in found.values()} == {ProviderDenied}
    for act in (lambda: made.find(SearchRequest()), made.validate):
        with pytest.raises(ProviderDenied, match="project app has no folder /app/old"):
            act()
    with pytest.raises(ProviderDenied, match="no folder /app/old"):
        client(server, scope={"recursive": True}).find(SearchRequest(path="/app/old"))
    with pytest.raises(ProviderDenied, match="404: Environment"):
        client(server, scope={"environmentSlug": "none"}).find(SearchRequest())
    server.folders["/app/old"] = {}
    made.validate()
    assert made.find(SearchRequest()) == {}
    assert {type(each) for each in made.read([SecretRequest("A"), SecretRequest("B")]).values()} == {SecretAbsent}


def test_only_an_answer_about_the_secret_proves_an_absence(server: Infisical) -> None:
    server.put("A", "a")
    for key in ("NONE", "/NONE"):
        with pytest.raises(SecretAbsent):
            text(client(server), key)
    assert isinstance(client(server).read([SecretRequest("A"), SecretRequest("B")])[SecretRequest("B")], SecretAbsent)
    for made, key in (
        (client(server), "none/A"),
        (client(server, scope={"environmentSlug": "none"}), "A"),
        (client(server, scope={"projectSlug": "none"}), "A"),
    ):
        with pytest.raises(ProviderDenied, match="404"):
            text(made, key)


def test_imports_serve_after_own_secrets_and_the_first_one_first(server: Infisical) -> None:
    server.put("A", "own")
    imported = {name: {"secretKey": name, "secretValue": f"1 {name}", "secretPath": "/shared"} for name in ("A", "B")}
    other = {name: {"secretKey": name, "secretValue": f"2 {name}", "secretPath": "/other"} for name in ("B", "C")}
    server.imports["/"] = [imported, other]

    found = client(server).read([SecretRequest(name) for name in "ABC"])
    assert [each.reveal().decode() for each in found.values()] == ["own", "1 B", "2 C"]
    assert [text(client(server), name) for name in "ABC"] == ["own", "1 B", "2 C"]
    assert found_texts(client(server).find(SearchRequest(name="[BC]"))) == {"B": "1 B", "C": "2 C"}


def test_references_are_resolved_as_the_store_says(server: Infisical) -> None:
    server.put("HOST", "db")
    server.put("URL", "https://${HOST}")

    assert text(client(server), "URL") == "https://db"
    assert text(client(server, scope={"expandSecretReferences": False}), "URL") == "https://${HOST}"


@pytest.mark.parametrize(
    ("key", "folder", "name"),
    [
        ("A", "/base", "A"),
        ("/A", "/", "A"),
        ("x/A", "/base/x", "A"),
        ("/x/y/A", "/x/y", "A"),
        ("x//A", "/base/x", "A"),
    ],
)
def test_where_a_key_leads(key: str, folder: str, name: str) -> None:
    assert place_of(key, "/base") == (folder, name)


@pytest.mark.parametrize("key", ["../A", "x/../../A", "/..", "x/", "/", ""])
def test_a_key_that_leads_elsewhere_is_refused(key: str) -> None:
    with pytest.raises(ProviderDenied):
        place_of(key, "/base")


@pytest.mark.parametrize(
    ("folder", "path", "told"),
    [("/app", "/app", True), ("/app/x", "/app", True), ("/app2", "/app", False), ("/x", "", True), ("/x", "/", True)],
)
def test_a_path_is_a_folder_and_not_a_beginning(folder: str, path: str, *, told: bool) -> None:
    assert beneath(folder, path) is told


def test_a_search_filters_by_folder_before_it_drops_names(server: Infisical) -> None:
    server.put("KEY", "in app", "/app")
    server.put("KEY", "in other", "/other")
    server.put("TOP", "t")
    made = client(server, scope={"recursive": True})

    assert found_texts(made.find(SearchRequest(path="/app"))) == {"KEY": "in app"}
    assert found_texts(made.find(SearchRequest(name="TOP"))) == {"TOP": "t"}
    assert found_texts(client(server).find(SearchRequest())) == {"TOP": "t"}, "not recursive"
    with pytest.raises(ProviderDenied, match="find by tags not supported"):
        made.find(SearchRequest(name="x", tags=()))


@pytest.mark.parametrize("kind", sorted(OTHER))
def test_other_logins(server: Infisical, kind: str) -> None:
    server.put("A", "a")
    given = Desk(**{f"a_{name}": each for name, each in LOGINS[kind].items()})

    assert text(client(server, given, auth=OTHER[kind]), "A") == "a"


def test_a_fixed_token_is_never_revoked(server: Infisical) -> None:
    server.put("A", "a")
    auth = {"tokenAuthCredentials": {"accessToken": {"name": "a", "key": "token"}}}
    made = client(server, Desk(a_token=server.fixed_token), auth=auth)

    assert text(made, "A") == "a"
    made.close()
    assert server.revoked == []


def test_the_token_of_the_pod_is_sent_as_an_administrator_allows(
    server: Infisical, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    server.put("A", "a")
    file = tmp_path / "token"
    file.write_text("token-of-pod\n")
    monkeypatch.setattr("external.providers.infisical.login.OWN_TOKEN", str(file))
    credentials = {"identityId": {"name": "a", "key": "id"}}
    auth = {"kubernetesAuthCredentials": credentials}

    with pytest.raises(NeedsHuman, match="it sends the controller's own token"):
        client(server, Desk(a_id="identity"), auth=auth)
    assert text(client(server, Desk(a_id="identity"), auth=auth, own_account=True), "A") == "a"
    elsewhere = {"kubernetesAuthCredentials": {**credentials, "serviceAccountTokenPath": {"name": "a", "key": "path"}}}
    with pytest.raises(NeedsHuman, match="serviceAccountTokenPath: only"):
        client(server, Desk(a_id="identity", a_path="/etc/shadow"), auth=elsewhere, own_account=True)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ({"awsAuthCredentials": {"identityId": {"name": "a", "key": "b"}}}, "awsAuthCredentials is not served"),
        ({"azureAuthCredentials": {"identityId": {"name": "a", "key": "b"}}}, "azureAuthCredentials is not served"),
        ({"gcpIdTokenAuthCredentials": {"identityId": {"name": "a", "key": "b"}}}, "gcpIdTokenAuthCredentials is not"),
        ({}, "it names no login"),
    ],
)
def test_a_login_that_is_not_served_is_named(server: Infisical, auth: Any, said: str) -> None:
    with pytest.raises(NeedsHuman, match=said):
        client(server, auth=auth)


def test_a_refused_login_is_told_and_not_quoted(server: Infisical) -> None:
    made = client(server, Desk(infisical_id="client", infisical_secret="canary-secret"))
    with pytest.raises(ProviderDenied, match="Login: 401: Invalid credentials") as raised:
        made.validate()
    assert "canary" not in str(raised.value)


def test_project_environment_and_folder_are_checked_with_the_store(server: Infisical) -> None:
    client(server).validate()
    with pytest.raises(ProviderDenied, match="has no folder /none"):
        client(server, scope={"secretsPath": "/none"}).validate()


@pytest.mark.parametrize("changes", [{"version": "1"}, {"metadata": True}])
def test_what_infisical_does_not_have_is_refused(server: Infisical, changes: Any) -> None:
    request = SecretRequest("A", **changes)
    found = client(server).read([request])[request]
    assert isinstance(found, ProviderError)
    assert "not implemented in the Infisical provider" in str(found)


def test_where_it_looked(server: Infisical) -> None:
    where = client(server, scope={"secretsPath": "base"}).location(SecretRequest("x/A"))
    assert where.startswith("Infisical 127.0.0.1:")
    assert where.endswith(", project app, environment dev, folder /base/x")
