"""What a provider says of its own refusal is shown, and never what it was sent or what differs each time."""

import json
from typing import Any

import pytest
from aiohttp import web

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretAbsent, SecretRequest
from external.providers.support.amazon.session import error_of_code
from external.providers.support.egress import EgressPolicy
from external.providers.support.refusals import MAX_REASON_CHARACTERS, reason, repeats
from external.providers.vault.client import KeyValue
from external.providers.vault.connection import Connection, Server
from external.providers.vault.login import Login
from manager.core.secret_value import SecretValue
from tests.cluster.serving import Served

SAID = "hvs.canary-token"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("permission denied", ": permission denied"),
        ("1 error occurred:\n\t* invalid role or secret ID\n\n", ": 1 error occurred: * invalid role or secret ID"),
        ("User: arn:aws:iam::1:role/x may not, Request ID: 12ab-34", ": User: arn:aws:iam::1:role/x may not"),
        ("failed for 01234567-89ab-cdef-0123-456789abcdef", ": failed for"),
        ("Signature expired: 20260101T000000Z is now earlier", ": Signature expired: is now earlier"),
        (f"the token {SAID} is bad", ": the token *** is bad"),
        ("bad token hvs.CAESIJabcdefghijklmnop", ": bad token ***"),
        ("bad eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", ": bad ***"),
        ("no. The Canonical String for this request is x-amz-security-token:abc", ": no"),
        ("Authorization: Credential=AKIA/2026/x, bad", ": Authorization: *** bad"),
        ("message: " + "a1B2" * 30, ": message: ***"),
        ("x" * 70 + " y" * 400, ": " + ("x" * 70 + " y" * 400)[:MAX_REASON_CHARACTERS].rstrip() + " …"),
        ("", ""),
        (None, ""),
        (["a list"], ""),
        ("bell \x07", ""),
        (" " * 5900 + "denied", ": denied"),
        ("(" * 5900 + "denied", ": " + "(" * MAX_REASON_CHARACTERS + " …"),
        ("denied" + " " * 20 + "(Request ID: 12ab)", ": denied"),
    ],
)
def test_the_words_of_a_provider(text: object, shown: str) -> None:
    assert reason(text, [SAID, "no"]) == shown


class Searched(bytes):
    """A value that counts how often all of it is searched."""

    searches = 0

    def __contains__(self, piece: Any) -> bool:
        self.searches += 1
        return super().__contains__(piece)


@pytest.mark.parametrize(("end", "found"), [(b"", False), (b"piece of 12b", True)])
def test_a_long_text_costs_a_value_no_search_each_piece(end: bytes, *, found: bool) -> None:
    """A service may answer with thousands of pieces that a value of a MiB almost holds: that took ten seconds."""
    value = Searched(b"a" * 1000 + b"-" + end)
    text = " ".join(f"{'a' * 11}{at}" for at in range(400)) + " piece of 12b"

    assert repeats(text, [value]) is found

    assert value.searches == 0


@pytest.mark.parametrize(
    ("code", "message", "text"),
    [
        (
            "AccessDeniedException",
            "User: x is not authorized to perform: a:B",
            "Get: AccessDeniedException: User: x",
        ),
        ("ValidationException", "Value 'a b' at 'secretId' is wrong", "Get: ValidationException: Value 'a b' at 'se"),
        ("ThrottlingException", "Rate exceeded", "Get: ThrottlingException: Rate exceeded"),
        ("DecryptionFailure", "", "Get: DecryptionFailure"),
    ],
)
def test_amazons_words_follow_its_code(code: str, message: str, text: str) -> None:
    assert str(error_of_code(code, message, 400, "Get")).startswith(text)


def ask(status: int, errors: Any, login: Login, headers: dict[str, Any]) -> ProviderError:
    """Let Vault answer so, and read a secret."""

    async def answer(request: web.Request) -> web.StreamResponse:
        headers.update(request.headers)
        return web.Response(status=status, text=json.dumps({"errors": errors}))

    served = Served(answer)
    server = Server(served.start(), "", "", {}, None, None, "Vault")
    connection = Connection(server, login, EgressPolicy(everything=True), lambda *_: None, 5)
    try:
        found = KeyValue(connection, "kv", "v2", 5).read([SecretRequest("a")])[SecretRequest("a")]
    except ProviderError as error:
        found = error
    finally:
        connection.close()
        served.stop()
    assert isinstance(found, ProviderError)
    return found


TOKEN = Login(token=SecretValue(SAID.encode()))
READ = "cannot read secret data from Vault: ReadSecretData: "


@pytest.mark.parametrize(
    ("status", "errors", "kind", "text"),
    [
        (400, ["missing client token"], ProviderDenied, f"{READ}400: missing client token"),
        (403, ["permission denied"], ProviderDenied, f"{READ}403: permission denied"),
        (403, [f"token {SAID} is bad", "and old"], ProviderDenied, f"{READ}403: token *** is bad; and old"),
        (404, ["no handler for route"], ProviderDenied, f"{READ}404: there is no engine at this path: no handler for"),
        (404, [], SecretAbsent, "Secret does not exist"),
        (503, ["Vault is sealed"], ProviderUnavailable, f"{READ}503: Vault is sealed"),
        (500, {"not": "a list"}, ProviderUnavailable, f"{READ}500"),
    ],
)
def test_vaults_words_follow_its_status(status: int, errors: Any, kind: type[Exception], text: str) -> None:
    found = ask(status, errors, TOKEN, {})

    assert isinstance(found, kind)
    assert str(found).startswith(text)
    assert SAID not in str(found)


def test_a_refused_login_tells_why_and_not_what_was_said() -> None:
    login = Login("approle/login", {"role_id": "the-role", "secret_id": SecretValue(b"the-secret")})

    found = ask(400, ["invalid role or secret ID: the-role the-secret"], login, {})

    assert str(found) == "Login: 400: the identity is not accepted: invalid role or secret ID: *** ***"


def test_no_variable_of_the_process_serves_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("VAULT_TOKEN", "hvs.process"), ("VAULT_NAMESPACE", "process"), ("VAULT_ADDR", "http://else")):
        monkeypatch.setenv(name, value)
    headers: dict[str, Any] = {}

    ask(403, [], TOKEN, headers)

    assert headers["X-Vault-Token"] == SAID
    assert "X-Vault-Namespace" not in headers
