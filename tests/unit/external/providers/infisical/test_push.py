"""Pushes to Infisical that the table of all providers does not try."""

from collections.abc import Iterator

import pytest

from external.providers.protocol import ProviderDenied
from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged
from tests.builders.providers import OWNER, push
from tests.doubles.infisical import Infisical
from tests.unit.external.providers.infisical.test_client import client

MARKS = {"managed-by": "external-secrets", "coffer.dev/push-secret": OWNER}
OURS = [{"key": name, "value": each} for name, each in MARKS.items()]


@pytest.fixture(scope="module")
def running() -> Iterator[Infisical]:
    with Infisical() as server:
        yield server


@pytest.fixture
def server(running: Infisical) -> Infisical:
    running.folders = {"/": {}, "/app": {}}
    running.calls.clear()
    return running


def test_a_push_goes_where_a_read_looks(server: Infisical) -> None:
    made = client(server, scope={"secretsPath": "/app"})

    assert made.push(push("A", b"one")).written
    assert not made.push(push("/app/A", b"one")).written
    assert server.folders["/app"]["A"]["secretValue"] == "one"
    assert server.folders["/app"]["A"]["secretMetadata"] == OURS
    assert made.push(push("/B", b"two")).written
    assert server.folders["/"]["B"]["secretValue"] == "two"
    with pytest.raises(PushRefused, match=r"remoteKey: the key has a step \. or \.\."):
        made.push(push("../C"))


def test_references_of_other_members_stay_references(server: Infisical) -> None:
    """external-secrets writes the resolved text back."""
    server.put("HOST", "db")
    server.put("A", '{"url": "https://${HOST}"}', secretMetadata=OURS)
    client(server).push(push("A", b"v", "user"))

    assert server.folders["/"]["A"]["secretValue"] == '{"url": "https://${HOST}","user":"v"}'


def test_a_text_that_is_no_document_is_not_replaced_by_one(server: Infisical) -> None:
    server.put("A", "plain", secretMetadata=OURS)
    with pytest.raises(PushRefused, match="no JSON object"):
        client(server).push(push("A", b"v", "user"))
    assert server.folders["/"]["A"]["secretValue"] == "plain"


def test_what_is_not_ours_stays_unless_it_was_recorded_and_is_known(server: Infisical) -> None:
    server.put("A", "theirs")
    made = client(server)
    with pytest.raises(RemoteUnmanaged):
        made.push(push("A", recorded=True))
    server.put("A", "v")
    for act in (lambda: made.push(push("A")), lambda: made.delete(RemoteRef("A"), OWNER)):
        with pytest.raises(RemoteUnmanaged):
            act()
    assert made.push(push("A", recorded=True)).written
    assert made.delete(RemoteRef("A"), OWNER)
    assert server.folders["/"] == {}
    assert not made.delete(RemoteRef("A"), OWNER)


def test_an_answer_about_another_secret_writes_nothing(server: Infisical) -> None:
    server.put("A", "theirs")
    server.put("B", "other", secretMetadata=OURS)
    server.folders["/"]["A"] = server.folders["/"]["B"]
    made = client(server)
    for act in (lambda: made.push(push("A")), lambda: made.delete(RemoteRef("A"), OWNER)):
        with pytest.raises(ProviderDenied, match="the answer is another secret"):
            act()
    assert server.folders["/"]["A"]["secretValue"] == "other"
