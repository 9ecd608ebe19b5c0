"""Reads of Secret Server: keys, fields, files, and what proves an absence."""

import json
from typing import Any

import pytest

from external.providers.protocol import DocumentPath, ProviderDenied, ProviderUnavailable, SearchRequest, SecretAbsent
from tests.builders.providers import Calls, found_texts, read, text
from tests.doubles.delinea.secret_server import SecretServer
from tests.doubles.faults import Fault, cut, half, page, status


def field(client: Any, key: str, name: str) -> bytes | None:
    found = client.property_value(read(client, key), name)
    if isinstance(found, DocumentPath):
        found = json.loads(found.document.reveal())[found.path].encode()
        assert isinstance(found, bytes)
        return found
    return None if found is None else bytes(found.reveal())


def test_a_secret_is_read_by_id_path_name_and_folder(client: Any, double: SecretServer) -> None:
    made = double.put("database", password="swordfish")
    double.put("database", 74, password="other")

    for key in (str(made.id), "/app/database", "//app///database", "database", "folderId:73/database"):
        assert field(client, key, "password") == b"swordfish", key
    assert field(client, "folderId:74/database", "password") == b"other"


@pytest.mark.parametrize("own", ["abc", True, [1], 1.5])
def test_an_id_that_is_no_number_is_no_secret(client: Any, double: SecretServer, own: object) -> None:
    double.faults.next(status(200, json.dumps({"id": own, "active": True, "items": []})), "/secrets/")

    with pytest.raises(ProviderUnavailable, match="the answer is no secret"):
        text(client, "4711")


def test_a_number_may_be_a_name(client: Any, double: SecretServer) -> None:
    double.put("4711", password="swordfish")

    assert field(client, "4711", "password") == b"swordfish"


@pytest.mark.parametrize("key", ["", "/", "//", "folderId:", "folderId:x/y", "folderId:73/"])
def test_a_key_that_names_nothing_is_refused(client: Any, double: SecretServer, key: str) -> None:
    with pytest.raises(ProviderDenied, match="the key"):
        read(client, key)
    assert not double.calls


def test_a_whole_secret_is_what_the_original_shows(client: Any, double: SecretServer) -> None:
    made = double.put("database", data="a<b", password="swordfish")

    shown = json.loads(text(client, "database"))
    assert list(shown)[:5] == ["Name", "FolderID", "ID", "SiteID", "SecretTemplateID"]
    assert (shown["ID"], shown["SecretPolicyID"], shown["Active"], shown["ProxyEnabled"]) == (made.id, -1, True, False)
    assert "PasswordTypeWebScriptID" not in shown
    assert list(shown["Items"][0])[:4] == ["ItemID", "FieldID", "FileAttachmentID", "FieldName"]
    assert shown["Items"][2]["ItemValue"] == "swordfish"
    assert r"a\u003cb" in text(client, "database")


def test_a_property_is_in_the_first_field_or_a_field(client: Any, double: SecretServer) -> None:
    double.put("document", data='{"user": "u", "x": "1"}', user="field", password="swordfish")
    double.put("plain", data="text", user="field")

    assert field(client, "document", "user") == b"u", "the document comes first"
    assert field(client, "document", "password") == b"swordfish"
    assert field(client, "plain", "user") == field(client, "plain", "User") == b"field"
    assert field(client, "plain", "none") is None


def test_the_members_are_those_of_the_document_or_the_fields(client: Any, double: SecretServer) -> None:
    double.put("document", data='{"user": "u"}')
    double.put("plain", data="[1]", user="u")

    assert client.members(read(client, "document")).reveal() == b'{"user": "u"}'
    assert found_texts(client.members(read(client, "plain"))) == {"data": "[1]", "user": "u", "password": "", "p": ""}


def test_an_attached_file_is_its_content(client: Any, double: SecretServer, calls: Calls) -> None:
    double.put("key").files["data"] = b"\x00\xff"

    assert field(client, "key", "data") == b"\x00\xff"
    assert calls["GetSecretField"] == 1


@pytest.mark.parametrize("form", ["{}", "/app/database", "database", "folderId:73/database"])
def test_only_a_deleted_secret_is_absent(client: Any, double: SecretServer, form: str) -> None:
    """A secret that the user may not see any more has the same answer as one that is not there."""
    made = double.put("database", password="x")
    key = form.format(made.id)
    made.visible = False
    with pytest.raises(ProviderDenied, match="the user sees no such secret"):
        read(client, key)

    made.visible, made.active = True, False
    with pytest.raises(SecretAbsent):
        read(client, key)


def test_a_name_is_found_beyond_the_first_page(client: Any, double: SecretServer, calls: Calls) -> None:
    """The search does not tell upper from lower case."""
    for number in range(120):
        double.put(f"DATABASE{number}")
        double.secrets[-1].name = "DATABASE"
    double.put("database", password="swordfish")

    assert field(client, "database", "password") == b"swordfish"
    assert calls["SearchSecrets"] == 2


def test_what_it_cannot_do_is_refused(client: Any, double: SecretServer) -> None:
    double.put("database")
    with pytest.raises(ProviderDenied, match="version is not supported"):
        read(client, "database", "1")
    with pytest.raises(ProviderDenied, match="metadataPolicy: Fetch is not supported"):
        read(client, "database", metadata=True)
    with pytest.raises(ProviderDenied, match="find is not supported"):
        client.find(SearchRequest(name="x"))


@pytest.mark.parametrize(
    "fault",
    [
        cut,
        half,
        page(),
        status(404, "<html>", "text/html"),
        status(500),
        status(200, '{"id":"x","name":"a","items":[]}'),
        status(200, '{"id":1,"name":"a","items":[{}]}'),
        status(200, '{"id":1,"name":"a"}'),
    ],
)
def test_a_fault_is_no_absence(client: Any, double: SecretServer, fault: Fault) -> None:
    double.faults.always.append(("/secrets/0", fault))

    with pytest.raises(ProviderUnavailable):
        read(client, "/app/database")


def test_one_login_serves_all_and_a_refused_token_is_replaced(client: Any, double: SecretServer, calls: Calls) -> None:
    double.put("database")
    read(client, "database")
    read(client, "database")
    assert calls["Login"] == 1

    double.tokens.clear()
    read(client, "database")
    assert calls["Login"] == 2
