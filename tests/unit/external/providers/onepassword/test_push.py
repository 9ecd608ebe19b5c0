"""Pushes to 1Password: fields, marks, and what stays."""

from typing import Any

import pytest

from external.providers.protocol import ProviderError
from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged
from tests.builders.providers import OTHER, OWNER, Calls, push
from tests.doubles.faults import status
from tests.doubles.onepassword import OnePassword, new_id

OURS = ["managed-by=external-secrets", f"coffer.dev/push-secret={OWNER}"]


def items(server: OnePassword, vault: str = "first") -> dict[str, dict[str, Any]]:
    return {each["title"]: each for each in server.items[server.vaults[vault]].values()}


def values(item: dict[str, Any]) -> dict[str, str]:
    return {each["label"]: each["value"] for each in item["fields"]}


def test_a_push_creates_an_item_and_writes_once(client: Any, server: OnePassword, calls: Calls) -> None:
    assert client.push(push("app", b"one")).written
    assert not client.push(push("app", b"one")).written
    assert client.push(push("app", b"u", "user")).written

    item = items(server)["app"]
    assert (item["category"], item["tags"], item["version"]) == ("SERVER", OURS, 2)
    assert values(item) == {"password": "one", "user": "u"}
    assert [each["type"] for each in item["fields"]] == ["CONCEALED", "CONCEALED"]
    assert (calls["CreateItem"], calls["UpdateItem"]) == (1, 1)


def test_a_new_item_goes_where_metadata_says(client: Any, server: OnePassword) -> None:
    client.push(push("app", spec={"vault": "second", "tags": ["team"]}))

    assert items(server, "second")["app"]["tags"] == ["team", *OURS]
    with pytest.raises(PushRefused, match="the store does not name this vault; it names first, second"):
        client.push(push("other", spec={"vault": "third"}))


def test_an_existing_item_keeps_what_a_person_made(client: Any, server: OnePassword) -> None:
    server.put("second", "app", {"hand": "made", "password": "old"}, tags=["team", *OURS], files={"f": b"x"})
    client.push(push("app", b"new", "field/password"))

    item = items(server, "second")["app"]
    assert values(item) == {"hand": "made", "password": "new"}
    assert [each["type"] for each in item["fields"]] == ["STRING", "STRING"], "the type of a field stays"
    assert (item["tags"], len(item["files"])) == (["team", *OURS], 1)
    client.push(push("app", b"new", spec={"tags": ["other"]}))
    assert items(server, "second")["app"]["tags"] == ["other", *OURS]


@pytest.mark.parametrize("tags", [None, ["team"], ["managed-by=x"], [OURS[0], f"coffer.dev/push-secret={OTHER}"]])
def test_what_is_not_ours_stays(client: Any, server: OnePassword, tags: Any) -> None:
    server.put("first", "app", {"password": "theirs"}, **({"tags": tags} if tags else {}))

    for act in (lambda: client.push(push("app")), lambda: client.delete(RemoteRef("app"), OWNER)):
        with pytest.raises(RemoteUnmanaged):
            act()
    assert values(items(server)["app"]) == {"password": "theirs"}


def test_what_external_secrets_has_recorded_is_taken_over(client: Any, server: OnePassword) -> None:
    """external-secrets leaves no mark at 1Password; its record of the push is the proof."""
    server.put("first", "app", {"password": "v"}, tags=["team"])

    assert client.push(push("app", b"v", recorded=True)).written
    assert items(server)["app"]["tags"] == ["team", *OURS]


def test_a_record_takes_nothing_over_that_the_source_does_not_hold(client: Any, server: OnePassword) -> None:
    """A tenant who may write the status of a PushSecret records any title of a store that others share."""
    server.put("first", "app", {"password": "v", "hand": "made"})
    server.put("first", "doc", {"password": "v"}, files={"f": b"x"})
    for key in ("app", "doc"):
        with pytest.raises(RemoteUnmanaged):
            client.push(push(key, b"v", recorded=True))
    assert client.push(push("app", b"v", recorded=True, values={"other": b"made"})).written


def test_a_tag_of_metadata_is_no_mark(client: Any, server: OnePassword) -> None:
    for tag in ("managed-by=external-secrets", f"coffer.dev/push-secret={OTHER}"):
        with pytest.raises(PushRefused, match=r"spec\.tags: coffer\.dev/push-secret, managed-by are set"):
            client.push(push("app", spec={"tags": [tag]}))
    assert items(server) == {}


def test_an_item_that_names_two_owners_is_left_alone(client: Any, server: OnePassword) -> None:
    server.put("first", "app", {"password": "p"}, tags=[*OURS, f"coffer.dev/push-secret={OTHER}"])
    for act in (lambda: client.push(push("app")), lambda: client.delete(RemoteRef("app"), OWNER)):
        with pytest.raises(RemoteUnmanaged, match="names two PushSecrets"):
            act()
    assert values(items(server)["app"]) == {"password": "p"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (push("app", None, values={"a": b"1"}), "secretKey is missing"),
        (push("app", b"v", "file/x"), "files are not pushed"),
        (push("a" * 26), "no item with this id"),
        (push("app", b"\xff"), "not UTF-8"),
        (push("app", spec={"vaults": "x"}), "unknown field; did you mean vault"),
    ],
)
def test_what_cannot_be_pushed_is_refused(client: Any, server: OnePassword, request_: Any, said: str) -> None:
    with pytest.raises(PushRefused, match=said):
        client.push(request_)
    assert items(server) == {}


def test_a_delete_takes_the_field_and_then_the_item(client: Any, server: OnePassword) -> None:
    client.push(push("app", b"1"))
    client.push(push("app", b"2", "user"))

    assert client.exists(RemoteRef("app", "user"))
    assert client.delete(RemoteRef("app"), OWNER), "without a property it is the password, as for a push"
    assert values(items(server)["app"]) == {"user": "2"}
    assert not client.delete(RemoteRef("app"), OWNER)
    assert not client.exists(RemoteRef("app", "password"))
    assert client.delete(RemoteRef("app", "user"), OWNER)
    assert items(server) == {}
    assert not client.delete(RemoteRef("app", "user"), OWNER)
    assert not client.exists(RemoteRef("app"))


def test_an_item_with_files_outlives_its_last_field(client: Any, server: OnePassword) -> None:
    server.put("first", "app", {"password": "p"}, tags=OURS, files={"f": b"x"})

    assert client.delete(RemoteRef("app"), OWNER)
    assert values(items(server)["app"]) == {}


def test_two_fields_of_one_name_are_left_alone(client: Any, server: OnePassword) -> None:
    item = server.put("first", "app", {"password": "p"}, tags=OURS)
    item["fields"].append({**item["fields"][0], "id": new_id()})

    with pytest.raises(PushRefused, match="several fields"):
        client.push(push("app"))
    with pytest.raises(RemoteUnmanaged, match="several fields"):
        client.delete(RemoteRef("app"), OWNER)


def test_a_fault_quotes_no_value(client: Any, server: OnePassword) -> None:
    client.validate()
    server.faults.next(status(200, "[]"), "/items")
    server.faults.next(status(400, '{"message": "bad value swordfish-1"}'), "/items")

    with pytest.raises(ProviderError) as raised:
        client.push(push("app", b"swordfish-1"))
    assert "swordfish" not in str(raised.value)
