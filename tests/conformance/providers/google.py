"""The subject of Google Cloud Secret Manager, on a double."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from external.providers.gcp import client
from external.providers.gcp.connection import ENDPOINT_VARIABLE, SECRET_MANAGER
from external.providers.gcp.push import OWNER_ANNOTATION
from external.providers.push import RemoteRef
from external.providers.support.pushing.marks import OWNER
from tests.conformance.providers.subject import Subject
from tests.doubles.google import Google

PROJECT = "project"


class GoogleSubject(Subject):
    """One project, and the key of a service account."""

    NAME = "Google Secret Manager"
    KIND = "gcpsm"
    LABEL = SECRET_MANAGER
    SERVER = "a double from Google's API reference, which Google's own client asks too; never run against Google"
    WRITES = frozenset({"CreateSecret", "UpdateSecret", "AddSecretVersion", "DeleteSecret"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_value_of_one_mebibyte_is_read": "it takes 64 KiB",
        "test_an_unknown_authority_is_not_trusted": "a store names no authority: the system's are trusted",
        "test_versions_tell_whether_a_secret_changed": "no list of it tells versions",
    }
    page = 3
    empty = False
    max_bytes = 65_536
    denied = (403, {"error": {"code": 403, "message": "Permission denied.", "status": "PERMISSION_DENIED"}})
    throttled = (429, {"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}})
    refused_push = "must allow secretmanager.secrets.get"
    other_forms = (
        '{"payload":{}}',
        '{"name":7,"payload":{"data":"eA=="}}',
        '{"secrets":{}}',
        '{"payload":{"data":"%"}}',
    )
    formless: ClassVar[Mapping[str, frozenset[str]]] = {"find": frozenset({"{}"})}
    some_metadata: ClassVar[Mapping[str, Any]] = {
        "annotations": {"note": "b"},
        "cmekKeyName": "projects/project/locations/eu/keyRings/a/cryptoKeys/b",
        "labels": {"team": "a"},
        "mergePolicy": "Merge",
        "replicationLocations": ["europe-west3"],
        "topics": ["projects/project/topics/changed"],
    }

    def __init__(self) -> None:
        super().__init__()
        self.google = Google()
        self.google.__enter__()
        self._other = Google()

    def stop(self) -> None:
        self.google.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        del url
        ref = {"secretAccessKeySecretRef": {"name": "google", "key": "key"}}
        return {"projectID": PROJECT, "auth": {"secretRef": ref}}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"google": {"key": self.google.key_file().encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        self._other.url = self.google.url
        return {"google": {"key": self._other.key_file().encode()}}

    @contextmanager
    def directed(self, url: str) -> Iterator[None]:
        with patch.dict("os.environ", {ENDPOINT_VARIABLE: url or self.google.url}):
            yield

    @contextmanager
    def small_pages(self) -> Iterator[None]:
        with patch.object(client, "PAGE_SECRETS", self.page):
            yield

    def path_of(self, key: str) -> str:
        return f"{key}-in-"

    def tag_property(self, name: str) -> str:
        return f"labels.{name}"

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        place = (f"projects/{PROJECT}", key)
        api = self.google.secret_manager
        if place not in api.secrets:
            owner = (marks or {}).get(OWNER)
            labels = {name: each for name, each in (marks or {}).items() if name != OWNER}
            annotations = {OWNER_ANNOTATION: owner} if owner else {}
            body = {"labels": labels, "annotations": annotations, "replication": {"automatic": {}}}
            api._create(place[0], key, body)
        api._add(place, {"payload": {"data": base64.b64encode(content).decode()}})

    def remove(self, key: str) -> None:
        del self.google.secret_manager.secrets[f"projects/{PROJECT}", key]

    def put_second(self, key: str, content: bytes) -> str:
        self.put(key, content, None)
        return "1"

    def disable(self, key: str) -> None:
        self.google.secret_manager.secrets[f"projects/{PROJECT}", key]["versions"][-1]["state"] = "DISABLED"

    def content(self, key: str) -> bytes | None:
        found = self.google.secret_manager.secrets.get((f"projects/{PROJECT}", key))
        return base64.b64decode(found["versions"][-1]["data"]) if found and found["versions"] else None

    def found_marks(self, key: str) -> Mapping[str, str]:
        found = self.google.secret_manager.secrets[f"projects/{PROJECT}", key]
        owner = (found.get("annotations") or {}).get(OWNER_ANNOTATION)
        return {**(found.get("labels") or {}), **({OWNER: owner} if owner else {})}

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(key, name)
