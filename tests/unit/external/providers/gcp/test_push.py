"""Pushes to Secret Manager beyond the table: labels, annotations, topics, replication, and what others change."""

from typing import Any

import pytest

from external.providers.protocol import ProviderUnavailable
from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged
from tests.conformance.providers.google import GoogleSubject
from tests.conformance.providers.subject import OWNER, metadata, request

PLACE = ("projects/project", "app")
REF = RemoteRef("app")
MINE = {"managed-by": "external-secrets"}


def stored(google: GoogleSubject) -> dict[str, Any]:
    return google.google.secret_manager.secrets[PLACE]


def pushed(google: GoogleSubject, value: bytes = b"v", **spec: Any) -> bool:
    given = {"metadata": metadata(**spec)} if spec else {}
    return google.client().push(request(REF, value, **given)).written


def test_an_unchanged_push_takes_two_reads(google: GoogleSubject) -> None:
    client = google.client()
    client.push(request(REF))
    google.calls.clear()
    client.push(request(REF))

    assert google.calls == {("GetSecret", "success"): 1, ("AccessSecretVersion", "success"): 1}


def test_labels_and_annotations_of_others_stay_without_metadata(google: GoogleSubject) -> None:
    """The original removes them with every push."""
    google.put("app", b"v", MINE | {"team": "x"})
    stored(google)["annotations"] = {"note": "y"}

    assert pushed(google)
    assert stored(google)["labels"] == MINE | {"team": "x"}
    assert stored(google)["annotations"] == {"note": "y", "coffer.dev.push-secret": OWNER}
    assert not pushed(google)


@pytest.mark.parametrize(("policy", "labels"), [("Replace", {"a": "new"}), ("Merge", {"a": "old", "team": "x"})])
def test_labels_follow_the_policy(google: GoogleSubject, policy: str, labels: dict[str, str]) -> None:
    google.put("app", b"v", MINE | {"team": "x", "a": "old"})

    assert pushed(google, labels={"a": "new"}, mergePolicy=policy)
    assert stored(google)["labels"] == MINE | labels
    assert not pushed(google, labels={"a": "new"}, mergePolicy=policy)


def test_topics_change_once(google: GoogleSubject) -> None:
    """The original leaves them out of the update, and repeats it for ever."""
    pushed(google, topics=["projects/p/topics/a"])

    assert pushed(google, topics=["projects/p/topics/b", "projects/p/topics/a"])
    assert [each["name"] for each in stored(google)["topics"]] == ["projects/p/topics/a", "projects/p/topics/b"]
    assert not pushed(google, topics=["projects/p/topics/a", "projects/p/topics/b"])
    assert not pushed(google), "without any in the entry they stay"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {"automatic": {}}),
        ({"cmekKeyName": "k"}, {"automatic": {"customerManagedEncryption": {"kmsKeyName": "k"}}}),
        ({"replicationLocation": "eu"}, {"userManaged": {"replicas": [{"location": "eu"}]}}),
        (
            {"replicationLocations": ["eu", "us"], "cmekKeyName": "k"},
            {
                "userManaged": {
                    "replicas": [
                        {"location": each, "customerManagedEncryption": {"kmsKeyName": "k"}} for each in ("eu", "us")
                    ]
                }
            },
        ),
    ],
)
def test_replication_of_a_new_secret(google: GoogleSubject, spec: dict[str, Any], expected: dict[str, Any]) -> None:
    pushed(google, **spec)

    assert stored(google)["replication"] == expected


@pytest.mark.parametrize("name", ["labels", "annotations"])
def test_marks_are_not_of_an_entry(google: GoogleSubject, name: str) -> None:
    for mark in ("managed-by", "coffer.dev.push-secret"):
        with pytest.raises(PushRefused, match=f"metadata.spec.{name}: {mark}"):
            google.client().push(request(REF, metadata=metadata(**{name: {mark: "x"}})))


def test_a_property_of_a_secret_of_others_is_refused(google: GoogleSubject) -> None:
    """The original adds a version, marks the secret as its own, and deletes it later."""
    google.put("app", b'{"a":"b"}', None)

    with pytest.raises(RemoteUnmanaged):
        google.client().push(request(RemoteRef("app", "p")))
    assert len(stored(google)["versions"]) == 1


def test_a_flat_name_with_dots_is_written_where_it_is_read(google: GoogleSubject) -> None:
    """The original writes a nested one beside it, and adds a version with every push."""
    google.put("app", b'{"a.b":"old"}', MINE)
    client, ref = google.client(), RemoteRef("app", "a.b")

    assert client.push(request(ref, b"new")).written
    assert google.content("app") == b'{"a.b":"new"}'
    assert not client.push(request(ref, b"new")).written


def test_a_secret_that_somebody_changes_meanwhile_is_left_alone(google: GoogleSubject) -> None:
    google.put("app", b"v", MINE)
    client, api = google.client(), google.google.secret_manager
    shown = api._shown

    def late(key: tuple[str, str]) -> Any:
        told = shown(key)
        api.secrets[key]["etag"] = api._etag()
        return told

    api._shown = late  # type: ignore[method-assign]
    try:
        for attempt in (lambda: client.push(request(REF)), lambda: client.delete(REF, OWNER)):
            with pytest.raises(ProviderUnavailable, match="FAILED_PRECONDITION"):
                attempt()
    finally:
        api._shown = shown  # type: ignore[method-assign]
    assert "annotations" not in stored(google) or not stored(google)["annotations"]


def test_a_marked_secret_without_a_version_gets_its_first(google: GoogleSubject) -> None:
    """A push that ended between its two calls is completed by the next one."""
    api = google.google.secret_manager
    body = {"labels": MINE, "annotations": {"coffer.dev.push-secret": OWNER}, "replication": {"automatic": {}}}
    api._create(*PLACE, body)

    assert pushed(google)
    assert google.content("app") == b"v"


@pytest.mark.parametrize("key", ["a/b", "..", "é"])
def test_a_name_that_google_does_not_take_is_refused(google: GoogleSubject, key: str) -> None:
    client = google.client()
    for attempt in (
        lambda: client.push(request(RemoteRef(key))),
        lambda: client.exists(RemoteRef(key)),
        lambda: client.delete(RemoteRef(key), OWNER),
    ):
        with pytest.raises(PushRefused, match="remoteKey"):
            attempt()


def test_settings_name_no_object(google: GoogleSubject) -> None:
    assert google.client().references(metadata(labels={"a": "b"})) == ()
    with pytest.raises(PushRefused, match="not both"):
        google.client().references(metadata(replicationLocation="a", replicationLocations=["b"]))
