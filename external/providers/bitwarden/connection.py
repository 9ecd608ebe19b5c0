"""Requests to a Bitwarden SDK server, and what its answers mean."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.http import HttpClient, HttpOptions, HttpRequest
from external.providers.support.refusals import reason
from manager.core.documents import Caps
from manager.core.secret_value import SecretValue

LABEL = "Bitwarden/SecretsManager"
ANSWER = Caps(size=8 << 20, values=300_000, levels=10)
IDENTIFIER = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
REFUSED = ("401", "invalid_client", "access token", "unauthorized")
"""How the SDK's texts tell that the token is not accepted; the server answers 400 for all of them."""
JSON_HEADERS = {"Content-Type": "application/json"}


class Entry(NamedTuple):
    """A secret."""

    id: str
    key: str
    value: str
    note: str
    project: str


class Place(NamedTuple):
    """What a store reads."""

    organization: str
    project: str


class BitwardenConnection:
    """Sends requests with one machine account's token; used by several threads."""

    def __init__(self, url: str, token: SecretValue, headers: Mapping[str, str], options: HttpOptions) -> None:
        self._url = url.rstrip("/")
        self._token = token.reveal().decode(errors="replace").strip()
        self._headers = {**JSON_HEADERS, "Warden-Access-Token": self._token, **headers}
        self._http = HttpClient(options)

    def names(self, organization: str) -> Mapping[str, str]:
        """Return the keys of all secrets by their ids. Raises ProviderError."""
        call = "ListSecrets"
        listed = self._ask(call, "GET", "secrets", {"organizationId": organization}).get("data")
        if not isinstance(listed, list):
            raise ProviderUnavailable(f"{call}: the answer is no list of secrets")
        found = {}
        for each in listed:
            body = each if isinstance(each, dict) else {}
            identifier, key = body.get("id"), body.get("key")
            if not isinstance(identifier, str) or not isinstance(key, str):
                raise ProviderUnavailable(f"{call}: the answer is no list of secrets")
            found[identifier] = key
        return found

    def get(self, identifier: str) -> Entry:
        """Return a secret. Raises ProviderError."""
        return _entry("GetSecret", self._ask("GetSecret", "GET", "secret", {"id": identifier}))

    def create(self, place: Place, key: str, value: str, note: str) -> None:
        """Create a secret. Raises ProviderError."""
        self._ask("CreateSecret", "POST", "secret", _written(place, key, value, note))

    def update(self, place: Place, entry: Entry, value: str, note: str) -> None:
        """Change value and note of a secret. Raises ProviderError."""
        self._ask("UpdateSecret", "PUT", "secret", {"id": entry.id, **_written(place, entry.key, value, note)})

    def delete(self, identifier: str) -> None:
        """Delete a secret. Raises ProviderError."""
        listed = self._ask("DeleteSecret", "DELETE", "secret", {"ids": [identifier]}).get("data")
        failed = [each.get("error") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else [""]
        if any(each is not None for each in failed):
            raise ProviderDenied(f"DeleteSecret: the secret was not deleted{reason(failed[0], [self._token])}")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, call: str, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        url = f"{self._url}/rest/api/1/{path}"
        answer = self._http.send(HttpRequest(call, method, url, headers=self._headers, json=dict(body)))
        if answer.status < 300:
            return answer.json_object(ANSWER)
        text = answer.content[:2000].decode(errors="replace")
        words = reason(None if "<html" in text.lower() else text, [self._token])
        # The SDK's own refusals come as 400 or 500 with a text.
        denied = any(each in words.lower() for each in REFUSED) or (400 <= answer.status < 500 and not answer.temporary)
        kind = ProviderDenied if denied and words else ProviderUnavailable
        raise kind(f"{call}: {answer.status}{words}")


def same_id(one: str, other: str) -> bool:
    """Return True if two ids are the same, with or without dashes."""
    return one.replace("-", "").lower() == other.replace("-", "").lower()


def ids_of(names: Mapping[str, str], key: str) -> Sequence[str]:
    """Return the ids that a key may mean: its own if it is one, else those of the secrets with this key."""
    by_id = [each for each in names if IDENTIFIER.fullmatch(key) and same_id(each, key)]
    return by_id or [each for each, name in names.items() if name == key]


def _written(place: Place, key: str, value: str, note: str) -> dict[str, Any]:
    said = {"organizationId": place.organization, "projectIds": [place.project]}
    return {"key": key, "value": value, "note": note, **said}


def _entry(call: str, body: Mapping[str, Any]) -> Entry:
    texts = [body.get(name) for name in ("id", "key", "value")]
    note, project = body.get("note") or "", body.get("projectId") or ""
    if not all(isinstance(each, str) for each in (*texts, note, project)):
        raise ProviderUnavailable(f"{call}: the answer is no secret")
    return Entry(*(str(each) for each in (*texts, note, project)))
