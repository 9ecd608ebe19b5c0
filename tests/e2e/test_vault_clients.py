"""Vault's client on a real server, without a controller: values, folders, tokens, errors."""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from external.providers.support.egress import EgressPolicy
from external.providers.vault.client import KeyValue
from external.providers.vault.connection import Connection, Server
from external.providers.vault.login import Login
from manager.core.secret_value import SecretValue
from tests.cluster.vault import VaultServer

Open = Callable[..., KeyValue]
READ = 'path "{mount}/*" {{ capabilities = ["read", "list"] }}'


class Desk:
    """Opens clients and counts their calls."""

    def __init__(self, vault: VaultServer) -> None:
        self.vault = vault
        self.calls: Counter[tuple[str, str]] = Counter()
        self._opened: list[KeyValue] = []

    def open(self, mount: str, version: str = "v2", login: Login | None = None, **fields: Any) -> KeyValue:
        """Open a client; without a login it uses the root token."""
        options: dict[str, Any] = {"url": self.vault.url, "authorities": self.vault.ca.encode()}
        options |= {"namespace": "", "login_namespace": "", "headers": {}, "certificate": None, "label": "Vault"}
        bounds = fields.pop("bounds", EgressPolicy(everything=True))
        login = login or Login(token=SecretValue(self.vault.token.encode()))
        server = Server(**options | fields)
        connection = Connection(server, login, bounds, self._count, timeout=5)
        self._opened.append(KeyValue(connection, mount, version, 5))
        return self._opened[-1]

    def engine(self, version: str = "2", **secrets: Any) -> str:
        """Mount a new engine with these secrets; `__` stands for a slash. Return its path."""
        mount = f"kv-{uuid4().hex[:8]}"
        self.vault.mount(mount, version)
        for name, data in secrets.items():
            self.put(mount, name.replace("__", "/"), data, version)
        return mount

    def put(self, mount: str, name: str, data: Any, version: str = "2") -> None:
        """Write a secret."""
        place, body = (f"{mount}/data/{name}", {"data": data}) if version == "2" else (f"{mount}/{name}", data)
        self.vault.ask("POST", place, body)

    def user(self, mount: str, **settings: Any) -> Login:
        """Create a user who may read an engine; return the login."""
        name = f"user-{uuid4().hex[:8]}"
        if "userpass/" not in self.vault.ask("GET", "sys/auth"):
            self.vault.enable("userpass")
        self.vault.allow(name, READ.format(mount=mount))
        self.vault.ask("POST", f"auth/userpass/users/{name}", {"password": "pw", "policies": name, **settings})
        return Login(f"userpass/login/{name}", {"password": SecretValue(b"pw")})

    def close(self) -> None:
        """Close all clients."""
        for each in self._opened:
            each.close()

    def _count(self, _: str, call: str, status: str) -> None:
        self.calls[call, status] += 1


@pytest.fixture
def desk(vault: VaultServer) -> Iterator[Desk]:
    made = Desk(vault)
    yield made
    made.close()


def read(client: KeyValue, key: str, version: str = "", *, metadata: bool = False) -> Any:
    """Read one; return the document, or the class of the error."""
    [found] = client.read([SecretRequest(key, version, metadata)]).values()
    return type(found) if isinstance(found, ProviderError) else json.loads(found.reveal())


def found(client: KeyValue, **find: Any) -> dict[str, Any]:
    """Find; return documents by name."""
    tags = tuple(sorted(find.pop("tags").items())) if "tags" in find else None
    return {name: json.loads(value.reveal()) for name, value in client.find(SearchRequest(**find, tags=tags)).items()}


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_secret_is_its_data_as_a_document(desk: Desk, version: str) -> None:
    mount = desk.engine(version, app__db={"url": "x", "port": 5432})

    client = desk.open(mount, f"v{version}")

    assert read(client, "app/db") == {"url": "x", "port": 5432}
    assert read(desk.open("", f"v{version}"), f"{mount}/app/db") == {"url": "x", "port": 5432}


def test_keys_are_read_in_every_form_of_the_original(desk: Desk) -> None:
    mount = desk.engine(app={"a": "1"})

    for key in ("app", "/app", f"{mount}/app", f"{mount}/data/app"):
        assert read(desk.open(mount), key) == {"a": "1"}, key
    assert read(desk.open(""), f"{mount}/data/app") == {"a": "1"}
    first = desk.engine("1", app={"a": "1"})
    for key in ("app", "/app", f"{first}/app"):
        assert read(desk.open(first, "v1"), key) == {"a": "1"}, key


def test_a_folder_may_be_called_like_a_part_of_its_path(desk: Desk) -> None:
    mount = desk.engine(app={"a": "plain"}, data__app={"a": "in data"})
    client = desk.open(mount)
    desk.put(mount, f"{mount}/app", {"a": "in a folder like the mount"})

    assert read(client, "data/app") == {"a": "in data"}
    assert read(client, "app") == {"a": "plain"}
    assert read(client, f"{mount}/data/data/app") == {"a": "in data"}
    assert read(client, f"{mount}/{mount}/app") == {"a": "in a folder like the mount"}
    wanted = {"app": "plain", "data/app": "in data", f"{mount}/app": "in a folder like the mount"}
    assert found(client, name=".") == {name: {"a": value} for name, value in wanted.items()}


def test_of_version_one_only_the_mount_is_taken_away(desk: Desk) -> None:
    mount = desk.engine("1", app={"a": "plain"}, data__app={"a": "in data"})
    client = desk.open(mount, "v1")

    assert read(client, f"{mount}/data/app") == {"a": "in data"}
    assert read(client, "data/app") == {"a": "in data"}
    assert found(client, name="data") == {"data/app": {"a": "in data"}}


def test_a_document_is_written_as_go_writes_it(desk: Desk) -> None:
    mount = desk.engine(app={"b": "<&>", "a": {"z": 1, "y": [True, None]}, "n": 12345678901})

    [value] = desk.open(mount).read([SecretRequest("app")]).values()

    assert isinstance(value, SecretValue)
    text = '{"a":{"y":[true,null],"z":1},"b":"\\u003c\\u0026\\u003e","n":12345678901}'
    assert value.reveal().decode() == text


def test_versions_are_read_as_asked_and_a_deleted_one_is_absent(desk: Desk) -> None:
    mount = desk.engine(app={"a": "1"})
    desk.put(mount, "app", {"a": "2"})
    client = desk.open(mount)
    assert (read(client, "app"), read(client, "app", "1")) == ({"a": "2"}, {"a": "1"})

    desk.vault.ask("DELETE", f"{mount}/data/app")

    assert read(client, "app") is SecretAbsent
    assert read(client, "app", "1") == {"a": "1"}


def test_a_missing_secret_is_absent_a_missing_engine_an_error(desk: Desk) -> None:
    mount = desk.engine()

    assert read(desk.open(mount), "missing") is SecretAbsent
    assert read(desk.open("no-engine"), "missing") is ProviderDenied
    assert read(desk.open("no-engine", "v1"), "missing") is ProviderDenied


def test_what_is_told_of_a_secret(desk: Desk) -> None:
    mount = desk.engine(app={"a": "1"})
    desk.vault.ask("POST", f"{mount}/metadata/app", {"custom_metadata": {"team": "x"}})

    told = read(desk.open(mount), "app", metadata=True)

    assert told["team"] == "x"
    assert told["current_version"] == "1"
    assert set(told) == {"team", "created_time", "current_version", "delete_version_after"}
    assert read(desk.open(mount), f"{mount}/app", metadata=True) == told
    assert read(desk.open(mount), f"{mount}/data/app", metadata=True) == told
    assert read(desk.open(""), f"{mount}/data/app", metadata=True) == told
    assert read(desk.open(mount), "none", metadata=True) is ProviderDenied, "only a value proves that it is absent"
    assert read(desk.open(mount, "v1"), "app", metadata=True) is ProviderDenied


@pytest.mark.parametrize("key", ["../other/data/app", "a/../../sys/mounts", "./app"])
def test_no_key_leads_out_of_its_engine(desk: Desk, key: str) -> None:
    assert read(desk.open(desk.engine()), key) is ProviderDenied


def test_odd_names_arrive_as_they_are(desk: Desk) -> None:
    mount = desk.engine()
    desk.put(mount, "a%20b%3Fc%23d", {"a": "1"})

    assert read(desk.open(mount), "a b?c#d") == {"a": "1"}


def test_find_walks_folders_and_matches_the_whole_path(desk: Desk) -> None:
    mount = desk.engine(app__one={"a": "1"}, app__deep__two={"a": "2"}, other={"a": "3"})
    client = desk.open(mount)

    assert found(client, name=".") == {"app/one": {"a": "1"}, "app/deep/two": {"a": "2"}, "other": {"a": "3"}}
    assert found(client, name="deep/t") == {"app/deep/two": {"a": "2"}}
    assert found(client, name=".", path="app/deep") == {"app/deep/two": {"a": "2"}}
    assert found(client, name=".", path="nowhere") == {}
    assert found(client) == found(client, name="."), "neither name nor tags: all"
    assert found(client, path="app/deep") == {"app/deep/two": {"a": "2"}}
    assert set(found(desk.open(""), name="one", path=f"{mount}/data/app")) == {f"{mount}/data/app/one"}


def test_a_slash_around_the_path_of_a_find_stays_in_the_names(desk: Desk) -> None:
    client = desk.open(desk.engine(app__one={"a": "1"}, app__deep__two={"a": "2"}))

    assert set(found(client, path="app/")) == {"app//one", "app//deep/two"}
    assert set(found(client, path="/app")) == {"/app/one", "/app/deep/two"}
    assert set(found(client, path="app/", name="^app//one$")) == {"app//one"}


def test_find_by_what_is_told_of_secrets(desk: Desk) -> None:
    mount = desk.engine(one={"a": "1"}, two={"a": "2"}, gone={"a": "3"})
    for name in ("one", "two", "gone"):
        desk.vault.ask("POST", f"{mount}/metadata/{name}", {"custom_metadata": {"team": "x", "name": name}})
    desk.vault.ask("DELETE", f"{mount}/data/gone")
    client = desk.open(mount)

    assert set(found(client, tags={"team": "x"})) == {"one", "two"}
    assert set(found(client, tags={"team": "x", "name": "two"})) == {"two"}
    assert set(found(client, tags={"team": "x"}, name="one")) == {"one"}


@pytest.mark.parametrize(
    ("version", "find", "text"),
    [
        ("v2", {"name": "("}, "could not compile"),
        ("v1", {"tags": {"a": "b"}}, "cannot perform find by tag"),
    ],
)
def test_a_find_that_makes_no_sense_is_refused(desk: Desk, version: str, find: Any, text: str) -> None:
    with pytest.raises(ProviderDenied, match=text):
        found(desk.open("any", version), **find)
    with pytest.raises(ProviderDenied, match=r"find\.path is missing"):
        found(desk.open("", version), name=".")


def test_one_login_serves_all_reads_and_all_threads(desk: Desk) -> None:
    mount = desk.engine(app={"a": "1"})
    client = desk.open(mount, login=desk.user(mount))
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(read(client, "app"))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    client.validate()

    assert answers == [{"a": "1"}] * 4
    assert desk.calls == {("Login", "success"): 1, ("ReadSecretData", "success"): 4, ("LookupSelf", "success"): 1}


def test_a_token_is_renewed_and_replaced_in_time(desk: Desk) -> None:
    """It is renewed before it expires, and replaced when its maximum age ends."""
    mount = desk.engine(app={"a": "1"})
    renewed = desk.open(mount, login=desk.user(mount, token_ttl="2s", token_max_ttl="1h"))
    ended = desk.open(mount, login=desk.user(mount, token_ttl="2s", token_max_ttl="2s"))
    for client, call in ((renewed, "RenewSelf"), (ended, "Login")):
        assert read(client, "app") == {"a": "1"}
        desk.calls.clear()
        for _ in range(100):
            assert read(client, "app") == {"a": "1"}
            if desk.calls[call, "success"]:
                break
            threading.Event().wait(0.05)
        assert desk.calls[call, "success"] == 1
        assert not desk.calls["ReadSecretData", "error"]


def test_a_token_that_was_revoked_is_replaced(desk: Desk) -> None:
    mount = desk.engine(app={"a": "1"})
    login = desk.user(mount)
    client = desk.open(mount, login=login)
    assert read(client, "app") == {"a": "1"}

    desk.vault.ask("POST", "sys/leases/revoke-prefix/auth/userpass")

    assert read(client, "app") == {"a": "1"}
    assert desk.calls["Login", "success"] == 2


def test_what_may_not_be_read_is_denied_after_one_more_login(desk: Desk) -> None:
    mine, theirs = desk.engine(app={"a": "1"}), desk.engine(app={"a": "2"})
    client = desk.open(theirs, login=desk.user(mine))

    assert issubclass(read(client, "app"), ProviderDenied)
    assert desk.calls["Login", "success"] == 2


def test_a_token_is_given_back(desk: Desk) -> None:
    mount = desk.engine(app={"a": "1"})
    client = desk.open(mount, login=desk.user(mount))
    read(client, "app")

    client.close()

    assert desk.calls["RevokeSelf", "success"] == 1


def test_a_token_that_was_given_is_left_alone(desk: Desk) -> None:
    mount = desk.engine(app={"a": "1"})
    token = desk.vault.ask("POST", "auth/token/create", {"policies": ["root"], "ttl": "1h"})["auth"]["client_token"]
    client = desk.open(mount, login=Login(token=SecretValue(token.encode())))
    assert read(client, "app") == {"a": "1"}

    client.close()

    assert desk.vault.ask("GET", "auth/token/lookup-self", token=token)
    assert not desk.calls["Login", "success"]


def test_an_identity_that_is_not_accepted_is_denied(desk: Desk) -> None:
    login = Login("userpass/login/nobody", {"password": SecretValue(b"wrong")})
    desk.user("any")

    with pytest.raises(ProviderDenied, match="the identity is not accepted"):
        desk.open("any", login=login).validate()


def test_logins_by_role_certificate_and_signed_token(desk: Desk) -> None:
    vault, mount, name = desk.vault, desk.engine(app={"a": "1"}), uuid4().hex[:8]
    vault.allow(name, READ.format(mount=mount))
    vault.enable("approle", f"approle-{name}")
    vault.ask("POST", f"auth/approle-{name}/role/reader", {"token_policies": name})
    role = vault.ask("GET", f"auth/approle-{name}/role/reader/role-id")["data"]["role_id"]
    secret = vault.ask("POST", f"auth/approle-{name}/role/reader/secret-id")["data"]["secret_id"]
    by_role = Login(f"approle-{name}/login", {"role_id": role, "secret_id": SecretValue(secret.encode())})

    vault.enable("cert", f"cert-{name}")
    vault.ask("POST", f"auth/cert-{name}/certs/reader", {"certificate": vault.ca, "token_policies": name})
    pair = vault.client_certificate("reader")
    shown = (SecretValue(pair.certificate.read_bytes()), SecretValue(pair.key.read_bytes()))
    by_certificate = Login(f"cert-{name}/login", {"name": "reader"}, certificate=shown)

    assert read(desk.open(mount, login=by_role), "app") == {"a": "1"}
    assert read(desk.open(mount, login=by_certificate, certificate=shown), "app") == {"a": "1"}
    with pytest.raises(ProviderDenied):
        desk.open(mount, login=by_certificate).validate()


def test_a_server_that_is_not_trusted_is_not_spoken_to(desk: Desk) -> None:
    with pytest.raises(ProviderUnavailable, match="TLS: the server's certificate is not trusted"):
        desk.open("any", authorities=None).validate()
    with pytest.raises(ProviderDenied, match="check caBundle"):
        desk.open("any", authorities=b"no certificate")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0177.0.0.1"])
def test_a_tenant_does_not_reach_the_node_by_any_spelling(desk: Desk, host: str) -> None:
    port = desk.vault.url.rsplit(":", 1)[1]
    client = desk.open("any", url=f"https://{host}:{port}", bounds=EgressPolicy())

    with pytest.raises(ProviderDenied, match="may not reach"):
        client.validate()


def test_an_administrator_opens_a_network(desk: Desk) -> None:
    desk.open("any", bounds=EgressPolicy(["127.0.0.0/8"])).validate()


def test_nobody_answers(desk: Desk) -> None:
    with pytest.raises(ProviderUnavailable, match=r"server 127\.0\.0\.1:1: connection refused"):
        desk.open("any", url="http://127.0.0.1:1").validate()


def test_certificates_may_be_wrapped_in_base64(desk: Desk) -> None:
    from external.providers.support.lookup import _pem

    once = base64.b64encode(desk.vault.ca.encode())

    assert _pem(once, "x") == _pem(base64.b64encode(once), "x") == desk.vault.ca.encode()
