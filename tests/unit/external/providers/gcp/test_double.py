"""The double of Secret Manager gives Google's own client what Google's documentation says."""

from collections.abc import Iterator

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceRestTransport

from tests.cluster.serving import Served
from tests.doubles.google.secret_manager import SecretManagerApi

PARENT = "projects/project"


@pytest.fixture(scope="module")
def google() -> Iterator[secretmanager_v1.SecretManagerServiceClient]:
    """Google's client, on a double that asks for no token."""
    served = Served(SecretManagerApi().handle)
    host = served.start().removeprefix("http://")
    transport = SecretManagerServiceRestTransport(host=host, url_scheme="http", credentials=AnonymousCredentials())
    yield secretmanager_v1.SecretManagerServiceClient(transport=transport)
    transport.close()
    served.stop()


def made(google: secretmanager_v1.SecretManagerServiceClient, name: str, **more: object) -> secretmanager_v1.Secret:
    secret = secretmanager_v1.Secret(replication={"automatic": {}}, **more)
    return google.create_secret(parent=PARENT, secret_id=name, secret=secret)


def added(google: secretmanager_v1.SecretManagerServiceClient, name: str, data: bytes) -> str:
    return google.add_secret_version(
        parent=f"{PARENT}/secrets/{name}", payload=secretmanager_v1.SecretPayload(data=data)
    ).name


def test_what_was_added_is_accessed(google: secretmanager_v1.SecretManagerServiceClient) -> None:
    made(google, "one")
    for data in (b"first", b"\x00second"):
        added(google, "one", data)

    name = f"{PARENT}/secrets/one/versions"
    assert google.access_secret_version(name=f"{name}/latest").payload.data == b"\x00second"
    found = google.access_secret_version(name=f"{name}/1")
    assert (found.name, found.payload.data) == (f"{name}/1", b"first")


def test_an_absent_secret_is_not_found(google: secretmanager_v1.SecretManagerServiceClient) -> None:
    made(google, "empty")

    for name in ("none", "empty"):
        with pytest.raises(exceptions.NotFound):
            google.access_secret_version(name=f"{PARENT}/secrets/{name}/versions/latest")


def test_a_disabled_version_is_a_failed_precondition(google: secretmanager_v1.SecretManagerServiceClient) -> None:
    made(google, "off")
    name = added(google, "off", b"v")

    assert google.disable_secret_version(name=name).state == secretmanager_v1.SecretVersion.State.DISABLED
    with pytest.raises(exceptions.BadRequest, match="is in DISABLED state"):
        google.access_secret_version(name=name)
    assert (
        list(google.list_secret_versions(request={"parent": f"{PARENT}/secrets/off", "filter": "state:ENABLED"})) == []
    )


def test_lists_have_filters_and_pages(google: secretmanager_v1.SecretManagerServiceClient) -> None:
    for number in range(5):
        made(google, f"page-{number}", labels={"parity": str(number % 2)})
    request = {"parent": PARENT, "filter": "name:page- AND labels.parity=0", "page_size": 2}

    names = [each.name.rpartition("/")[2] for each in google.list_secrets(request=request)]

    assert names == ["page-0", "page-2", "page-4"]


def test_a_stale_etag_is_refused(google: secretmanager_v1.SecretManagerServiceClient) -> None:
    before = made(google, "etag")
    change = secretmanager_v1.Secret(name=before.name, labels={"a": "b"}, etag=before.etag)
    after = google.update_secret(secret=change, update_mask={"paths": ["labels"]})

    assert after.etag != before.etag
    with pytest.raises(exceptions.BadRequest, match="etag"):
        google.delete_secret(request={"name": before.name, "etag": before.etag})
    google.delete_secret(request={"name": before.name, "etag": after.etag})
    with pytest.raises(exceptions.NotFound):
        google.get_secret(name=before.name)


def test_a_name_that_is_taken_is_a_conflict(google: secretmanager_v1.SecretManagerServiceClient) -> None:
    made(google, "taken")

    with pytest.raises(exceptions.Conflict):
        made(google, "taken")


@pytest.mark.parametrize("more", [{"labels": {"A": "b"}}, {"annotations": {"a/b": "c"}}])
def test_names_of_labels_and_annotations_are_checked(
    google: secretmanager_v1.SecretManagerServiceClient, more: dict[str, dict[str, str]]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        made(google, "wrong", **more)


def test_a_payload_has_between_one_byte_and_64_kib(google: secretmanager_v1.SecretManagerServiceClient) -> None:
    made(google, "size")
    added(google, "size", b"x" * 65_536)

    for data in (b"", b"x" * 65_537):
        with pytest.raises(exceptions.BadRequest):
            added(google, "size", data)
