"""Items of 1Password: fields, files, tags. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from manager.core.secret_value import SecretValue

DEFAULT_FIELD = "password"
FIELD, FILE = "field/", "file/"
DOCUMENT = "DOCUMENT"
DELETED = frozenset({"DELETED"})
ITEM_ID = re.compile(r"[a-z0-9]{26}")
SETTLED_SECONDS = 60
"""A file has no stamp of its own, and a server that lags shows the one before: it is kept once its item is older."""
CHARACTER_BYTES = 4
"""Of memory, at most, for a byte of an answer's text."""
PART_BYTES = 500
"""Of memory for a field or file beside its texts."""


class Summary(NamedTuple):
    """An item as lists show it."""

    vault: str
    """ID of its vault."""
    id: str
    title: str
    stamp: str
    """Changes with every change of the item."""
    tags: frozenset[str]


Listed = Callable[[str, str], Sequence[Summary]]


class FileEntry(NamedTuple):
    """A file of an item, without its content."""

    id: str
    name: str
    size: int | None = None


class Item(SecretValue):
    """A whole item: the values of its fields, and of the files that were asked for."""

    __slots__ = ("body", "contents", "title")

    def __init__(self, title: str, body: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
        super().__init__(b"")
        self.title = title
        self.body = body
        """As the server shows it."""
        self.contents = contents
        """Contents of files, by their names."""

    def __len__(self) -> int:
        """Return how much memory it takes, not what its values say: a field of an item may be of any size."""
        texts = sum(len(label.encode()) + len(value) for label, value in fields_of(self.body))
        files = sum(len(each.name.encode()) for each in files_of(self.body)) + sum(map(len, self.contents.values()))
        parts = len(_objects(self.body, "fields")) + len(_objects(self.body, "files"))
        return CHARACTER_BYTES * texts + CHARACTER_BYTES * files + PART_BYTES * parts

    def parts(self) -> Iterator[bytes]:
        """Yield names and values in a fixed order."""
        for label, value in fields_of(self.body):
            yield label.encode()
            yield value
        for name, content in sorted(self.contents.items()):
            yield name.encode()
            yield content


class MemberValue(SecretValue):
    """One field or file of an item, with its name."""

    __slots__ = ("member",)

    def __init__(self, value: bytes, member: str) -> None:
        super().__init__(value)
        self.member = member


def summary_of(vault: str, listed: object) -> Summary:
    """Return an item of a list. Raises ProviderUnavailable for what is none."""
    body = listed if isinstance(listed, dict) else {}
    title, identifier = body.get("title"), body.get("id")
    if not isinstance(title, str) or not isinstance(identifier, str) or not identifier.isalnum():
        raise ProviderUnavailable("ListItems: the answer is no list of items")
    tags = body.get("tags") or ()
    stamp = f"{body.get('version') or ''}/{body.get('updatedAt') or ''}" if body.get("version") else ""
    known = frozenset(each for each in tags if isinstance(each, str)) if isinstance(tags, list) else frozenset[str]()
    return Summary(vault, identifier, title, stamp, known)


def item_of(vaults: Mapping[str, str], listed: Listed, key: str) -> Summary | None:
    """Return the item with a title or id, from the first vault that has one. Raises ProviderDenied for two titles.

    Args:
        vaults: their ids by their names, in the store's order.
        listed: returns the items of a vault with a title, or all of them.
    """
    is_id = ITEM_ID.fullmatch(key) is not None
    for name, vault in vaults.items():
        items = listed(vault, "" if is_id else key)
        found = [each for each in items if is_id and each.id == key] or [each for each in items if each.title == key]
        if len(found) > 1:
            raise ProviderDenied(f'vault "{name}" has {len(found)} items with the title "{key}"')
        if found:
            return found[0]
    return None


def is_deleted(listed: object) -> bool:
    """Return True if a list shows an item that was deleted."""
    return isinstance(listed, dict) and listed.get("state") in DELETED


def fields_of(body: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Return label and value of each field."""
    found = []
    for each in _objects(body, "fields"):
        value = each.get("value")
        label = each.get("label")
        if isinstance(value, str | None) and isinstance(label, str | None):
            found.append((label or "", (value or "").encode("utf-8", "replace")))
    return found


def files_of(body: Mapping[str, Any]) -> list[FileEntry]:
    """Return the files of an item."""
    files = [(each.get("id"), each.get("name"), each.get("size")) for each in _objects(body, "files")]
    return [
        FileEntry(file_id, name, size if isinstance(size, int) else None)
        for file_id, name, size in files
        if isinstance(file_id, str) and file_id.isalnum() and isinstance(name, str)
    ]


def files_wanted(body: Mapping[str, Any], name: str) -> list[FileEntry]:
    """Return the files whose content a property names; all files of a document without one."""
    files = files_of(body)
    if not is_document(body) and not name.startswith(FILE):
        return []
    wanted = name.removeprefix(FILE)
    return [each for each in files if each.name == wanted] if wanted else files[:1] if name else files


def kept_part(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what reads need of an item; the rest of an answer may be of any size."""
    fields = [{"label": label, "value": value.decode()} for label, value in fields_of(body)]
    files = [each._asdict() for each in files_of(body)]
    return {
        "id": body["id"],
        "title": body["title"],
        "category": body.get("category"),
        "fields": fields,
        "files": files,
    }


def settled(stamp: str, now: float) -> bool:
    """Return True if an item has not changed for a while, as its stamp says."""
    try:
        changed = datetime.fromisoformat(stamp.partition("/")[2])
    except ValueError:
        return False
    return changed.tzinfo is not None and abs(now - changed.timestamp()) > SETTLED_SECONDS


def is_document(body: Mapping[str, Any]) -> bool:
    """Return True if an item is a document, whose values are files."""
    return body.get("category") == DOCUMENT


def value_at(item: Item, path: str) -> SecretValue | None:
    """Return the value of a field or file, `password` without a name; None if there is none. Raises ProviderDenied."""
    if path.startswith(FILE) or (is_document(item.body) and not path.startswith(FIELD)):
        wanted = path.removeprefix(FILE) or next((each.name for each in files_of(item.body)), "")
        return _only(item, "file", wanted, [(name, each) for name, each in item.contents.items() if name == wanted])
    label = path.removeprefix(FIELD) or DEFAULT_FIELD
    return _only(item, "field", label, [each for each in fields_of(item.body) if each[0] == label])


def members_of(item: Item) -> Mapping[str, SecretValue]:
    """Return all fields by their labels; of a document its files. Raises ProviderDenied for two of one name."""
    found = list(item.contents.items()) if is_document(item.body) else fields_of(item.body)
    require_distinct(item.title, [name for name, _ in found])
    return {name: SecretValue(value) for name, value in found}


def require_distinct(title: str, names: list[str]) -> None:
    """Raise ProviderDenied for two fields or files of one name: which of them is meant cannot be known."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProviderDenied(f'item "{title}" has several fields or files with the name "{twice[0]}"')


def _only(item: Item, what: str, name: str, found: list[tuple[str, bytes]]) -> SecretValue | None:
    if len(found) > 1:
        raise ProviderDenied(f'expected one {what} with the name "{name}" in item "{item.title}", found {len(found)}')
    return MemberValue(found[0][1], name) if found else None


def _objects(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ProviderUnavailable(f"GetItem: {name} is no list")
    return found
