"""Akeyless: static secrets many a request, and every other type one by one."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from external.providers.akeyless.connection import AkeylessConnection
from external.providers.akeyless.items import (
    CERTIFICATE,
    DYNAMIC,
    LISTED,
    ROTATED,
    STATIC,
    Item,
    full_name,
    item_of,
    number_of,
    rotated_value,
    static_value,
    whole,
)
from external.providers.akeyless.push import ItemPush
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.naming import compiled
from external.providers.support.one_place import OnePlace
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.search import SearchResults
from manager.core.secret_value import SecretValue

BATCH = 50
MAX_PAGES = 100
MAX_TYPES = 5_000
TYPES = {STATIC: "static-secret", DYNAMIC: "dynamic-secret", ROTATED: "rotated-secret"}


class AkeylessClient(DelegatesPushes, OnePlace):
    """Reads and pushes items.

    Args:
        ignore_cache: whether the gateway's own cache is passed by.
        host: what messages call the server.
    """

    batch = BATCH

    def __init__(self, connection: AkeylessConnection, host: str, *, ignore_cache: bool) -> None:
        self._connection = connection
        self._cache = {"ignore-cache": "true"} if ignore_cache else {}
        self._types: OrderedDict[str, str] = OrderedDict()
        """Type of each item that was read: an item keeps its type."""
        OnePlace.__init__(self, connection, host)
        DelegatesPushes.__init__(self, ItemPush(connection, self._described, self._static))

    def validate(self) -> None:
        """Check that Akeyless accepts the identity; no item is read."""
        self._connection.validate()

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return values; the current ones of static secrets, whose type is known, together."""
        static = [
            each
            for each in requests
            if not each.version and not each.metadata and self._types.get("/" + each.key.lstrip("/")) == STATIC
        ]
        together = self._several([full_name(each.key) for each in static]) if len(static) > 1 else {}
        return one_by_one(requests, lambda each: self._one(each, together))

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the values of all items below a path whose name matches and which have all tags.

        Empty values are left out. Of tags only the values count: Akeyless has no keys.
        """
        if find.name is None and not find.tags and not find.path:
            raise ProviderDenied("unexpected find operator: path, name or tags is missing")
        pattern, found, tags = compiled(find.name), SearchResults(), {text for _, text in find.tags or ()}
        items = [
            each
            for each in self._listed(f"/{find.path.strip('/')}/".replace("//", "/"))
            if pattern.search(each.name) and tags <= each.tags
        ]
        static = self._several([each.name for each in items if each.kind == STATIC])
        for each in items:
            try:
                value = static.get(each.name) or self._value(each, None)
            except SecretAbsent:
                continue  # it was deleted after the list
            except ProviderError as error:
                raise type(error)(f"{each.name}: {error}") from None
            if len(value):
                found[each.name] = value
        return found

    def _one(self, request: SecretRequest, together: Mapping[str, SecretValue]) -> SecretValue:
        if request.metadata:
            raise ProviderDenied("metadataPolicy: Fetch is not implemented in the Akeyless provider: remove it")
        name, number = full_name(request.key), number_of(request.version)
        if number is None and name in together:
            return together[name]
        known = self._types.get(name)
        item = Item(name, known, frozenset()) if known is not None else self._described(name)
        return self._value(item, number)

    def _value(self, item: Item, number: int | None) -> SecretValue:
        version = {} if number is None else {"version": number}
        if item.kind == STATIC:
            return self._static(item.name, version)
        if item.kind == ROTATED:
            fields = {"names": item.name, **self._cache, **version}
            return rotated_value(self._connection.ask("GetRotatedSecretValue", "get-rotated-secret-value", fields))
        if item.kind == DYNAMIC:
            if version:
                raise ProviderDenied("a dynamic secret has no versions: remove version")
            call = "GetDynamicSecretsValue"
            return whole(call, self._connection.ask(call, "get-dynamic-secret-value", {"name": item.name}))
        if item.kind == CERTIFICATE:
            call, fields = "GetCertificateValue", {"name": item.name, **self._cache, **version}
            return whole(call, self._connection.ask(call, "get-certificate-value", fields))
        raise ProviderDenied(f"invalid item type: {item.kind.lower()}")

    def _static(self, name: str, version: Mapping[str, Any]) -> SecretValue:
        fields = {"names": [name], **self._cache, **version}
        found = static_value(name, self._connection.ask("GetSecretValue", "get-secret-value", fields))
        if found is None:
            raise ProviderUnavailable("GetSecretValue: the answer holds no value for this name")
        return found

    def _several(self, names: Sequence[str]) -> Mapping[str, SecretValue]:
        """Return the values that one request gives for some static secrets; the others are then read one by one."""
        found: dict[str, SecretValue] = {}
        for start in range(0, len(names), BATCH):
            part = list(names[start : start + BATCH])
            if len(part) < 2:
                break
            try:
                body = self._connection.ask("GetSecretValue", "get-secret-value", {"names": part, **self._cache})
            except ProviderUnavailable:
                raise
            except ProviderError:
                continue  # one that is gone, or may not be read, fails them all
            for name in part:
                value = static_value(name, body)
                if value is not None:
                    found[name] = value
        return found

    def _described(self, name: str) -> Item:
        """Return type and tags of an item. Raises SecretAbsent, ProviderError."""
        found = item_of("DescribeItem", self._connection.ask("DescribeItem", "describe-item", {"name": name}))
        self._remember(Item(name, found.kind, found.tags))
        return Item(name, found.kind, found.tags)

    def _listed(self, path: str) -> Iterator[Item]:
        fields: dict[str, Any] = {"path": path, "type": list(TYPES.values()), "auto-pagination": "disabled"}
        for _ in range(MAX_PAGES):
            page = self._connection.ask("ListItems", "list-items", fields)
            items, more = page.get("items"), page.get("next_page")
            if not isinstance(items, list | None) or "items" not in page:
                raise ProviderUnavailable("ListItems: the answer is no list")
            for each in items or ():
                item = item_of("ListItems", each)
                if item.kind in LISTED and item.name.startswith(path):
                    self._remember(item)
                    yield item
            if not more:
                return
            fields["pagination-token"] = str(more)
        raise ProviderDenied(f"find goes through more than {MAX_PAGES} pages: narrow it by find.path")

    def _remember(self, item: Item) -> None:
        self._types[item.name] = item.kind
        if len(self._types) > MAX_TYPES:
            self._types.popitem(last=False)
