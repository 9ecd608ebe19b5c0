"""Secrets of Secret Server and what remote keys name. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.naming import ESCAPED
from manager.core.secret_value import SecretValue

FOLDER_KEY = re.compile(r"folderId:(\d{1,9})/(.+)", re.DOTALL)
NUMBER = re.compile(r"[1-9]\d{0,9}")
FIELDS: Mapping[str, object] = {
    "Name": "",
    **dict.fromkeys(("FolderID", "ID", "SiteID", "SecretTemplateID"), 0),
    **dict.fromkeys(("SecretPolicyID", "PasswordTypeWebScriptID"), 0),
    **dict.fromkeys(("LauncherConnectAsSecretID", "CheckOutIntervalMinutes"), 0),
    **dict.fromkeys(("Active", "CheckedOut", "CheckOutEnabled"), False),
    **dict.fromkeys(("AutoChangeEnabled", "CheckOutChangePasswordEnabled", "DelayIndexing"), False),
    **dict.fromkeys(("EnableInheritPermissions", "EnableInheritSecretPolicy", "ProxyEnabled"), False),
    **dict.fromkeys(("RequiresComment", "SessionRecordingEnabled", "WebLauncherRequiresIncognitoMode"), False),
}
"""Members of a whole secret with their zero values, in the order in which external-secrets shows them."""
LEFT_OUT_IF_ZERO = frozenset({"SecretPolicyID", "PasswordTypeWebScriptID"})
ITEM_FIELDS: Mapping[str, object] = {
    **dict.fromkeys(("ItemID", "FieldID", "FileAttachmentID"), 0),
    **dict.fromkeys(("FieldName", "Slug", "FieldDescription", "Filename", "ItemValue"), ""),
    **dict.fromkeys(("IsFile", "IsNotes", "IsPassword"), False),
}


class Place(NamedTuple):
    """Where a key leads."""

    number: int = 0
    """An id; 0 for none."""
    path: str = ""
    """Folder and name, as the API takes them; empty for none."""
    name: str = ""
    folder: int = 0
    """Id of the folder; 0 for any."""


@dataclass(frozen=True)
class Item:
    """A field of a secret."""

    slug: str
    name: str
    value: bytes = field(repr=False)
    attached: bool
    shown: Mapping[str, object] = field(repr=False)


class ServerSecret(SecretValue):
    """A whole secret as JSON, and its fields."""

    __slots__ = ("active", "items", "number")

    def __init__(self, body: Mapping[str, Any], items: tuple[Item, ...]) -> None:
        shown = {name: each for name, each in _members(body, FIELDS).items() if each or name not in LEFT_OUT_IF_ZERO}
        shown["Items"] = [{**each.shown, "ItemValue": each.value.decode(errors="replace")} for each in items]
        text = json.dumps(shown, separators=(",", ":"), ensure_ascii=False).translate(ESCAPED)
        super().__init__(text.encode("utf-8", "replace"))
        self.items, self.active, self.number = items, bool(shown["Active"]), int(str(shown["ID"]))

    def item(self, name: str) -> Item | None:
        """Return the field of a slug or a name; the first one for an empty name."""
        if not name:
            return self.items[0] if self.items else None
        by_slug = (each for each in self.items if each.slug == name)
        by_name = (each for each in self.items if each.name == name)
        return next(by_slug, None) or next(by_name, None)


def place_of(key: str) -> Place:
    """Return where a key leads. Raises ProviderDenied."""
    inside = FOLDER_KEY.fullmatch(key)
    if inside is not None:
        return Place(name=inside[2], folder=int(inside[1]))
    if key.startswith("/"):
        steps = [step for step in re.split(r"[/\\]+", key) if step]
        if not steps:
            raise ProviderDenied("the key is a path without a name")
        return Place(path="\\" + "\\".join(steps), name=steps[-1])
    if not key or key.startswith("folderId:"):
        raise ProviderDenied("the key must be an id, a name, /FOLDER/NAME or folderId:ID/NAME")
    return Place(number=int(key) if NUMBER.fullmatch(key) else 0, name=key)


def items_of(call: str, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the fields of a secret as the API shows it. Raises ProviderUnavailable for what is no secret."""
    items = body.get("items")
    if not isinstance(body.get("id"), int) or not isinstance(body.get("name"), str) or not isinstance(items, list):
        raise ProviderUnavailable(f"{call}: the answer is no secret")
    if not all(isinstance(each, dict) and isinstance(each.get("slug"), str) for each in items):
        raise ProviderUnavailable(f"{call}: the answer is a secret with a field without a slug")
    return items


def item_of(body: Mapping[str, Any], content: bytes | None) -> Item:
    """Return a field; with the content of its file if it has one."""
    shown = _members(body, ITEM_FIELDS)
    value = str(shown["ItemValue"]).encode("utf-8", "replace") if content is None else content
    return Item(str(shown["Slug"]), str(shown["FieldName"]), value, bool(shown["FileAttachmentID"]), shown)


def _members(body: Mapping[str, Any], wanted: Mapping[str, object]) -> dict[str, object]:
    """Return the members that are asked for, in whatever case the API writes them; a zero value for another type."""
    found = {name.lower(): each for name, each in body.items()}
    given = {name: found.get(name.lower()) for name in wanted}
    return {name: each if type(each) is type(wanted[name]) else wanted[name] for name, each in given.items()}
