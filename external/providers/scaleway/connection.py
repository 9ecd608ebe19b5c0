"""Requests to Scaleway Secret Manager, and what its answers mean."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from external.providers.protocol import ProviderDenied, ProviderUnavailable, SecretAbsent
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.refusals import reason
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.secret_value import SecretValue

LABEL = "Scaleway/SecretManager"
ANSWER = Caps(size=8 << 20, values=300_000, levels=20)
PAGE = 100
MAX_PAGES = 50
LATEST = "latest_enabled"
REVISION = re.compile(r"[1-9][0-9]{0,8}|latest|latest_enabled")
IDENTIFIER = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
ABSENCE = "Secret does not exist"


class Place(NamedTuple):
    """Which secret a key names; two of the three are empty."""

    id: str = ""
    name: str = ""
    folder: str = ""
    """With `name`, the folder that it is in; empty for any."""


class Entry(NamedTuple):
    """A secret without its value."""

    id: str
    name: str
    folder: str
    tags: tuple[str, ...]
    versions: int


class ScalewayConnection:
    """Sends requests about the secrets of one project in one region; used by several threads."""

    def __init__(self, url: str, project: str, token: SecretValue, options: HttpOptions) -> None:
        self._url = url
        self.project = project
        self._http = HttpClient(options, token)

    def ask(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        """Send a request and return the answer. Raises SecretAbsent, ProviderError."""
        answer = self._http.send(HttpRequest(call, method, f"{self._url}/{path}", params=params, json=json))
        if answer.status >= 300:
            raise _error_of(answer)
        return answer.json_object(ANSWER) if answer.content else {}

    def access(self, path: str, revision: str, params: Mapping[str, str] | None = None) -> SecretValue:
        """Return the value of a version. Raises SecretAbsent, ProviderError."""
        call = "AccessSecretVersion"
        body = self.ask(call, "GET", f"{path}/versions/{revision}/access", params=params)
        try:
            content = base64.b64decode(str(body["data"]), validate=True) if isinstance(body.get("data"), str) else None
        except binascii.Error:
            content = None
        if content is None:
            raise ProviderUnavailable(f"{call}: the answer holds no value")
        checksum = body.get("data_crc32")
        if isinstance(checksum, int) and checksum and checksum != zlib.crc32(content):
            raise ProviderUnavailable(f"{call}: the value does not have the checksum that came with it")
        return SecretValue(content)

    def listed(self, **params: str) -> Iterator[Entry]:
        """Yield the secrets of the project that match. Raises ProviderError."""
        for number in range(1, MAX_PAGES + 1):
            asked = {"project_id": self.project, "page": str(number), "page_size": str(PAGE), **params}
            page = self.ask("ListSecrets", "GET", "secrets", params=asked)
            secrets, total = page.get("secrets"), page.get("total_count")
            if not isinstance(secrets, list) or not isinstance(total, int):
                raise ProviderUnavailable("ListSecrets: the answer is no list of secrets")
            yield from (_entry(each) for each in secrets)
            if number * PAGE >= total:
                return
            if not secrets:
                raise ProviderUnavailable("ListSecrets: a page is empty that should not be")
        raise ProviderDenied(f"the project has more than {MAX_PAGES * PAGE} secrets: narrow the search")

    def found(self, place: Place) -> Entry | None:
        """Return the secret at a place, of several of one name the first in Scaleway's list. Raises ProviderError."""
        if place.id:
            try:
                return _entry(self.ask("GetSecret", "GET", f"secrets/{place.id}"))
            except SecretAbsent:
                return None
        narrowed = {"name": place.name} | ({"path": place.folder} if place.folder else {})
        matching = (each for each in self.listed(**narrowed) if each.name == place.name)
        return next((each for each in matching if not place.folder or each.folder == place.folder), None)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def place_of(key: str) -> Place:
    """Return which secret a key names: `name:…`, `id:…` or `path:/folder/name`. Raises ProviderDenied."""
    kind, colon, text = key.partition(":")
    if colon and kind == "name" and text:
        return Place(name=text)
    if colon and kind == "id" and IDENTIFIER.fullmatch(text):
        return Place(id=text.lower())
    if colon and kind == "path" and text.startswith("/") and not text.endswith("/"):
        folder, _, name = text.rpartition("/")
        return Place(name=name, folder=folder or "/")
    raise ProviderDenied("the key is none of name:NAME, id:UUID and path:/FOLDER/NAME")


def revision_of(version: str) -> str:
    """Return a version as the API names it. Raises ProviderDenied."""
    if version and not REVISION.fullmatch(version):
        raise ProviderDenied("the version is no number, and neither latest nor latest_enabled")
    return version or LATEST


def _entry(body: object) -> Entry:
    given = body if isinstance(body, dict) else {}
    identifier, name, tags = given.get("id"), given.get("name"), given.get("tags") or []
    count = given.get("version_count", 1)
    known = isinstance(identifier, str) and IDENTIFIER.fullmatch(identifier) is not None
    if not known or not isinstance(name, str) or not isinstance(tags, list) or not isinstance(count, int):
        raise ProviderUnavailable("the answer is no secret")
    folder = str(given.get("path") or "/")
    return Entry(str(identifier), name, folder, tuple(each for each in tags if isinstance(each, str)), count)


def _error_of(answer: HttpAnswer) -> Exception:
    try:
        body = read_json(answer.content, ANSWER)
    except Unreadable:
        body = None
    kind = body.get("type") if isinstance(body, dict) else None
    words = reason(body.get("message") if isinstance(body, dict) else None, [answer.token])
    if answer.status == 404 and kind == "not_found":
        return SecretAbsent(ABSENCE)
    text = f"{answer.call}: {answer.status}{words}"
    # A page of a proxy proves nothing.
    refused = not answer.temporary and isinstance(body, dict) and bool(words) and answer.status != 404
    return ProviderDenied(text) if refused else ProviderUnavailable(text)
