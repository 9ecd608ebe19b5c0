"""Azure Key Vault: secrets, keys and certificates, read with as few calls as possible."""

import time
from collections.abc import Iterator, Mapping, Sequence

from external.providers.azure.connection import MAX_PAGES, PAGE_SECRETS, VaultConnection
from external.providers.azure.objects import (
    VERSION,
    Place,
    VaultObject,
    VaultValue,
    error_of,
    object_of,
    place_of,
    tag_members,
    tag_value,
    tags_of,
    value_of,
)
from external.providers.azure.push import VaultPush
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
from external.providers.support.call_saving.stamped_values import MAX_BYTES, StampedValues
from external.providers.support.naming import compiled
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.search import SearchResults
from manager.core.secret_value import SecretValue

BATCH = 50
CLIENT_BYTES = 128 << 10
MAX_LIST_BYTES = 16 << 20
"""Of all pages of one list."""
TOO_LARGE = f"{MAX_LIST_BYTES >> 20} MiB"
SETTLED_SECONDS = 60
"""A stamp has seconds: a value that changed twice in one has one stamp. So it counts once it is older than this."""
COUNTED_SECONDS = 600.0
"""How long it is remembered that a vault has too many pages: each try costs as many calls as it saves at best."""
GET_CALLS = {"secret": "GetSecret", "key": "GetKey", "cert": "GetCertificate"}


class KeyVault(DelegatesPushes):
    """Reads and pushes the objects of one vault.

    Args:
        with_times: whether `metadataPolicy: Fetch` shows times among the tags.
    """

    natural = False
    batch = BATCH
    weight = CLIENT_BYTES + MAX_BYTES

    def __init__(self, connection: VaultConnection, *, with_times: bool) -> None:
        super().__init__(VaultPush(connection))
        self._connection = connection
        self._with_times = with_times
        self._values = StampedValues()
        self._pages = 0
        """That a list takes, or at least takes where it was given up."""
        self._counted_until = 0.0
        """Monotonic second until which that counts: a vault may become smaller."""
        self._listable = True
        """Whether the identity may list secrets; the first refusal turns it off."""

    def validate(self) -> None:
        """Check that the vault can be reached and the identity gets a token; no secret is read."""
        self._connection.validate()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def location(self, request: SecretRequest) -> str:
        """Return the vault's host."""
        del request
        return self._connection.address.location

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return values; those that a list shows unchanged are not read again."""
        stamps = self._stamps([each for each in requests if not each.version and not each.metadata])
        return one_by_one(requests, lambda each: self._one(each, stamps))

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return all enabled secrets that match; keys and certificates are none of them. Raises ProviderError."""
        pattern, found = compiled(find.name), SearchResults()

        def wanted(each: VaultObject) -> bool:
            tagged, name = each.tags.items() >= set(find.tags or ()), each.place.name
            return each.enabled and tagged and name.startswith(find.path) and bool(pattern.search(name))

        # Of all pages only names and times are kept.
        for place, updated in [(each.place, each.updated) for each in self._listed(MAX_PAGES) if wanted(each)]:
            try:
                found[place.name] = self._current(place, {place.name: updated})
            except SecretAbsent:
                continue  # it was deleted after the list
            except ProviderError as error:
                raise error_of(place, error) from None
        return found

    def property_value(self, whole: SecretValue, path: str) -> SecretValue | DocumentPath | None:
        """Return a tag, or the document to look in; of a certificate a property has no effect."""
        if not path or not isinstance(whole, VaultValue) or whole.kind == "cert":
            return whole
        if whole.kind != "tags":
            return DocumentPath(whole, path)
        found = tag_value(whole, path)
        return DocumentPath(*found) if isinstance(found, tuple) else found

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | SecretValue:
        """Return tags by name; of a secret its JSON text. Raises ProviderDenied for keys and certificates."""
        kind = found.kind if isinstance(found, VaultValue) else "secret"
        if isinstance(found, VaultValue) and kind == "tags":
            return tag_members(found)
        if kind in ("cert", "key"):
            raise ProviderDenied(f"cannot get use dataFrom to get {kind} secret: it has no members")
        return found

    def missing(self, key: str, path: str, *, metadata: bool, extract: bool) -> str:
        """Return external-secrets' text for a property that does not exist."""
        del metadata, extract
        return f"property {path} does not exist in key {key}"

    def _one(self, request: SecretRequest, stamps: Mapping[str, int]) -> SecretValue:
        place = place_of(request.key)
        if request.version and not VERSION.fullmatch(request.version):
            raise ProviderDenied("the version of an object has letters and digits only")
        if request.metadata:
            return tags_of(self._got(place, request.version), with_times=self._with_times)
        if request.version or place.kind != "secret":
            return value_of(GET_CALLS[place.kind], self._got(place, request.version))
        return self._current(place, stamps)

    def _current(self, place: Place, stamps: Mapping[str, int]) -> SecretValue:
        """Return the current value of a secret: the one that is kept, if a list shows it unchanged."""
        stamp = stamps.get(place.name)
        kept = self._values.unchanged(place.name, str(stamp)) if stamp else None
        if kept is not None:
            return kept
        found = self._got(place, "")
        value = value_of("GetSecret", found)
        if found.updated and abs(time.time() - found.updated) > SETTLED_SECONDS:
            self._values.keep(place.name, str(found.updated), value)
        else:
            self._values.drop(place.name)
        return value

    def _got(self, place: Place, version: str) -> VaultObject:
        call = GET_CALLS[place.kind]
        path = f"{place.path}/{version}" if version else place.path
        return object_of(call, place, self._connection.ask(call, "GET", path))

    def _stamps(self, requests: Sequence[SecretRequest]) -> Mapping[str, int]:
        """Return when secrets were changed, by a list if that takes fewer calls than reading them; else nothing."""
        names = {request.key.removeprefix("secret/") for request in requests}
        most = sum(name in self._values for name in names) - 1
        if not self._listable or most < 1 or (self._pages > most and time.monotonic() < self._counted_until):
            return {}
        try:
            return {each.place.name: each.updated for each in self._listed(most)}
        except _TooManyPages:
            return {}
        except ProviderUnavailable:
            raise
        except ProviderDenied:
            self._listable = False
            return {}

    def _listed(self, most: int) -> Iterator[VaultObject]:
        """Yield all secrets of the vault, without values. Raises ProviderError, also beyond `most` pages."""
        call, link, seen, size = "GetSecrets", "", set[str](), 0
        for number in range(1, most + 1):
            items, link, more = self._connection.page(call, link)
            size += more
            if link in seen:
                raise ProviderUnavailable(f"{call}: the answer is no page of a list")
            if size > MAX_LIST_BYTES:
                raise _TooManyPages(f"the list of the vault's secrets is larger than {TOO_LARGE}: name each one")
            seen.add(link)
            for each in items:
                yield object_of(call, None, each if isinstance(each, dict) else {})
            if not link:
                self._count(number)
                return
        self._count(most + 1)
        raise _TooManyPages(f"the vault holds more than {most * PAGE_SECRETS} secrets: name each one")

    def _count(self, pages: int) -> None:
        self._pages, self._counted_until = pages, time.monotonic() + COUNTED_SECONDS


class _TooManyPages(ProviderDenied):
    """A list takes more calls than it is worth."""
