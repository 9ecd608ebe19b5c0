"""Doppler: a whole config in one request, and not even that while it is unchanged."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from external.api.providers.doppler import Doppler
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.http import HttpAnswer, HttpClient, HttpRequest
from external.providers.support.naming import compiled
from external.providers.support.plain_reads import require_plain
from external.providers.support.refusals import reason
from external.providers.support.search import SearchResults
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.secret_value import SecretValue

LABEL = "Doppler"
BATCH = 100
ANSWER = Caps(size=8 << 20, values=100_000, levels=5)
FILE = "DOPPLER_SECRETS_FILE"
"""The one key of a search in a store with a format."""
CLIENT_BYTES = 128 << 10
MAX_KEPT_BYTES = 1 << 20
NOT_MODIFIED = 304
PROJECT = "dopplerproject"


class Kept(NamedTuple):
    """An answer and its stamp."""

    etag: str
    content: SecretValue


class DopplerClient:
    """Reads one config."""

    natural = False
    batch = BATCH
    weight = CLIENT_BYTES + 2 * MAX_KEPT_BYTES

    def __init__(self, spec: Doppler, http: HttpClient, url: str) -> None:
        self._spec = spec
        self._http = http
        self._url = url
        self._kept: dict[tuple[tuple[str, str], ...], Kept] = {}

    def validate(self) -> None:
        """Check that Doppler accepts the token; no secret is read. Raises ProviderError."""
        answer = self._http.send(HttpRequest("GetMe", "GET", f"{self._url}/v3/me"))
        if answer.status != 200:
            raise _error_of(answer)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def location(self, request: SecretRequest) -> str:
        """Return project and config, where the store names them: a service token has its own."""
        del request
        named = [f"{name} {each}" for name, each in self._place().items()]
        return ", ".join(["Doppler", *named])

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return values by their names in Doppler: neither transformer nor format has an effect here."""
        values = self._values({})

        def one(request: SecretRequest) -> SecretValue:
            require_plain(request, "Doppler")
            if request.key not in values:
                raise SecretAbsent(f"secret '{request.key}' not found")
            return values[request.key]

        return one_by_one(requests, one)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the secrets whose transformed name matches; with a format one file of all of them."""
        if find.tags is not None:
            raise ProviderDenied("find.tags is not implemented in the Doppler provider: use find.name or find.path")
        pattern, found = compiled(find.name), SearchResults()
        transformer, form = self._spec.name_transformer, self._spec.format
        asked = {"name_transformer": transformer} if transformer else {}
        given = {FILE: self._downloaded({**asked, "format": form})} if form else self._values(asked)
        for name, value in given.items():
            if name.startswith(find.path) and pattern.search(name):
                found[name] = value
        return found

    def _place(self) -> dict[str, str]:
        given = {"project": self._spec.project, "config": self._spec.config}
        return {name: each for name, each in given.items() if each}

    def _values(self, params: Mapping[str, str]) -> Mapping[str, SecretValue]:
        """Return all secrets of the config. Raises ProviderUnavailable for an answer that holds none."""
        content = self._downloaded({**params, "format": "json"})
        try:
            parsed = read_json(content.reveal(), ANSWER)
        except Unreadable:
            parsed = None
        # Doppler itself adds the name of the project: an object without it is no config, and proves no absence.
        if not isinstance(parsed, dict) or not any(PROJECT in _bare(name) for name in parsed):
            raise ProviderUnavailable("DownloadSecrets: the answer is no config")
        return {str(name): SecretValue(_text(each).encode("utf-8", "replace")) for name, each in parsed.items()}

    def _downloaded(self, params: Mapping[str, str]) -> SecretValue:
        """Return the config in a format: what is kept, if Doppler says that it has not changed."""
        asked = {**self._place(), **params}
        name = tuple(sorted(asked.items()))
        kept = self._kept.get(name)
        headers = {"If-None-Match": kept.etag} if kept is not None else {}
        url = f"{self._url}/v3/configs/config/secrets/download"
        answer = self._http.send(HttpRequest("DownloadSecrets", "GET", url, headers=headers, params=asked))
        if answer.status == NOT_MODIFIED and kept is not None:
            return kept.content
        if answer.status != 200:
            raise _error_of(answer)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise ProviderUnavailable("DownloadSecrets: the answer is a page")
        content, etag = SecretValue(answer.content), answer.headers.get("ETag", "")
        self._kept.pop(name, None)
        if etag and len(content) <= MAX_KEPT_BYTES:
            self._kept[name] = Kept(etag, content)
        return content


def _bare(name: str) -> str:
    """Return a name without what transformers change."""
    return "".join(filter(str.isalnum, name)).lower()


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, separators=(",", ":"))


def _error_of(answer: HttpAnswer) -> ProviderError:
    """Return the error of a refusal, with Doppler's own words; a config that is missing is no absent secret."""
    try:
        body = read_json(answer.content, ANSWER)
    except Unreadable:
        body = None
    said = body.get("messages") if isinstance(body, dict) else None
    told = "; ".join(each for each in said if isinstance(each, str)) if isinstance(said, list) else None
    words = reason(told, [answer.token])
    kind = ProviderDenied if words and not answer.temporary else ProviderUnavailable
    return kind(f"{answer.call}: {answer.status}{words}")
