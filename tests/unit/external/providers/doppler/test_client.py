"""Reads of Doppler: one download for all, 304, transformers, formats, and the login by OIDC."""

from collections.abc import Iterator
from typing import Any

import pytest

from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import Calls, connected, found_texts, provider_context, text
from tests.doubles.doppler import Doppler
from tests.doubles.faults import status

TOKEN = {"secretRef": {"dopplerToken": {"name": "doppler"}}}


@pytest.fixture(scope="module")
def running() -> Iterator[Doppler]:
    with Doppler() as server:
        yield server


@pytest.fixture
def server(running: Doppler, monkeypatch: pytest.MonkeyPatch) -> Doppler:
    running.secrets, running.tokens = {}, {running.token}
    running.calls.clear()
    running.faults.clear()
    monkeypatch.setenv("DOPPLER_BASE_URL", running.url)
    return running


def client(desk: Desk | None = None, calls: Calls | None = None, **fields: Any) -> Any:
    spec = {"auth": TOKEN, "project": Doppler.project, "config": Doppler.config, **fields}
    given = desk or Desk(doppler_dopplerToken=f"{Doppler.token}\n")
    return connected("doppler", spec, provider_context(given, calls=calls))


def test_one_download_serves_all_and_an_unchanged_one_is_304(server: Doppler) -> None:
    server.secrets |= {f"KEY_{number}": str(number) for number in range(40)}
    requests, made = [SecretRequest(f"KEY_{number}") for number in range(40)], client()

    assert [each.reveal().decode() for each in made.read(requests).values()] == [str(each) for each in range(40)]
    assert made.read(requests) == made.read(requests)
    assert server.calls == {"/v3/configs/config/secrets/download": 3, "304": 2}
    server.secrets["KEY_7"] = "new"
    assert text(made, "KEY_7") == "new"


def test_a_name_that_the_whole_config_lacks_is_absent(server: Doppler) -> None:
    with pytest.raises(SecretAbsent, match="secret 'NONE' not found"):
        text(client(), "NONE")
    with pytest.raises(ProviderDenied, match="404: Could not find requested config"):
        text(client(config="other"), "NONE")


def test_an_empty_config_is_no_proof_of_absence(server: Doppler) -> None:
    server.faults.next(status(200, "{}"))
    with pytest.raises(ProviderUnavailable, match="the answer is no config"):
        text(client(), "NONE")


ODD = ["", "upstream error", '{"success":false}', "{}", "<html>DOPPLER</html>", "A=1\nB=2", "[]", "A: 1"]


@pytest.mark.parametrize("form", ["json", "dotnet-json", "env", "yaml", "docker"])
@pytest.mark.parametrize("body", ODD)
def test_an_answer_that_is_no_config_is_no_file(server: Doppler, form: str, body: str) -> None:
    """Any success became the content of the target."""
    made = client(format=form)
    server.faults.next(status(200, body, "text/plain", ETag="odd"))

    with pytest.raises(ProviderUnavailable, match="the answer is no config"):
        made.find(SearchRequest())
    assert not made._kept


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("json", '{"DOPPLER_PROJECT": "app"}'),
        ("dotnet-json", '{"Doppler": {"Project": "app"}, "A": "1"}'),
        ("dotnet-json", '{"DopplerProject": "app"}'),
        ("yaml", "A: 1\nDOPPLER_PROJECT: app\n"),
        ("env", 'A="1"\nDOPPLER_PROJECT="app"\n'),
        ("docker", "DOPPLER_PROJECT=app\n"),
        ("env", 'TF_VAR_doppler_project="app"'),
    ],
)
def test_a_config_in_a_format_names_its_project(server: Doppler, form: str, body: str) -> None:
    made = client(format=form)
    server.faults.next(status(200, body, "text/plain"))

    assert found_texts(made.find(SearchRequest())) == {"DOPPLER_SECRETS_FILE": body}


def test_transformers_and_formats_act_on_searches_only(server: Doppler) -> None:
    server.secrets |= {"DB_USER": "u", "DB_PASSWORD": "p", "OTHER": "o"}

    def found(name: str | None = None, path: str = "", **fields: Any) -> dict[str, str]:
        return found_texts(client(**fields).find(SearchRequest(name=name, path=path)))

    assert found("^DB_") == {"DB_USER": "u", "DB_PASSWORD": "p"}
    assert found(path="DB_", name="USER") == {"DB_USER": "u"}
    assert found("^db-", nameTransformer="lower-kebab") == {"db-user": "u", "db-password": "p"}
    assert len(found()) == 6
    assert text(client(nameTransformer="lower-kebab", format="env"), "DB_USER") == "u"
    whole = found(format="env")
    assert list(whole) == ["DOPPLER_SECRETS_FILE"]
    assert 'DB_USER="u"\n' in whole["DOPPLER_SECRETS_FILE"]
    assert found("^DB_", format="yaml") == {}, "a file has one name"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (SecretRequest("A", version="1"), "version is not implemented"),
        (SecretRequest("A", metadata=True), "metadataPolicy: Fetch is not implemented"),
    ],
)
def test_what_doppler_does_not_have_is_refused(server: Doppler, request_: SecretRequest, said: str) -> None:
    server.secrets["A"] = "a"
    found = client().read([request_])[request_]
    assert isinstance(found, ProviderDenied)
    assert said in str(found)


def test_a_search_by_tags_is_refused(server: Doppler) -> None:
    """external-secrets ignores tags and returns every secret."""
    with pytest.raises(ProviderDenied, match=r"find\.tags is not implemented"):
        client().find(SearchRequest(tags=(("a", "b"),)))


def test_a_service_account_logs_in_once(server: Doppler) -> None:
    server.secrets["A"] = "a"
    desk, calls = Desk(), Calls()
    oidc = {"identity": server.identity, "serviceAccountRef": {"name": "builder"}}
    made = client(desk, calls, auth={"oidcConfig": oidc})

    assert text(made, "A") == text(made, "A") == "a"
    assert calls["Login"] == 1
    assert desk.audiences == [server.url, "secretStore:ns:store"]
    server.tokens = {server.token}
    assert text(made, "A") == "a", "a token that is refused is replaced"
    other = client(Desk(), auth={"oidcConfig": {**oidc, "identity": "none"}})
    with pytest.raises(ProviderDenied, match=r"Login: 401: Identity not found: check oidcConfig\.identity"):
        other.validate()


def test_another_token_is_refused_and_not_quoted(server: Doppler) -> None:
    with pytest.raises(ProviderDenied, match="GetMe: 401: Invalid Service token") as raised:
        client(Desk(doppler_dopplerToken="canary-token")).validate()
    assert "canary" not in str(raised.value)
    client().validate()


def test_the_token_is_sent_over_tls_only(server: Doppler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOPPLER_BASE_URL", "http://doppler.example")
    with pytest.raises(ProviderDenied, match="DOPPLER_BASE_URL: it is no https URL"):
        client()


@pytest.mark.parametrize("auth", [{}, {**TOKEN, "oidcConfig": {"identity": "i", "serviceAccountRef": {"name": "b"}}}])
def test_exactly_one_login_is_named(server: Doppler, auth: Any) -> None:
    with pytest.raises(NeedsHuman, match="exactly one of secretRef and oidcConfig"):
        client(auth=auth)


@pytest.mark.parametrize("answer", [status(200, "{}"), status(200, '{"token": "canary"}'), status(503, "{}")])
def test_a_login_by_half_gives_no_token(server: Doppler, answer: Any) -> None:
    oidc = {"identity": server.identity, "serviceAccountRef": {"name": "builder"}}
    made = client(Desk(), auth={"oidcConfig": oidc})
    server.faults.next(answer, "/v3/auth/oidc")
    with pytest.raises(ProviderError) as raised:
        made.validate()
    assert type(raised.value) is ProviderUnavailable
    assert "canary" not in str(raised.value)


def test_where_it_looked(server: Doppler) -> None:
    assert client().location(SecretRequest("A")) == "Doppler, project app, config dev"
    assert client(project=None, config=None).location(SecretRequest("A")) == "Doppler"
