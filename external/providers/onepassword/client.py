"""1Password Connect: items of several vaults, each read once for all who want a field of it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from external.providers.onepassword.connection import ConnectConnection, item_path, vault_ids
from external.providers.onepassword.finder import ItemFinder, Lists
from external.providers.onepassword.items import (
    FIELD,
    FILE,
    FileEntry,
    Item,
    MemberValue,
    Summary,
    fields_of,
    files_of,
    files_wanted,
    kept_part,
    members_of,
    require_distinct,
    settled,
    summary_of,
    value_at,
)
from external.providers.onepassword.push import ItemPush
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.call_saving.stamped_values import StampedValues
from external.providers.support.naming import compiled
from external.providers.support.plain_reads import require_plain
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.search import SearchResults
from manager.core.secret_value import SecretValue

BATCH = 100
CACHE_BYTES = 2 << 20
CLIENT_BYTES = 128 << 10
MAX_FOUND_ITEMS = 500
ABSENCE = "Secret does not exist"


class OnePassword(DelegatesPushes):
    """Reads and pushes items of the vaults that a store names, in its order."""

    natural = False
    batch = BATCH
    sends_property = True
    weight = CLIENT_BYTES + CACHE_BYTES

    def __init__(self, connection: ConnectConnection, vaults: Sequence[str]) -> None:
        self._connection = connection
        self._named = vaults
        self._ids: Mapping[str, str] | None = None
        self._kept = StampedValues(CACHE_BYTES)
        self._finder = ItemFinder(connection, self.vaults)
        super().__init__(ItemPush(connection, self.vaults, self._finder.item))

    def validate(self) -> None:
        """Check that the token may use every vault, and that the day's requests are not spent; no item is read."""
        self._connection.budget.require()
        self._ids = vault_ids(self._named, self._connection.vaults())

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def location(self, request: SecretRequest) -> str:
        """Return the server's host and the vaults."""
        del request
        return f"{self._connection.location}, vaults {', '.join(self._named)}"

    def vaults(self) -> Mapping[str, str]:
        """Return the ids of the vaults by their names in the store, in its order. Raises ProviderError."""
        if self._ids is None:
            self._ids = vault_ids(self._named, self._connection.vaults())
        return self._ids

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return whole items, with the files that are wanted; those that a list shows unchanged are kept."""
        lists = self._finder.lists(alone=len({each.key for each in requests}) == 1)
        return one_by_one(requests, lambda each: self._one(each, lists))

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the fields and files whose name matches, of the items with this title and all tags.

        Of two items with a field of one name the first counts; a file counts before a field.
        """
        pattern, found = compiled(find.name), SearchResults()
        lists = self._finder.lists(alone=bool(find.path))
        tags = {key for key, _ in find.tags or ()}
        wanted = [
            each for vault in self.vaults().values() for each in lists.titled(vault, find.path) if tags <= each.tags
        ]
        if len(wanted) > MAX_FOUND_ITEMS:
            text = f"find goes through more than {MAX_FOUND_ITEMS} items"
            raise ProviderDenied(f"{text}: narrow it by find.path or find.tags")
        for each in wanted:
            try:
                body = self._body(each)
            except SecretAbsent:
                continue  # it was deleted after the list
            files = [file for file in files_of(body) if pattern.search(file.name)]
            fields = [field for field in fields_of(body) if pattern.search(field[0])]
            names = [file.name for file in files]
            require_distinct(each.title, names)
            require_distinct(each.title, [label for label, _ in fields])
            contents = {file.name: self._content(each, file) for file in files if file.name not in found}
            for name, value in [*contents.items(), *fields]:
                if name not in found:
                    found[name] = SecretValue(value)
        return found

    def property_value(self, whole: SecretValue, path: str) -> SecretValue | None:
        """Return a field by its label, or a file by its name; `password` for an empty path. Raises ProviderDenied."""
        return value_at(whole, path) if isinstance(whole, Item) else whole

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | None:
        """Return all fields, of a document its files; or the one that was taken. Raises ProviderDenied."""
        if isinstance(found, MemberValue):
            return {found.member: found}
        return members_of(found) if isinstance(found, Item) else None

    def missing(self, key: str, path: str, *, metadata: bool, extract: bool) -> str:
        """Return what to say of a field that does not exist."""
        del metadata, extract
        what = "file" if path.startswith(FILE) else "field"
        name = path.removeprefix(FILE).removeprefix(FIELD) or "password"
        return f'expected one {what} with the name "{name}" in item "{key}", found 0'

    def _one(self, request: SecretRequest, lists: Lists) -> SecretValue:
        require_plain(request, "1Password")
        summary = self._finder.item(request.key, lists)
        if summary is None:
            raise SecretAbsent(ABSENCE)
        body = self._body(summary)
        wanted = files_wanted(body, request.property)
        contents = {each.name: self._content(summary, each) for each in wanted}
        return Item(summary.title, body, contents)

    def _body(self, summary: Summary) -> Mapping[str, Any]:
        """Return an item as the server shows it, without a request if it is the version that is kept."""
        kept = self._kept.unchanged(summary.id, summary.stamp) if summary.stamp else None
        if isinstance(kept, Item):
            return kept.body
        body = self._connection.ask("GetItem", "GET", item_path(summary.vault, summary.id))
        if not isinstance(body, dict) or body.get("id") != summary.id or not isinstance(body.get("title"), str):
            raise ProviderUnavailable("GetItem: the answer is no item, or another one than was asked for")
        fields_of(body), files_of(body)
        read, part = summary_of(summary.vault, body).stamp, kept_part(body)
        if read:
            self._kept.keep(summary.id, read, Item(summary.title, part, {}))
        return part

    def _content(self, summary: Summary, file: FileEntry) -> bytes:
        name = f"{summary.id}/{file.id}"
        kept = self._kept.unchanged(name, summary.stamp) if summary.stamp else None
        if kept is None:
            path = item_path(summary.vault, summary.id, "files", file.id, "content")
            kept = SecretValue(self._connection.sent("GetFile", "GET", path).content)
            if file.size is not None and len(kept) != file.size:
                raise ProviderUnavailable("GetFile: the content has another size than the item says")
            if settled(summary.stamp, time.time()):
                self._kept.keep(name, summary.stamp, kept)
        return kept.reveal()
