"""Pushes to a real Vault: versions, custom metadata, and what two writers do to each other."""

from collections.abc import Callable
from typing import Any

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import PushRefused, PushRequest, RemoteRef, RemoteUnmanaged
from external.providers.vault.push import VaultKeyValue
from manager.core.secret_value import SecretValue
from tests.cluster.vault import VaultServer
from tests.conformance.providers.engines import EngineSubject, EngineTwoSubject
from tests.conformance.providers.subject import OTHER, OWNER, request

MARKED = {"managed-by": "external-secrets"}
MINE = MARKED | {"coffer.dev/push-secret": OWNER}
REF = RemoteRef("team/app", "p")


@pytest.fixture
def subject(vault: VaultServer) -> EngineSubject:
    return EngineTwoSubject(vault)


def told(subject: EngineSubject) -> Any:
    return subject.vault.ask("GET", f"{subject.mount}/metadata/team/app")["data"]


def whole(document: str) -> PushRequest:
    return request(RemoteRef("team/app"), document.encode())


def test_an_unchanged_push_takes_one_read(subject: EngineSubject) -> None:
    client = subject.client()
    client.push(request(REF))
    subject.calls.clear()
    client.push(request(REF))

    assert subject.calls == {("ReadSecretData", "success"): 1}


def test_custom_metadata_of_others_stays(subject: EngineSubject) -> None:
    """The original replaces all of it."""
    subject.put("team/app", b'{"a":"b"}', MARKED | {"team": "x"})
    subject.client().push(request(REF))

    assert subject.found_marks("team/app") == MINE | {"team": "x"}


@pytest.mark.parametrize("custom", [{}, MARKED | {"coffer.dev/push-secret": OTHER}])
def test_a_deleted_version_keeps_its_owner(subject: EngineSubject, custom: dict[str, str]) -> None:
    """The original takes it for no secret, and writes its mark over the other's."""
    subject.put("team/app", b'{"a":"b"}', custom)
    subject.vault.ask("DELETE", f"{subject.mount}/data/team/app")
    client = subject.client()

    for attempt in (lambda: client.push(request(REF)), lambda: client.delete(REF, OWNER)):
        with pytest.raises(RemoteUnmanaged):
            attempt()
    assert (told(subject)["custom_metadata"] or {}) == custom
    assert not client.exists(REF)


def test_our_own_deleted_version_is_written_again(subject: EngineSubject) -> None:
    client = subject.client()
    client.push(request(REF))
    subject.vault.ask("DELETE", f"{subject.mount}/data/team/app")

    assert client.push(request(REF)).written
    assert told(subject)["current_version"] == 2
    subject.vault.ask("DELETE", f"{subject.mount}/data/team/app")
    assert not client.delete(REF, OWNER)
    assert client.delete(RemoteRef("team/app"), OWNER)
    with pytest.raises(RuntimeError, match="404"):
        told(subject)


@pytest.mark.parametrize(
    ("document", "same"),
    [
        ('{"a": 1, "b": 12345678901234567890, "c": 0.1, "d": [1, {"x": null}]}', True),
        ('{"d":[1.0,{"x":null}],"c":1e-1,"b":12345678901234567890,"a":1}', True),
        ('{"a": true, "b": 12345678901234567890, "c": 0.1, "d": [1, {"x": null}]}', False),
    ],
)
def test_a_document_with_numbers_is_written_once(subject: EngineSubject, document: str, same: bool) -> None:
    """The original writes a new version at every refresh, until the older ones are rotated out."""
    client = subject.client()
    client.push(whole('{"a": 1, "b": 12345678901234567890, "c": 0.1, "d": [1, {"x": null}]}'))

    assert client.push(whole(document)).written is not same
    assert not client.push(whole(document)).written


@pytest.mark.parametrize("value", ["text", "[1]", '"x"', "7", ""])
def test_what_is_no_document_needs_a_property(subject: EngineSubject, value: str) -> None:
    with pytest.raises(PushRefused, match=r"no JSON object.*name a property"):
        subject.client().push(whole(value))
    with pytest.raises(RuntimeError, match="404"):
        told(subject)


def test_a_property_is_a_name_and_no_path(subject: EngineSubject) -> None:
    client, ref = subject.client(), RemoteRef("team/app", "tls.crt")
    client.push(request(ref))

    assert subject.document("team/app") == {"tls.crt": "v"}
    assert client.exists(ref)
    subject.put("team/nested", b'{"tls":{"crt":"x"},"none":null}', MINE)
    assert not client.exists(RemoteRef("team/nested", "tls.crt"))
    assert not client.exists(RemoteRef("team/nested", "none"))
    with pytest.raises(PushRefused, match="would be lost"):
        client.push(request(RemoteRef("team/nested", "tls")))


def test_a_mount_in_front_of_the_key_leads_to_the_same_secret(subject: EngineSubject) -> None:
    """The original reads the mark of another secret than the one that it writes."""
    client = subject.client()
    client.push(request(REF))

    for key in (f"{subject.mount}/team/app", f"{subject.mount}/data/team/app"):
        assert not client.push(request(RemoteRef(key, "p"))).written
    assert client.delete(RemoteRef(f"{subject.mount}/team/app"), OWNER)
    assert subject.document("team/app") is None


class Between:
    """Lets somebody act before a client's write of data."""

    def __init__(self, client: VaultKeyValue, act: Callable[[], object]) -> None:
        engine: Any = client._pusher
        self._write = engine._engine.write
        self._act = act
        engine._engine.write = self

    def __call__(self, *arguments: Any) -> None:
        self._act()
        self._write(*arguments)


def test_a_secret_that_somebody_else_creates_meanwhile_is_theirs(subject: EngineSubject) -> None:
    client = subject.client()
    Between(client, lambda: subject.put("team/app", b'{"a":"theirs"}', None))

    with pytest.raises(ProviderUnavailable, match="changed meanwhile"):
        client.push(request(REF))

    assert subject.document("team/app") == {"a": "theirs"}
    assert told(subject)["custom_metadata"] in (None, {})
    with pytest.raises(RemoteUnmanaged):
        subject.client().push(request(REF))


def test_an_edit_between_read_and_write_is_not_lost(subject: EngineSubject) -> None:
    subject.put("team/app", b'{"a":"1"}', MINE)
    client = subject.client()
    edits = iter((b'{"a":"2","b":"2"}', b'{"a":"3","b":"3"}'))
    Between(client, lambda: subject.put("team/app", next(edits), None))

    for attempt in (lambda: client.push(request(REF)), lambda: client.delete(RemoteRef("team/app", "a"), OWNER)):
        with pytest.raises(ProviderUnavailable, match="changed meanwhile"):
            attempt()
    assert subject.document("team/app") == {"a": "3", "b": "3"}


def test_an_engine_that_requires_check_and_set_takes_every_write(subject: EngineSubject) -> None:
    subject.vault.ask("POST", f"{subject.mount}/config", {"cas_required": True})
    client = subject.client()
    for name in ("a", "b"):
        assert client.push(request(RemoteRef("team/app", name))).written
    assert client.delete(RemoteRef("team/app", "a"), OWNER)
    assert subject.document("team/app") == {"b": "v"}


@pytest.mark.parametrize(
    ("path", "capabilities", "text"),
    [
        ("data", "read", "must allow create and update on {mount}/metadata/team/app"),
        ("*", "read", "must allow create and update on {mount}/metadata/team/app"),
        ("*", "create", "must allow read on {mount}/data/team/app"),
    ],
)
def test_a_refusal_names_path_and_capability(subject: EngineSubject, path: str, capabilities: str, text: str) -> None:
    rules = [f'path "{subject.mount}/*" {{ capabilities = ["{capabilities}"] }}']
    if path == "data":
        rules = [f'path "{subject.mount}/{each}/*" {{ capabilities = ["read"] }}' for each in ("data", "metadata")]
    token = subject.token_with("\n".join(rules).replace("{", "{{").replace("}", "}}"))

    with pytest.raises(ProviderDenied, match="permission denied") as told_:
        subject.client(token=token).push(request(REF))
    assert text.format(mount=subject.mount) in str(told_.value)


def test_the_first_version_of_the_engine_holds_its_mark_in_the_document(vault: VaultServer) -> None:
    subject = EngineSubject(vault, "v1")
    client = subject.client()
    client.push(PushRequest(RemoteRef("app"), "", {"a": SecretValue(b"1")}, OWNER, recorded=False))

    assert subject.document("app") == {"a": "1", "custom_metadata": MINE}
    assert client.push(request(RemoteRef("app", "b"))).written
    assert subject.document("app") == {"a": "1", "b": "v", "custom_metadata": MINE}
    with pytest.raises(PushRefused, match="custom_metadata holds the marks"):
        client.push(request(RemoteRef("app", "custom_metadata")))
