"""Reads of Secret Manager beyond the table: versions that are off, names, projects, calls."""

from typing import Any
from unittest.mock import patch

import pytest

from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    Versioned,
)
from manager.core.errors import NeedsHuman
from tests.conformance.providers.google import GoogleSubject

PROJECT = "projects/project"


def read(client: Any, key: str, version: str = "", **more: Any) -> Any:
    request = SecretRequest(key, version, **more)
    return client.read([request])[request]


def states(google: GoogleSubject, key: str, *wanted: str) -> None:
    """Give a secret a version of each state."""
    for number, _ in enumerate(wanted, 1):
        google.put(key, str(number).encode(), None)
    for version, state in zip(google.google.secret_manager.secrets[PROJECT, key]["versions"], wanted, strict=True):
        version["state"] = state


def test_a_value_has_the_number_of_its_version(google: GoogleSubject) -> None:
    states(google, "app", "ENABLED", "ENABLED")
    found = read(google.client(), "app")

    assert isinstance(found, Versioned)
    assert (found.reveal(), found.version) == (b"2", "2")


def test_one_token_serves_all_calls(google: GoogleSubject) -> None:
    google.put("app", b"v", None)
    client = google.client()
    for _ in range(3):
        read(client, "app")

    assert google.calls == {("Token", "success"): 1, ("AccessSecretVersion", "success"): 3}


def test_a_token_that_is_refused_is_replaced_once(google: GoogleSubject) -> None:
    google.put("app", b"v", None)
    client, api = google.client(), google.google.secret_manager
    read(client, "app")

    with patch.object(api, "tokens", set()):
        assert isinstance(read(client, "app"), ProviderDenied)
    assert read(client, "app").reveal() == b"v"
    assert google.calls["Token", "success"] == 2


@pytest.mark.parametrize(
    ("given", "version", "value"),
    [
        (("ENABLED", "DISABLED"), "", b"1"),
        (("ENABLED", "ENABLED", "DESTROYED", "DISABLED"), "", b"2"),
        (("ENABLED", "DISABLED"), "latest", None),
        (("ENABLED", "DISABLED"), "2", None),
        (("DISABLED", "DESTROYED"), "", None),
    ],
)
def test_latest_or_fetch_takes_the_newest_enabled(
    google: GoogleSubject, given: tuple[str, ...], version: str, value: bytes | None
) -> None:
    states(google, "app", *given)
    found = read(google.client(secretVersionSelectionPolicy="LatestOrFetch"), "app", version)

    if value is None:
        assert isinstance(found, ProviderDenied)
        assert not isinstance(found, SecretAbsent)
        assert "FAILED_PRECONDITION" in str(found)
    else:
        assert found.reveal() == value


@pytest.mark.parametrize("policy", ["LatestOrFail", "anything"])
def test_other_policies_fail_for_a_disabled_latest(google: GoogleSubject, policy: str) -> None:
    states(google, "app", "ENABLED", "DISABLED")

    assert isinstance(read(google.client(secretVersionSelectionPolicy=policy), "app"), ProviderDenied)


def test_a_secret_without_a_version_is_absent(google: GoogleSubject) -> None:
    google.google.secret_manager._create(PROJECT, "empty", {"replication": {"automatic": {}}})

    assert isinstance(read(google.client(), "empty"), SecretAbsent)


@pytest.mark.parametrize("key", ["a/b", "..", "a?b", "a:access", "", "é", "x" * 256])
def test_a_key_that_leads_elsewhere_is_refused(google: GoogleSubject, key: str) -> None:
    assert isinstance(read(google.client(), key), ProviderDenied)
    assert google.google.secret_manager.calls == {}


def test_a_version_that_leads_elsewhere_is_refused(google: GoogleSubject) -> None:
    google.put("app", b"v", None)

    assert isinstance(read(google.client(), "app", "1/../2"), ProviderDenied)


def test_metadata_is_annotations_and_labels(google: GoogleSubject) -> None:
    google.put("app", b"v", {"team": "a"})
    client = google.client()

    assert read(client, "app", metadata=True).reveal() == b'{"annotations":null,"labels":{"team":"a"}}'
    assert isinstance(read(client, "none", metadata=True), ProviderDenied), "only a read of the value proves an absence"


def test_a_search_needs_a_name_or_labels(google: GoogleSubject) -> None:
    with pytest.raises(ProviderDenied, match="unexpected find operator"):
        google.client().find(SearchRequest(path="app"))


def test_a_search_passes_over_a_secret_without_a_version(google: GoogleSubject) -> None:
    """The original takes the whole search for absent, and removes all keys of the entry."""
    google.put("app-one", b"1", None)
    google.google.secret_manager._create(PROJECT, "app-two", {"replication": {"automatic": {}}})

    assert set(google.client().find(SearchRequest(name="app"))) == {"app-one"}


def test_a_search_names_the_secret_that_fails(google: GoogleSubject) -> None:
    google.put("app-one", b"1", None)
    google.google.secret_manager.denied.add("AccessSecretVersion")

    with pytest.raises(ProviderError, match=r"app-one: .*secretmanager\.versions\.access"):
        google.client().find(SearchRequest(name="app"))


def test_regional_secrets_are_below_their_location(google: GoogleSubject) -> None:
    api, place = google.google.secret_manager, f"{PROJECT}/locations/europe-west3"
    api._create(place, "app", {"labels": {"team": "a"}})
    api._add((place, "app"), {"payload": {"data": "dg=="}})
    client = google.client(location="europe-west3")

    assert read(client, "app").reveal() == b"v"
    assert set(client.find(SearchRequest(tags=(("team", "a"),)))) == {"app"}
    assert isinstance(read(google.client(), "app"), SecretAbsent)
    assert "location europe-west3" in client.location(SecretRequest("app"))


CLUSTER = {
    "projectID": None,
    "auth": {"workloadIdentity": {"clusterProjectID": "p/../../other?", "serviceAccountRef": {"name": "builder"}}},
}


@pytest.mark.parametrize(
    "fields",
    [
        {"location": "x.evil.example/"},
        {"location": "europe-west3.evil"},
        {"projectID": "a/../b"},
        {"projectID": "a?b"},
        CLUSTER,
    ],
)
def test_names_that_lead_to_another_host_are_refused(google: GoogleSubject, fields: dict[str, Any]) -> None:
    with pytest.raises(NeedsHuman, match=r"[pP]rojectID: it is no ID|location: it is no location"):
        google.client(**fields)


def test_a_key_needs_a_project(google: GoogleSubject) -> None:
    with pytest.raises(NeedsHuman, match="unable to find ProjectID in storeSpec"):
        google.client(projectID=None)


def test_without_credentials_coffers_identity_is_not_used(google: GoogleSubject) -> None:
    with pytest.raises(NeedsHuman, match="Coffer's own identity is not used"):
        google.client(auth=None)
