"""Finds items of 1Password, and proves that there is none: Connect lists a vault it has not synchronised as empty."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from external.providers.onepassword.connection import ConnectConnection, item_path
from external.providers.onepassword.items import Summary, is_deleted, item_of, summary_of
from external.providers.protocol import ProviderUnavailable, SecretAbsent

MAX_REMEMBERED = 256


class Lists:
    """The lists of one call, made when they are needed: of whole vaults, or of one title if only one is wanted."""

    def __init__(self, connection: ConnectConnection, *, alone: bool) -> None:
        self._connection = connection
        self._alone = alone
        self._titled: dict[str, list[Summary]] = {}
        self._whole: dict[str, list[Summary]] = {}

    def __call__(self, vault: str, title: str) -> Sequence[Summary]:
        """Return the items of a vault, at least those with a title; none proves nothing. Raises ProviderError."""
        if not self._alone or not title or vault in self._whole:
            return self.whole(vault)
        if vault not in self._titled:
            self._titled[vault] = _listed(vault, self._connection.items(vault, title))
        return self._titled[vault]

    def whole(self, vault: str) -> Sequence[Summary]:
        """Return all items of a vault. Raises ProviderUnavailable if none is listed and the vault counts some."""
        if vault not in self._whole:
            listed = self._connection.items(vault)
            if not listed:
                self._require_empty(vault)
            self._whole[vault] = _listed(vault, listed)
        return self._whole[vault]

    def titled(self, vault: str, title: str) -> list[Summary]:
        """Return the items of a vault with a title, or all for none, provably all of them. Raises ProviderError."""
        found = self(vault, title) or self.whole(vault)
        return [each for each in found if title in ("", each.title)]

    def _require_empty(self, vault: str) -> None:
        body = self._connection.ask("GetVault", "GET", f"vaults/{vault}")
        count = body.get("items") if isinstance(body, dict) and body.get("id") == vault else None
        if type(count) is not int or count != 0:
            raise ProviderUnavailable("ListItems: the list of a vault is empty, and the vault does not say that it is")


class ItemFinder:
    """Remembers where items were, so that their own 404 proves that they are gone.

    Args:
        vaults: returns the ids of the vaults by their names, in the store's order.
    """

    def __init__(self, connection: ConnectConnection, vaults: Callable[[], Mapping[str, str]]) -> None:
        self._connection = connection
        self._vaults = vaults
        self._seen: OrderedDict[str, Summary] = OrderedDict()

    def lists(self, *, alone: bool) -> Lists:
        """Return the lists of one call."""
        return Lists(self._connection, alone=alone)

    def item(self, key: str, lists: Lists | None = None) -> Summary | None:
        """Return the item with a title or id, None if there is provably none. Raises ProviderError."""
        vaults, lists = self._vaults(), lists or self.lists(alone=True)
        found = item_of(vaults, lists, key) or item_of(vaults, lambda vault, _: lists.whole(vault), key)
        seen, order = self._seen.get(key), list(vaults.values())
        if seen is not None and seen.vault in order and (found is None or _before(order, seen, found)):
            self._require_gone(seen, key)
        self._remember(key, found)
        return found

    def _remember(self, key: str, found: Summary | None) -> None:
        self._seen.pop(key, None)
        if found is not None:
            self._seen[key] = found
            while len(self._seen) > MAX_REMEMBERED:
                self._seen.pop(next(iter(self._seen)), None)

    def _require_gone(self, seen: Summary, key: str) -> None:
        """Raise ProviderUnavailable if an item that is no longer listed is still there."""
        try:
            body = self._connection.ask("GetItem", "GET", item_path(seen.vault, seen.id))
        except SecretAbsent:
            return
        if not isinstance(body, dict) or body.get("id") != seen.id:
            raise ProviderUnavailable("GetItem: the answer is no item, or another one than was asked for")
        if not is_deleted(body) and key in (seen.id, body.get("title")):
            raise ProviderUnavailable("ListItems: an item that exists is not in the list")


def _before(order: list[str], seen: Summary, found: Summary) -> bool:
    """Return True if an item that was seen would be taken instead of the one that is found."""
    return seen.id != found.id and order.index(seen.vault) <= order.index(found.vault)


def _listed(vault: str, listed: Any) -> list[Summary]:
    return [summary_of(vault, each) for each in listed if not is_deleted(each)]
