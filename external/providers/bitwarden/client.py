"""Bitwarden Secrets Manager: one list for all keys, and each secret by its id."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from external.providers.bitwarden.connection import IDENTIFIER, BitwardenConnection, Entry, Place, ids_of, same_id
from external.providers.bitwarden.push import NotePush
from external.providers.protocol import (
    DocumentPath,
    ProviderDenied,
    ProviderError,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.naming import compiled
from external.providers.support.plain_reads import require_plain
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.search import SearchResults
from manager.core.documents import ANSWER, Unreadable, read_yaml
from manager.core.secret_value import SecretValue

BATCH = 50
INDENT = 4
ABSENCE = "Secret does not exist"


class BitwardenClient(DelegatesPushes):
    """Reads and pushes the secrets of one project."""

    natural = False
    batch = BATCH

    def __init__(self, connection: BitwardenConnection, place: Place, host: str) -> None:
        self._connection = connection
        self._place = place
        self._host = host
        super().__init__(NotePush(connection, place, self._found))

    def validate(self) -> None:
        """Check that the token may list the secrets of the organization; no value is read."""
        self._connection.names(self._place.organization)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def location(self, request: SecretRequest) -> str:
        """Return server and project."""
        del request
        return f"Bitwarden {self._host}, project {self._place.project}"

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return the secrets of these ids or keys."""
        names = self._connection.names(self._place.organization)
        return one_by_one(requests, lambda each: self._one(each, names))

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the secrets whose key matches, by their ids, as external-secrets names them. Raises ProviderError."""
        if find.tags is not None:
            raise ProviderDenied("find.tags is not implemented in the Bitwarden provider: use find.name")
        pattern, found = compiled(find.name), SearchResults()
        for identifier, key in self._connection.names(self._place.organization).items():
            if key.startswith(find.path) and pattern.search(key):
                found[identifier] = SecretValue(self._connection.get(identifier).value.encode("utf-8", "replace"))
        return found

    def property_value(self, whole: SecretValue, path: str) -> SecretValue | DocumentPath | None:
        """Return the document to look in."""
        return DocumentPath(whole, path) if path else whole

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | SecretValue | None:
        """Return the members of a YAML mapping: texts as they are, what is nested as YAML."""
        try:
            parsed = read_yaml(found.reveal(), ANSWER)
        except (Unreadable, UnicodeDecodeError):
            return found
        if not isinstance(parsed, dict):
            return None
        return {str(name): SecretValue(_text(each).encode("utf-8", "replace")) for name, each in parsed.items()}

    def _one(self, request: SecretRequest, names: Mapping[str, str]) -> SecretValue:
        require_plain(request, "Bitwarden")
        found = self._found(request.key, names)
        if found is None:
            raise SecretAbsent(ABSENCE)
        return SecretValue(found.value.encode("utf-8", "replace"))

    def _found(self, key: str, names: Mapping[str, str] | None = None) -> Entry | None:
        """Return the secret of the store's project with an id or key; None if the list has none.

        Raises ProviderDenied for two of one key, and for an id of another project.
        """
        listed = self._connection.names(self._place.organization) if names is None else names
        entries = [self._connection.get(each) for each in ids_of(listed, key)]
        own = [each for each in entries if same_id(each.project, self._place.project)]
        if len(own) > 1:
            raise ProviderDenied(f'more than one secret of the project has the key "{key}"')
        if not own and entries and IDENTIFIER.fullmatch(key):
            raise ProviderDenied("the secret with this id is of another project than the store's")
        return own[0] if own else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return yaml.safe_dump(
            value, indent=INDENT, sort_keys=True, allow_unicode=True, default_flow_style=False
        ).strip()
    return str(value).lower() if isinstance(value, bool) else str(value)
