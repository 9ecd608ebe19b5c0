"""Pushes to GitHub: what is ours, who sees it, and what proves that it is unchanged or gone."""

import json
from typing import Any

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable, SearchRequest, SecretRequest
from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged
from tests.builders.providers import OTHER, OWNER, Calls, push
from tests.doubles.faults import status
from tests.doubles.github.actions import Actions
from tests.unit.external.providers.github.conftest import Connect


def test_a_secret_of_each_place_is_written(connect: Connect, double: Actions) -> None:
    connect().push(push("a", b"1"))
    connect(environment=double.environment).push(push("A", b"2"))
    connect(repository=None).push(push("a", b"3"))

    assert [{name: each.value for name, each in place.items()} for place in double.places.values()] == [
        {"A": b"3"},
        {"A": b"1"},
        {"A": b"2"},
    ]


def test_an_unchanged_value_takes_one_call(client: Any, calls: Calls) -> None:
    client.push(push("a", b"1"))
    calls.clear()

    assert not client.push(push("a", b"1", recorded=True)).written
    assert dict(calls) == {"GetSecret": 1}


def test_another_process_writes_a_recorded_value_again(connect: Connect, double: Actions) -> None:
    """No answer shows a value, so nothing tells that it is the same."""
    connect().push(push("a", b"1"))
    before = double.of_repository["A"].changed

    assert connect().push(push("a", b"1", recorded=True)).written
    assert double.of_repository["A"].changed > before


def test_a_secret_that_nobody_has_recorded_is_not_written(client: Any, double: Actions) -> None:
    double.put(double.of_repository, "A", b"theirs")

    with pytest.raises(RemoteUnmanaged, match="secret not managed by external-secrets: this PushSecret has not"):
        client.push(push("a", b"1"))
    assert double.of_repository["A"].value == b"theirs"
    assert client.push(push("a", b"1", recorded=True)).written


def test_a_push_whose_record_was_lost_is_repeated_in_this_process(client: Any) -> None:
    client.push(push("a", b"1"))

    assert client.push(push("a", b"2")).written
    with pytest.raises(RemoteUnmanaged):
        client.push(push("a", b"3", owner=OTHER))
    assert client.push(push("a", b"3", owner=OTHER, adopts=OWNER)).written


def test_what_was_changed_after_a_push_is_not_ours_without_a_record(client: Any, double: Actions) -> None:
    client.push(push("a", b"1"))
    double.put(double.of_repository, "A", b"theirs")

    with pytest.raises(RemoteUnmanaged):
        client.push(push("a", b"1"))
    assert client.push(push("a", b"1", recorded=True)).written


@pytest.mark.parametrize("configured", ["", "all", "private"])
@pytest.mark.parametrize("before", ["", "all", "private", "selected"])
def test_who_sees_a_secret_of_an_organization(connect: Connect, double: Actions, configured: str, before: str) -> None:
    if before:
        double.put(double.of_organization, "A", b"old", visibility=before, repositories=[1, 2])
    client = connect(repository=None, **({"orgSecretVisibility": configured} if configured else {}))

    client.push(push("a", b"1", recorded=True))

    written = double.of_organization["A"]
    assert written.visibility == (configured or before or "all")
    assert written.repositories == ([1, 2] if written.visibility == "selected" else [])
    assert not client.push(push("a", b"1", recorded=True)).written
    written.visibility = "selected"
    assert client.push(push("a", b"1", recorded=True)).written is bool(configured)


def test_all_selected_repositories_stay(connect: Connect, double: Actions) -> None:
    double.put(double.of_organization, "A", b"old", visibility="selected", repositories=list(range(1, 151)))

    connect(repository=None).push(push("a", b"1", recorded=True))

    assert double.of_organization["A"].repositories == list(range(1, 151))


def test_a_whole_source_is_json_with_base64(client: Any, double: Actions) -> None:
    client.push(push("a", None, values={"x": b"\xff", "y": b"1"}))

    assert json.loads(double.of_repository["A"].value) == {"x": "/w==", "y": "MQ=="}


@pytest.mark.parametrize("key", ["1a", "a-b", "", "github_a", "GITHUB_TOKEN", "a/b", "ä", "../a"])
def test_a_name_that_github_refuses_is_not_sent(client: Any, double: Actions, key: str) -> None:
    with pytest.raises(PushRefused, match=r"remoteRef\.remoteKey"):
        client.push(push(key))
    assert not double.calls


def test_a_property_is_refused(client: Any) -> None:
    for attempt in (
        lambda: client.push(push("a", b"1", "p")),
        lambda: client.exists(RemoteRef("a", "p")),
        lambda: client.delete(RemoteRef("a", "p"), OWNER),
    ):
        with pytest.raises(PushRefused, match=r"remoteRef\.property"):
            attempt()


def test_a_secret_is_gone_only_if_the_others_can_be_seen(client: Any, double: Actions) -> None:
    """GitHub answers 404 to an App that has lost the right, too."""
    assert client.delete(RemoteRef("a"), OWNER) is False
    assert client.exists(RemoteRef("a")) is False
    double.visible = False

    for attempt in (lambda: client.delete(RemoteRef("a"), OWNER), lambda: client.exists(RemoteRef("a"))):
        with pytest.raises(ProviderDenied, match="the App may not see its secrets"):
            attempt()


def test_times_of_the_last_change_are_listed_page_by_page(client: Any, double: Actions, calls: Calls) -> None:
    for number in range(150):
        double.put(double.of_repository, f"A_{number}", b"")
    changed = client.push(push("own", b"1")).version
    calls.clear()

    found = client.current_versions(frozenset({"own", "none", "a_1"}))

    assert found["own"] == changed
    assert set(found) == {"own", "a_1"}
    assert dict(calls) == {"ListSecrets": 2}


def test_a_list_that_changes_between_its_pages_is_no_list(client: Any, double: Actions) -> None:
    """A deletion moves a secret to the page that was read already: it would count as absent."""
    names = [f"A_{number}" for number in range(130)]
    for some, total in ((names[:100], 130), (names[101:], 129)):
        shown = [{"name": each, "updated_at": "2026-01-01T00:00:00Z"} for each in some]
        double.faults.next(status(200, json.dumps({"secrets": shown, "total_count": total})), "/secrets")
    with pytest.raises(ProviderUnavailable, match="another number of secrets than the list says"):
        client.current_versions(frozenset({"a_100"}))


def test_a_part_of_the_chosen_repositories_is_not_written(connect: Connect, double: Actions) -> None:
    double.put(double.of_organization, "A", b"old", visibility="selected", repositories=[1, 2])
    for some in ('[{"id": 1}]', "[]"):
        double.faults.next(status(200, f'{{"repositories": {some}, "total_count": 2}}'), "/repositories")

    with pytest.raises(ProviderUnavailable, match="fewer repositories than the list says"):
        connect(repository=None).push(push("a", b"1", recorded=True))
    assert double.of_organization["A"].value == b"old"


def test_one_name_in_any_case_is_one_place(client: Any) -> None:
    assert client.canonical(RemoteRef("Api_Key")) == RemoteRef("API_KEY")


def test_no_value_is_read(client: Any, calls: Calls) -> None:
    request = SecretRequest("A")
    assert isinstance(client.read([request])[request], ProviderDenied)
    with pytest.raises(ProviderDenied, match="never shows the value"):
        client.find(SearchRequest(name="A"))
    assert not calls


@pytest.mark.parametrize("key", ["{}", '{"key_id":"1","key":"eA=="}', '{"key_id":1,"key":"x"}', '{"key_id":"1"}'])
def test_what_is_no_public_key_takes_no_value(client: Any, double: Actions, key: str) -> None:
    double.faults.always.append(("public-key", status(200, key)))

    with pytest.raises(ProviderUnavailable, match="the answer is no public key"):
        client.push(push("a", b"canary-value"))
    assert not double.of_repository
