"""Reads of Scaleway: names, paths, versions, absences and how few calls they take."""

import json
from typing import Any

import pytest

from external.providers.protocol import (
    ProviderDenied,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from tests.builders.providers import Calls, found_texts, read, text
from tests.doubles.faults import Fault, cut, half, page, status
from tests.doubles.scaleway import Scaleway


def test_a_secret_is_read_by_name_id_and_path(client: Any, double: Scaleway) -> None:
    made = double.put("db", b"swordfish", "/app/live")

    assert text(client, "name:db") == text(client, f"id:{made.id}") == text(client, "path:/app/live/db") == "swordfish"
    assert text(client, "path:/app//live/db") == "swordfish"
    with pytest.raises(SecretAbsent):
        read(client, "path:/app/db")


@pytest.mark.parametrize(
    "key", ["db", "", "name:", "id:x", "id:../x", "path:db", "path:/", "other:db", "Name:db", "path:app/db"]
)
def test_a_key_without_a_form_is_refused(client: Any, double: Scaleway, key: str) -> None:
    with pytest.raises(ProviderDenied, match="the key"):
        read(client, key)
    assert not double.calls


def test_a_version_is_a_number_or_one_of_two_words(client: Any, double: Scaleway) -> None:
    made = double.put("db", b"one")
    double.put("db", b"two")
    made.disabled.add(2)

    assert text(client, "name:db") == text(client, "name:db", "1") == text(client, "name:db", "latest_enabled") == "one"
    with pytest.raises(ProviderDenied, match="412 precondition_failed"):
        read(client, "name:db", "latest")
    for odd in ("0", "x", "../1", "01", "-1"):
        with pytest.raises(ProviderDenied, match="the version must be"):
            read(client, "name:db", odd)
    with pytest.raises(ProviderDenied, match="metadataPolicy"):
        read(client, "name:db", metadata=True)


@pytest.mark.parametrize("form", ["id:{}", "name:db", "path:/db"])
def test_a_secret_without_an_enabled_version_is_not_absent(client: Any, double: Scaleway, form: str) -> None:
    made = double.put("db", b"one")
    made.disabled.add(1)

    with pytest.raises(ProviderDenied, match="no such version that is enabled"):
        read(client, form.format(made.id))
    made.gone = True
    with pytest.raises(SecretAbsent):
        read(client, form.format(made.id))


def test_names_of_a_batch_are_found_by_one_list(client: Any, double: Scaleway, calls: Calls) -> None:
    for number in range(50):
        double.put(f"app-{number}", str(number).encode())
    requests = [SecretRequest(f"name:app-{number}") for number in range(49)] + [SecretRequest("name:none")]

    found = client.read(requests)

    assert isinstance(found[requests[-1]], SecretAbsent)
    assert found[requests[7]].reveal() == b"7"
    assert (calls["ListSecrets"], calls["AccessSecretVersion"]) == (1, 49)


def test_a_list_that_takes_more_calls_is_not_made(client: Any, double: Scaleway, calls: Calls) -> None:
    for number in range(120):
        double.put(f"app-{number}", b"v")

    found = client.read([SecretRequest("name:app-0"), SecretRequest("name:app-119")])

    assert {each.reveal() for each in found.values()} == {b"v"}
    assert calls["ListSecrets"] <= 3


def test_a_renamed_secret_does_not_keep_its_name(client: Any, double: Scaleway) -> None:
    made = double.put("db", b"old")
    assert text(client, "name:db") == "old"

    made.name = "db-old"
    double.put("db", b"new")

    assert text(client, "name:db") == "new"


def test_a_search_is_by_folder_name_and_tags(client: Any, double: Scaleway) -> None:
    double.put("one", b"1", "/app", ["live", "team"])
    double.put("two", b"2", "/app", ["live"])
    double.put("three", b"3", "/app/inner", ["live"])
    double.put("empty", b"", "/app").versions.clear()

    def found(**wanted: Any) -> dict[str, str]:
        return found_texts(client.find(SearchRequest(**wanted)))

    assert found(path="/app") == {"one": "1", "two": "2"}
    assert found(tags=(("live", ""), ("team", "any"))) == {"one": "1"}
    assert found(name="^t") == {"two": "2", "three": "3"}
    double.put("one", b"4", "/other")
    with pytest.raises(ProviderDenied, match=r"several folders have a secret one: narrow it by find\.path"):
        found(name="^one$")


def test_a_list_that_changes_between_its_pages_is_made_again(client: Any, double: Scaleway) -> None:
    """A deletion moves a secret to the page that was read already."""
    for number in range(130):
        double.put(f"s-{number:03}", b"v")
    shown = [each.shown(double.project) for each in double.found]
    pages = ((shown[:100], 130), (shown[101:], 129))
    changing = [status(200, json.dumps({"secrets": some, "total_count": total})) for some, total in pages]
    for fault in changing:
        double.faults.next(fault)
    assert set(client.find(SearchRequest(name="s-100"))) == {"s-100"}
    for fault in changing * 2:
        double.faults.next(fault)
    with pytest.raises(ProviderUnavailable, match="another number of secrets than the list says"):
        client.find(SearchRequest(name="s-100"))


def test_a_list_with_missing_pages_is_no_list(client: Any, double: Scaleway) -> None:
    double.faults.next(status(200, '{"secrets":[],"total_count":5}'), times=2)

    with pytest.raises(ProviderUnavailable, match="another number of secrets than the list says"):
        client.find(SearchRequest(name="x"))


@pytest.mark.parametrize(
    "fault",
    [
        cut,
        half,
        page(),
        status(404, "<html>not found</html>", "text/html"),
        status(404, "{}"),
        status(500),
        status(200, '{"revision":1,"data":5}'),
        status(200, '{"revision":1,"data":"%%"}'),
        status(200, '{"revision":true,"data":"eA=="}'),
    ],
)
def test_a_fault_is_no_absence(client: Any, double: Scaleway, fault: Fault) -> None:
    double.faults.always.append(("/access", fault))

    for key in ("id:33333333-aaaa-4bbb-8ccc-000000000000", "path:/db"):
        with pytest.raises(ProviderUnavailable):
            read(client, key)


def test_a_message_repeats_no_key(client: Any, double: Scaleway) -> None:
    said = '{"type":"permissions_denied","message":"key ' + double.secret_key + ' may not"}'
    double.faults.always.append(("", status(403, said)))

    with pytest.raises(ProviderDenied, match="403 permissions_denied") as told:
        client.validate()
    assert double.secret_key not in str(told.value)


SECRET = {"id": "11111111-2222-3333-4444-555555555555", "name": "a"}


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([SECRET] * 101, "no list of secrets"),
        ([{**SECRET, "name": "a" * 5000}], "the answer is no secret"),
        ([{**SECRET, "tags": ["a" * 50] * 100}], "the answer is no secret"),
    ],
    ids=["page", "name", "tags"],
)
def test_a_list_has_bounds(client: Any, double: Scaleway, items: list[Any], said: str) -> None:
    double.faults.next(status(200, json.dumps({"secrets": items, "total_count": 1})))

    with pytest.raises(ProviderUnavailable, match=said):
        client.find(SearchRequest(name="x"))
