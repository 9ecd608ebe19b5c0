"""Scaleway Secret Manager: by id and path in one request, by name with a list of it."""

from collections.abc import Mapping, Sequence

from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.scaleway.connection import LATEST, Place, ScalewayConnection, place_of, revision_of
from external.providers.scaleway.push import VersionPush
from external.providers.support.naming import compiled
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.search import SearchResults
from manager.core.secret_value import SecretValue

MAX_NAMES = 5_000


class ScalewayClient(DelegatesPushes):
    """Reads and pushes the secrets of one project.

    Args:
        region: what messages call the place.
    """

    natural = False
    batch = 1

    def __init__(self, connection: ScalewayConnection, region: str) -> None:
        self._connection = connection
        self._region = region
        self._ids: dict[str, str] = {}
        """Ids of secrets that were read by name."""
        super().__init__(VersionPush(connection))

    def validate(self) -> None:
        """Check that the key may list the secrets of the project; no value is read."""
        next(self._connection.listed(), None)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def location(self, request: SecretRequest) -> str:
        """Return region and project."""
        del request
        return f"Scaleway Secret Manager, region {self._region}, project {self._connection.project}"

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return values; with `metadata` nothing, as Scaleway's tags have no values."""
        return one_by_one(requests, self._one)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the secrets, of a folder or of all, whose name matches and which have all tags."""
        pattern, found = compiled(find.name), SearchResults()
        tags = {key for key, _ in find.tags or ()}
        narrowed = {"path": find.path} if find.path else {}
        for each in list(self._connection.listed(**narrowed)):
            inside = not find.path or each.folder == find.path
            if inside and each.versions and tags <= set(each.tags) and pattern.search(each.name):
                try:
                    found[each.name] = self._connection.access(f"secrets/{each.id}", LATEST)
                except SecretAbsent:
                    if self._connection.found(Place(id=each.id)) is not None:
                        raise ProviderDenied(f"{each.name}: it has no enabled version") from None
                except ProviderError as error:
                    raise type(error)(f"{each.name}: {error}") from None
        return found

    def _one(self, request: SecretRequest) -> SecretValue:
        if request.metadata:
            raise ProviderDenied("metadataPolicy: Fetch is not implemented in the Scaleway provider: remove it")
        place, revision = place_of(request.key), revision_of(request.version)
        try:
            return self._accessed(place, revision)
        except SecretAbsent:
            # 404 stands for a version too: a secret whose versions are disabled is not gone.
            if self._connection.found(place) is not None:
                raise ProviderDenied("the secret has no such version, or none that is enabled") from None
            raise

    def _accessed(self, place: Place, revision: str) -> SecretValue:
        connection = self._connection
        if place.id:
            return connection.access(f"secrets/{place.id}", revision)
        if place.folder:
            named = {"secret_path": place.folder, "secret_name": place.name, "project_id": connection.project}
            return connection.access("secrets-by-path", revision, named)
        known = self._ids.get(place.name)
        if known is not None:
            try:
                return connection.access(f"secrets/{known}", revision)
            except SecretAbsent:
                del self._ids[place.name]  # it was deleted, and maybe made again
        found = connection.found(place)
        if found is None:
            raise SecretAbsent("Secret does not exist")
        if len(self._ids) >= MAX_NAMES:
            self._ids.clear()
        self._ids[place.name] = found.id
        return connection.access(f"secrets/{found.id}", revision)
