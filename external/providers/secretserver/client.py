"""Delinea Secret Server: secrets by id, path or name, and their fields."""

import time
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from external.providers.protocol import (
    DocumentPath,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.secretserver.connection import Hidden, SecretServerConnection
from external.providers.secretserver.push import HIDDEN, SecretServerPush
from external.providers.secretserver.secrets import Item, Place, ServerSecret, item_of, items_of, place_of
from external.providers.support.one_place import OnePlace
from external.providers.support.pushing.delegation import DelegatesPushes
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.secret_value import SecretValue

ABSENCE = "Secret does not exist"
GET, SEARCH = "GetSecret", "SearchSecrets"
PAGE_SECRETS = 100
MAX_PAGES = 20


class SecretServerClient(DelegatesPushes, OnePlace):
    """Reads and pushes what one user sees.

    Args:
        seconds: maximum duration of a search.
    """

    def __init__(self, connection: SecretServerConnection, host: str, seconds: float) -> None:
        DelegatesPushes.__init__(self, SecretServerPush(self))
        OnePlace.__init__(self, connection, host)
        self.connection = connection
        self._seconds = seconds

    def validate(self) -> None:
        """Check that the user may search. Raises ProviderError."""
        self._page({"take": "1"})

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return whole secrets, for `property_value` and `members`."""
        return one_by_one(requests, self._one)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Refuse, as the original does. Raises ProviderDenied."""
        raise ProviderDenied("find is not supported by Secret Server stores: name each secret")

    def property_value(self, whole: SecretValue, path: str) -> SecretValue | DocumentPath | None:
        """Return a value in the document that is the first field, or a field; the whole secret for an empty path."""
        if not path or not isinstance(whole, ServerSecret):
            return whole
        first, named = whole.item(""), whole.item(path)
        document = _document(first)
        if document is not None and (named is None or path in document):
            return DocumentPath(SecretValue(first.value if first else b""), path)
        return SecretValue(named.value) if named is not None else None

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | SecretValue:
        """Return the document that is the first field, or all fields by slug."""
        if not isinstance(found, ServerSecret):
            return found
        first = found.item("")
        if first is not None and _document(first) is not None:
            return SecretValue(first.value)
        return {each.slug: SecretValue(each.value) for each in found.items}

    def lookup(self, place: Place, *, only_one: bool = False) -> ServerSecret | None:
        """Return the active secret at a place, None if the user sees none there.

        Args:
            only_one: whether several of one name are an error; else the first counts.

        Raises:
            ProviderError: it cannot be told.

        """
        if place.number or place.path:
            try:
                return _active(self._got(place))
            except Hidden:
                if not place.number:
                    return None  # an id that is none may still be a name
        numbers = list(self._named(place, inactive=False))
        if only_one and len(numbers) > 1:
            text = "several secrets have this name: name one by its id, its path or folderId:ID/NAME"
            raise ProviderDenied(text)
        return _active(self._got(Place(number=numbers[0]))) if numbers else None

    def _one(self, request: SecretRequest) -> SecretValue:
        if request.version or request.metadata:
            field = "version" if request.version else "metadataPolicy: Fetch"
            raise ProviderDenied(f"{field} is not supported by Secret Server stores: remove it")
        place = place_of(request.key)
        found = self.lookup(place)
        if found is not None:
            return found
        if self.is_deleted(place):
            raise SecretAbsent(ABSENCE)
        raise ProviderDenied(HIDDEN)

    def is_deleted(self, place: Place) -> bool:
        """Return True if what was at a place is deleted: the user sees it, and it is not active."""
        if place.number or place.path:
            try:
                return not self._got(place).active
            except Hidden:
                pass
        return bool(place.name and not place.path and list(self._named(place, inactive=True)))

    def _got(self, place: Place) -> ServerSecret:
        params = {"secretPath": place.path} if place.path else {}
        body = self.connection.ask(GET, "GET", f"secrets/{place.number}", params=params)
        given = body.get("id") or 0
        if not isinstance(given, int) or isinstance(given, bool):
            raise ProviderUnavailable(f"{GET}: the answer is no secret")
        items = tuple(self._item(given, each) for each in items_of(GET, body))
        return ServerSecret(body, items)

    def _item(self, number: int, body: Mapping[str, object]) -> Item:
        found = item_of(body, None)
        if not found.attached:
            return found
        path = f"secrets/{number}/fields/{quote(found.slug, safe='')}"
        return item_of(body, self.connection.content("GetSecretField", path))

    def _named(self, place: Place, *, inactive: bool) -> Iterator[int]:
        """Yield the ids of the secrets of a name, page by page."""
        params = {"filter.searchField": "name", "filter.searchText": place.name, "filter.isExactMatch": "true"}
        params |= {"filter.folderId": str(place.folder)} if place.folder else {}
        params |= {"filter.includeInactive": "true"} if inactive else {}
        until, totals = time.monotonic() + self._seconds, set[object]()
        for number in range(MAX_PAGES):
            skipped = {"skip": str(number * PAGE_SECRETS), "take": str(PAGE_SECRETS)}
            records, more, total = self._page({**params, **skipped})
            totals.add(total)
            if len(totals) > 1:  # one that is deleted between two pages moves another to the page before
                raise ProviderUnavailable(f"{SEARCH}: the list changes while it is read")
            for each in records:
                inside = not place.folder or each.get("folderId") == place.folder
                own = each.get("id")
                if each.get("name") == place.name and inside and isinstance(own, int) and not isinstance(own, bool):
                    yield own
            if not more:
                return
            if time.monotonic() > until:
                break
        raise ProviderDenied("the search by name takes too long: name the secret by its id or path")

    def _page(self, params: Mapping[str, str]) -> tuple[list[Mapping[str, object]], bool, object]:
        answer = self.connection.ask(SEARCH, "GET", "secrets", params=params)
        records, more = answer.get("records"), answer.get("hasNext", False)
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            raise ProviderUnavailable(f"{SEARCH}: the answer is no list of secrets")
        return records, bool(more) and bool(records), answer.get("total")


def _active(found: ServerSecret) -> ServerSecret | None:
    return found if found.active else None


def _document(item: Item | None) -> Mapping[str, object] | None:
    """Return a field that is a JSON object, None for anything else."""
    if item is None or not item.value.lstrip().startswith(b"{"):
        return None
    try:
        parsed = read_json(item.value, ANSWER)
    except Unreadable:
        return None
    return parsed if isinstance(parsed, dict) else None
