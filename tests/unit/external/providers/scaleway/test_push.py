"""Pushes to Scaleway: places, tags, versions; the rest is in the table of all providers."""

from typing import Any

import pytest

from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged
from tests.builders.providers import OWNER, Calls, push
from tests.doubles.scaleway import Scaleway


def test_a_new_secret_is_made_in_its_folder_with_marks(client: Any, double: Scaleway) -> None:
    assert client.push(push("path:/app/db", b"\x00\xff")).written

    [made] = double.found
    assert (made.path, made.name, made.versions) == ("/app", "db", [b"\x00\xff"])
    assert set(made.tags) == {"managed-by=external-secrets", f"coffer.dev/push-secret={OWNER}"}


def test_a_changed_value_disables_the_version_before(client: Any, double: Scaleway, calls: Calls) -> None:
    client.push(push("name:db", b"one"))
    double.found[0].tags.append("mine")

    assert client.push(push("name:db", b"two")).version == "2"

    assert (double.found[0].versions, double.found[0].disabled) == ([b"one", b"two"], {1})
    assert "mine" in double.found[0].tags
    calls.clear()
    assert not client.push(push("name:db", b"two")).written
    assert calls.total() == 2


def test_a_secret_that_was_made_without_a_value_gets_one(client: Any, double: Scaleway) -> None:
    """The process may end between the two requests that make a secret."""
    client.push(push("name:db", b"one"))
    double.found[0].versions.clear()

    assert client.push(push("name:db", b"one")).written
    assert double.found[0].versions == [b"one"]


def test_what_the_original_has_pushed_is_taken_over_by_its_record(client: Any, double: Scaleway) -> None:
    double.put("db", b"one", tags=["theirs"])
    with pytest.raises(RemoteUnmanaged):
        client.push(push("name:db", b"one"))

    assert client.push(push("name:db", b"one", recorded=True)).written

    assert double.found[0].versions == [b"one"], "the value is there already: only the marks are written"
    assert "theirs" in double.found[0].tags


def test_a_name_in_several_folders_names_no_place(client: Any, double: Scaleway) -> None:
    double.put("db", b"1", "/a")
    double.put("db", b"2", "/b")

    for attempt in (
        lambda: client.push(push("name:db")),
        lambda: client.exists(RemoteRef("name:db")),
        lambda: client.delete(RemoteRef("name:db"), OWNER),
    ):
        with pytest.raises(PushRefused, match="several folders have a secret of this name"):
            attempt()
    assert [each.versions for each in double.found] == [[b"1"], [b"2"]]


@pytest.mark.parametrize("key", ["db", "id:33333333-aaaa-4bbb-8ccc-00000000000f", "path:db"])
def test_a_key_that_cannot_be_made_is_refused(client: Any, double: Scaleway, key: str) -> None:
    with pytest.raises(PushRefused, match=r"remoteRef\.remoteKey"):
        client.push(push(key))
    assert not double.found


def test_an_id_is_pushed_to_where_it_exists(client: Any, double: Scaleway) -> None:
    made = double.put("db", b"1", tags=["managed-by=external-secrets"])

    assert client.push(push(f"id:{made.id}", b"2")).written
    assert made.versions == [b"1", b"2"]


def test_one_form_of_a_path_is_one_place(client: Any) -> None:
    def form(key: str) -> str:
        return str(client.canonical(RemoteRef(key)).key)

    assert form("path:/a//b/c") == form("path:/a/b/c") == "path:/a/b/c"
    assert form("path:/c") == "path:/c"
    assert form("id:AB") == "id:AB"
    assert form("odd") == "odd"
