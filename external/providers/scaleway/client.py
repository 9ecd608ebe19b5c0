"""Scaleway Secret Manager: values by name, path or id; one list finds the names of a whole batch."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.scaleway.connection import Missing, ScalewayConnection
from external.providers.scaleway.keys import Found, Place, cleaned, found_of, place_of, version_of
from external.providers.scaleway.push import ScalewayPush
from external.providers.support.naming import compiled
from external.providers.support.one_place import OnePlace
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.search import SearchResults
from manager.core.secret_value import SecretValue

BATCH = 50
PAGE_SECRETS = 100  # the maximum
ATTEMPTS = 2
MAX_PAGES = 100
ABSENCE = "Secret does not exist"
LIST, ACCESS = "ListSecrets", "AccessSecretVersion"


class ScalewaySecrets(DelegatesPushes, OnePlace):
    """Reads and pushes the secrets of one project in one region."""

    batch = BATCH

    def __init__(self, connection: ScalewayConnection, project: str, region: str) -> None:
        DelegatesPushes.__init__(self, ScalewayPush(self))
        OnePlace.__init__(self, connection, f"Scaleway, region {region}, project {project}")
        self.connection = connection
        self._project = project

    def validate(self) -> None:
        """Check that the key may list the project's secrets. Raises ProviderError."""
        self._page({"page_size": "1"})

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return values; several names are looked up by one list, if that takes fewer calls."""
        names = self._names(requests)
        return one_by_one(requests, lambda each: self._one(each, names))

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the secrets of a folder whose name matches and which have all tags, by name. Raises ProviderError."""
        pattern, found, wanted = compiled(find.name), SearchResults(), {key for key, _ in find.tags or ()}
        params = {"path": cleaned(find.path)} if find.path else {}
        for each in self.listed(params):
            if not pattern.search(each.name) or not wanted <= set(each.tags) or not each.versions:
                continue
            if each.name in found:
                raise ProviderDenied(f"find: several folders have a secret {each.name}: narrow it by find.path")
            try:
                found[each.name] = self._value(each.id, "latest_enabled")
            except SecretAbsent:
                continue  # it was deleted after the list
        return found

    def listed(self, params: Mapping[str, str], most: int = MAX_PAGES) -> list[Found]:
        """Return secrets without their values. Raises ProviderDenied beyond `most` pages, ProviderError.

        A secret that is deleted between two pages moves another to the page before: such a list is made again.
        """
        for _ in range(ATTEMPTS):
            found, totals = self._pages(params, most)
            if totals == {len(found)}:
                return found
        raise ProviderUnavailable(f"{LIST}: the pages hold another number of secrets than the list says")

    def _pages(self, params: Mapping[str, str], most: int) -> tuple[list[Found], set[int]]:
        """Return the secrets of all pages, and how many there are as the pages say."""
        found, totals = list[Found](), set[int]()
        for number in range(1, most + 1):
            items, total = self._page({"page": str(number), "page_size": str(PAGE_SECRETS), **params})
            found += items
            totals.add(total)
            if len(found) >= total or not items:
                return found, totals
        raise ProviderDenied(f"the list has more than {most * PAGE_SECRETS} secrets: narrow it by find.path")

    def lookup(self, place: Place) -> list[Found]:
        """Return the secrets that a place may mean: none, one, or several of one name. Raises ProviderError."""
        if place.id:
            try:
                found = found_of("GetSecret", self.connection.ask("GetSecret", "GET", f"secrets/{quote(place.id)}"))
            except Missing:
                return []
            return [] if found.gone else [found]
        params = {"name": place.name, **({"path": place.folder} if place.folder else {})}
        listed = self.listed(params)
        return [each for each in listed if each.name == place.name and place.folder in ("", each.folder)]

    def access(self, path: str, params: Mapping[str, str] | None = None) -> tuple[bytes, str]:
        """Return a version's value and number. Raises Missing, ProviderError."""
        answer = self.connection.ask(ACCESS, "GET", path, params=params)
        data, number = answer.get("data"), answer.get("revision")
        try:
            if isinstance(data, str) and isinstance(number, int) and not isinstance(number, bool):
                return base64.b64decode(data, validate=True), str(number)
        except binascii.Error:
            pass
        raise ProviderUnavailable(f"{ACCESS}: the answer holds no value")

    def new_body(self, place: Place) -> dict[str, str]:
        """Return the body that creates a secret at a place."""
        return {"project_id": self._project, "name": place.name, "path": place.folder or "/"}

    def _names(self, requests: Sequence[SecretRequest]) -> Mapping[str, str]:
        """Return ids by name, from one list; empty if single look-ups take no more calls."""
        keys = (each.key for each in requests)
        wanted = {key.removeprefix("name:") for key in keys if key.startswith("name:")}
        if len(wanted) < 2:
            return {}
        ids: dict[str, str] = {}
        try:
            for each in self.listed({}, most=len(wanted) - 1):
                ids.setdefault(each.name, each.id)
        except ProviderUnavailable:
            raise
        except ProviderDenied:
            return {}  # too many secrets, or a refusal that each read tells
        return {name: ids.get(name, "") for name in wanted}

    def _one(self, request: SecretRequest, names: Mapping[str, str]) -> SecretValue:
        if request.metadata:
            raise ProviderDenied("metadataPolicy: Fetch is not supported: remove it")
        place, version = place_of(request.key), version_of(request.version)
        if place.folder:
            return self._by_path(place, version)
        own = place.id or names.get(place.name)
        if own is None:
            own = next((each.id for each in self.lookup(place)), "")
        if not own:
            raise SecretAbsent(ABSENCE)
        return self._value(own, version)

    def _by_path(self, place: Place, version: str) -> SecretValue:
        params = {"project_id": self._project, "secret_path": place.folder, "secret_name": place.name}
        try:
            return SecretValue(self.access(f"secrets-by-path/versions/{version}/access", params)[0])
        except ProviderUnavailable:
            raise
        except ProviderDenied as error:
            raise self._proven(place, error) from None

    def _value(self, own: str, version: str) -> SecretValue:
        try:
            return SecretValue(self.access(f"secrets/{quote(own)}/versions/{version}/access")[0])
        except ProviderUnavailable:
            raise
        except Missing as error:
            raise self._proven(Place(own, "", ""), error) from None

    def _proven(self, place: Place, error: ProviderError) -> ProviderError:
        """Return SecretAbsent if there is no such secret; a version that is missing or disabled is no absence."""
        if isinstance(error, Missing) and not self.lookup(place):
            return SecretAbsent(ABSENCE)
        if isinstance(error, Missing):
            return ProviderDenied(f"{error}: the secret has no such version that is enabled")
        return error

    def _page(self, params: Mapping[str, str]) -> tuple[list[Found], int]:
        answer = self.connection.ask(LIST, "GET", "secrets", params={"project_id": self._project, **params})
        items, total = answer.get("secrets"), answer.get("total_count")
        if not isinstance(total, int) or isinstance(total, bool):
            raise ProviderUnavailable(f"{LIST}: the answer is no list of secrets")
        if not isinstance(items, list) or len(items) > PAGE_SECRETS:
            raise ProviderUnavailable(f"{LIST}: the answer is no list of secrets")
        return [found_of(LIST, each) for each in items], total
