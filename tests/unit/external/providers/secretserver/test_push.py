"""Pushes to Secret Server: what is created, which field is written, and what is ours."""

import json
from typing import Any

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged
from tests.builders.providers import ENVELOPE, OTHER, OWNER, Calls, push
from tests.doubles.delinea.secret_server import TEMPLATE, SecretServer
from tests.doubles.faults import status

NEW = {"folderId": 73, "secretTemplateId": TEMPLATE}


def test_a_new_secret_is_made_by_its_template(client: Any, double: SecretServer) -> None:
    assert client.push(push("database", b"v", spec=NEW)).written
    assert client.push(push("folderId:74/database", b"w", "password", spec=NEW)).written

    assert [(each.name, each.folder, each.values) for each in double.secrets] == [
        ("database", 73, {"data": "v"}),
        ("database", 74, {"password": "w"}),
    ]


@pytest.mark.parametrize(
    ("key", "name", "spec", "text"),
    [
        ("database", "", None, "folderId is missing"),
        ("folderId:73/database", "", None, "secretTemplateId is missing"),
        ("/app/database", "", NEW, "a new one is named folderId:ID/NAME or NAME"),
        ("4711", "", NEW, "a new one is named folderId:ID/NAME or NAME"),
        ("database", "none", NEW, "the template has no field of this name"),
        ("folderId:", "", NEW, r"remoteRef\.remoteKey: the key must be"),
    ],
)
def test_a_secret_that_cannot_be_made_is_refused(
    client: Any, double: SecretServer, key: str, name: str, spec: Any, text: str
) -> None:
    with pytest.raises(PushRefused, match=text):
        client.push(push(key, b"v", name, spec=spec))
    assert not double.secrets


def test_one_field_is_written_and_the_others_stay(client: Any, double: SecretServer, calls: Calls) -> None:
    made = double.put("database", data="x", user="u", password="old")

    assert client.push(push("database", b"new", "Password", recorded=True)).written
    assert made.values == {"data": "x", "user": "u", "password": "new"}
    calls.clear()
    assert not client.push(push("database", b"new", "password", recorded=True)).written
    assert calls.total() == 2
    with pytest.raises(PushRefused, match="no field of this name"):
        client.push(push("database", b"new", "none", recorded=True))


def test_a_file_is_not_written(client: Any, double: SecretServer) -> None:
    double.put("database").files["data"] = b"x"

    with pytest.raises(PushRefused, match="that holds text"):
        client.push(push("database", b"new", recorded=True))


def test_what_nobody_has_recorded_is_not_written(client: Any, double: SecretServer) -> None:
    made = double.put("database", data="theirs")
    with pytest.raises(RemoteUnmanaged, match="secret not managed by external-secrets: this PushSecret has not"):
        client.push(push("database", b"v"))
    assert made.values == {"data": "theirs"}

    client.push(push("own", b"1", spec=NEW))
    assert client.push(push("own", b"2", spec=NEW)).written, "its record may be lost: this process has made it"
    with pytest.raises(RemoteUnmanaged):
        client.push(push("own", b"3", owner=OTHER, spec=NEW))
    assert client.push(push("own", b"3", owner=OTHER, adopts=OWNER, spec=NEW)).written


def test_a_search_that_changes_between_its_pages_is_no_answer(client: Any, double: SecretServer) -> None:
    """A deletion moves a secret to the page that was read already."""
    others = [{"id": number, "name": "other", "folderId": 1, "active": True} for number in range(1000, 1100)]
    for some, total, more in ((others, 101, True), ([], 100, False)):
        answer = {"records": some, "total": total, "hasNext": more}
        double.faults.next(status(200, json.dumps(answer)), "/secrets")
    with pytest.raises(ProviderUnavailable, match="the list changes while it is read"):
        client.exists(RemoteRef("app", "password"))


def test_several_of_one_name_are_no_place(client: Any, double: SecretServer) -> None:
    double.put("database", data="1")
    double.put("database", 74, data="2")

    for attempt in (
        lambda: client.push(push("database", b"v", recorded=True)),
        lambda: client.exists(RemoteRef("database")),
        lambda: client.delete(RemoteRef("database"), OWNER),
    ):
        with pytest.raises(ProviderDenied, match="several secrets have this name"):
            attempt()
    given = {**ENVELOPE, "spec": {"folderId": 74}}
    assert client.delete(RemoteRef("database"), OWNER, given)
    assert [each.active for each in double.secrets] == [True, False]


def test_a_secret_that_cannot_be_seen_is_not_called_gone(client: Any, double: SecretServer) -> None:
    made = double.put("database")
    made.visible = False
    with pytest.raises(ProviderDenied, match="the user sees no such secret"):
        client.delete(RemoteRef("database"), OWNER)

    made.visible, made.active = True, False
    assert client.delete(RemoteRef("database"), OWNER) is False


def test_a_field_without_a_value_does_not_exist(client: Any, double: SecretServer) -> None:
    double.put("database", data="x")

    assert client.exists(RemoteRef("database"))
    assert client.exists(RemoteRef("database", "data"))
    assert not client.exists(RemoteRef("database", "password"))
    assert not client.exists(RemoteRef("none"))


@pytest.mark.parametrize(
    ("spec", "text"), [({"folderID": 1}, "unknown field"), ({"folderId": "x"}, r"metadata\.spec\.folderId")]
)
def test_metadata_of_a_wrong_form_is_refused(client: Any, spec: dict[str, Any], text: str) -> None:
    with pytest.raises(PushRefused, match=text):
        client.push(push("database", spec=spec))
    with pytest.raises(PushRefused, match=text):
        client.references({**ENVELOPE, "spec": spec})
