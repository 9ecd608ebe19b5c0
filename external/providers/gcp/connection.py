"""The connection to Secret Manager: project and location, calls, and what Google's errors mean.

Google's own client is not used: it brings gRPC and protobuf, 18 MB of memory, for eight routes of JSON, and its
connections know neither the egress policy nor a deadline over a whole call. In tests it asks the double that this is
tested with.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretAbsent, Versioned
from external.providers.support.http import HttpAnswer, HttpClient, HttpRequest
from external.providers.support.refusals import reason
from external.providers.support.tokens import TokenKeeper
from manager.core.documents import ANSWER, Unreadable, field, read_json

SECRET_MANAGER = "GCP/SecretManager"
ENDPOINT_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
"""As for gcloud: where Secret Manager is reached through another address, such as Private Service Connect."""
LOCATION = re.compile(r"[a-z]+(-[a-z0-9]+){1,3}")
PROJECT = re.compile(r"[a-z0-9][a-z0-9:.-]{0,62}")
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
VERSION = re.compile(r"[A-Za-z0-9_-]{1,63}")
ETAGS = frozenset({"UpdateSecret", "DeleteSecret"})
"""Calls that name the state of a secret which they expect."""
ABSENCE = "Secret does not exist"
PERMISSIONS: Mapping[str, str] = {
    "GetSecret": "secretmanager.secrets.get",
    "CreateSecret": "secretmanager.secrets.create",
    "UpdateSecret": "secretmanager.secrets.update",
    "DeleteSecret": "secretmanager.secrets.delete",
    "ListSecrets": "secretmanager.secrets.list",
    "AddSecretVersion": "secretmanager.versions.add",
    "AccessSecretVersion": "secretmanager.versions.access",
    "ListSecretVersions": "secretmanager.versions.list",
}


class Forbidden(ProviderDenied):
    """IAM denies this call; it may allow another one."""


class WrongState(ProviderDenied):
    """The version is disabled or destroyed, which says nothing about other versions."""


class Conflict(ProviderUnavailable):
    """Somebody else has changed the secret meanwhile: the next attempt sees it."""


@dataclass(frozen=True)
class Place:
    """Where the secrets of a store are."""

    project: str
    location: str
    endpoint: str = ""
    """Another address than Google's usual one."""

    @property
    def url(self) -> str:
        """The address of the API."""
        host = f"secretmanager.{self.location}.rep.googleapis.com" if self.location else "secretmanager.googleapis.com"
        return (self.endpoint or f"https://{host}").rstrip("/") + "/v1/"

    @property
    def parent(self) -> str:
        """What names of secrets begin with."""
        location = f"/locations/{self.location}" if self.location else ""
        return f"projects/{self.project}{location}"


class SecretManagerConnection:
    """One identity in one project and location.

    Args:
        tokens: of the identity.
        project: tells the project where the store names none; asked once.
    """

    def __init__(self, http: HttpClient, place: Place, tokens: TokenKeeper, project: Callable[[], str]) -> None:
        self._http = http
        self._tokens = tokens
        self._project = project
        self.place = place

    def validate(self) -> None:
        """Get a token; no secret is read. Raises ProviderError."""
        self._tokens.current()

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._http.close()

    def call(self, name: str, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Call the API below the project and return the answer.

        Args:
            name: of the call in metrics and errors.
            method: of HTTP.
            path: below the project.
            body: JSON.
            query: without empty values.

        Raises:
            SecretAbsent: Google says that there is no such secret or version.
            ProviderError: the call failed.

        """
        given = urlencode({key: value for key, value in query.items() if value})
        if not self.place.project:
            self.place = replace(self.place, project=self._project())
        url = f"{self.place.url}{self.place.parent}/{path}{'?' if given else ''}{given}"
        answer = self._http.send(HttpRequest(name, method, url, json=body))
        if answer.status != 200:
            raise _error_of(answer)
        return answer.json_object(ANSWER)


def secret_path(key: str) -> str:
    """Return the path of a secret. Raises ProviderDenied for a key that could lead elsewhere."""
    if not NAME.fullmatch(key):
        raise ProviderDenied("the key is no name of a secret: letters, digits, - and _, at most 255")
    return f"secrets/{key}"


def version_path(key: str, version: str) -> str:
    """Return the path of a version of a secret; without one, of the latest. Raises ProviderDenied."""
    if version and not VERSION.fullmatch(version):
        raise ProviderDenied("the version is neither a number nor a name: letters, digits, - and _")
    return f"{secret_path(key)}/versions/{quote(version or 'latest')}"


def accessed(google: SecretManagerConnection, key: str, version: str = "") -> Versioned:
    """Return the value of a version, of the latest without one. Raises ProviderError."""
    answer = google.call("AccessSecretVersion", "GET", f"{version_path(key, version)}:access")
    payload, name = answer.get("payload"), answer.get("name")
    if not isinstance(payload, dict) or not isinstance(name, str):
        raise ProviderUnavailable("AccessSecretVersion: the answer holds no version")
    data = payload.get("data")
    if not data:
        raise ProviderDenied(f"invalid secret received. no secret string for key: {key}")
    try:
        return Versioned(base64.b64decode(data, validate=True), name.rpartition("/")[2])
    except (ValueError, TypeError):
        raise ProviderUnavailable("AccessSecretVersion: the value is no base64") from None


def _error_of(answer: HttpAnswer) -> ProviderError:
    """Return what an answer means. Only Google's own error proves that a secret is absent: a proxy says 404 too."""
    try:
        error = field(read_json(answer.content, ANSWER), "error", dict) or {}
        status, message = field(error, "status", str) or "", field(error, "message", str) or ""
    except Unreadable:
        status = message = ""
    text = f"{answer.call}: {status or answer.status}{reason(message, [answer.token])}"
    if answer.status == 404 and status == "NOT_FOUND":
        return SecretAbsent(ABSENCE)
    if status == "FAILED_PRECONDITION" and ("DISABLED state" in message or "DESTROYED state" in message):
        return WrongState(text)
    stale = status == "FAILED_PRECONDITION" and answer.call in ETAGS
    if stale or status in ("ABORTED", "ALREADY_EXISTS") or answer.status in (409, 412):
        return Conflict(text)
    if answer.temporary:
        return ProviderUnavailable(text)
    if answer.status == 403:
        return Forbidden(f"{text}; the identity's role must allow {PERMISSIONS[answer.call]}")
    return ProviderDenied(text)
