"""Infisical: a folder in one request, with what it imports."""

from collections.abc import Mapping, Sequence

from external.api.providers.infisical import InfisicalSecretsScope
from external.providers.infisical.connection import Forbidden, InfisicalConnection, Missing
from external.providers.infisical.project import Project
from external.providers.infisical.push import SecretPush
from external.providers.infisical.secrets import (
    Entry,
    Place,
    beneath,
    by_name,
    cleaned,
    entries_of,
    entry_of,
    path_of,
    place_of,
    require_name,
)
from external.providers.protocol import (
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
from manager.core.secret_value import SecretValue

BATCH = 100
ABSENCE = "Secret does not exist"
LIST, GET = "ListSecrets", "GetSecret"


class InfisicalClient(DelegatesPushes):
    """Reads and pushes secrets of one environment of a project.

    Args:
        host: what messages call the server.
    """

    natural = False
    batch = BATCH

    def __init__(self, scope: InfisicalSecretsScope, connection: InfisicalConnection, host: str) -> None:
        self._scope = scope
        self._connection = connection
        self._host = host
        self._base = cleaned(scope.secrets_path)
        self._listable = True
        """Whether the identity may list a folder; the first refusal turns it off."""
        self._project = Project(scope, connection)
        super().__init__(SecretPush(scope, connection, self._project))

    def validate(self) -> None:
        """Check that Infisical accepts the identity, and has project, environment and folder. Raises ProviderError."""
        self._connection.validate()
        try:
            listed = self._listed(self._base, recursive=False)
        except Forbidden:
            return  # it may be allowed to read single secrets
        if not listed:
            self._project.require_folder(self._base)

    def close(self) -> None:
        """Revoke the token that was issued, and close the connections."""
        self._connection.close()

    def location(self, request: SecretRequest) -> str:
        """Return host, project, environment and folder."""
        scope = self._scope
        try:
            folder = place_of(request.key, self._base).folder
        except ProviderDenied:
            folder = self._base
        return f"{self._host}, project {scope.project_slug}, environment {scope.environment_slug}, folder {folder}"

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return values; of several secrets of a folder by a list of it."""
        folders: dict[str, int] = {}
        for each in requests:
            folder = self._folder(each)
            folders[folder] = folders.get(folder, 0) + 1
        lists = {folder: self._list(folder) for folder, number in folders.items() if folder and number > 1}
        return one_by_one(requests, lambda each: self._one(each, lists))

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the secrets whose name matches, of the folder at or below a path. Raises ProviderError.

        Of two secrets of one name the last one in Infisical's list counts.
        """
        if find.tags is not None:
            raise ProviderDenied("find by tags not supported: use find.name or find.path")
        pattern, found = compiled(find.name), SearchResults()
        listed = self._listed(self._base, recursive=self._scope.recursive)
        within = [each for each in listed if beneath(each.folder, find.path)]
        if not within:
            for folder in {self._base, cleaned(find.path or self._base)}:
                self._project.require_folder(folder)
        for name, each in by_name(within).items():
            if pattern.search(name):
                found[name] = SecretValue(each.shown().value.encode("utf-8", "replace"))
        return found

    def _folder(self, request: SecretRequest) -> str:
        try:
            return place_of(request.key, self._base).folder
        except ProviderDenied:
            return ""  # its own read says what is wrong

    def _list(self, folder: str) -> Mapping[str, Entry] | None:
        """Return a folder by names, None if the identity may not list it or it does not exist."""
        if not self._listable:
            return None
        try:
            return by_name(self._listed(folder, recursive=False))
        except Forbidden:
            self._listable = False
        except Missing:
            pass  # each read says so
        return None

    def _one(self, request: SecretRequest, lists: Mapping[str, Mapping[str, Entry] | None]) -> SecretValue:
        require_plain(request, "Infisical")
        place = place_of(request.key, self._base)
        # A list proves no absence: Infisical lists a missing folder as an empty one.
        found = (lists.get(place.folder) or {}).get(place.name) or self._single(place)
        return SecretValue(found.shown().value.encode("utf-8", "replace"))

    def _single(self, place: Place) -> Entry:
        params = self._params(place.folder) | {"type": "shared"}
        try:
            body = self._connection.ask(GET, "GET", path_of(place), params=params)
        except Missing as error:
            if error.of_secret:
                raise SecretAbsent(ABSENCE) from None
            raise ProviderDenied(str(error)) from None  # 404 stands for a missing folder, environment or project too
        return require_name(GET, entry_of(GET, body.get("secret"), place.folder), place)

    def _listed(self, folder: str, *, recursive: bool) -> list[Entry]:
        params = self._params(folder) | {"recursive": str(recursive).lower()}
        return list(entries_of(LIST, self._connection.ask(LIST, "GET", "v3/secrets/raw", params=params), folder))

    def _params(self, folder: str) -> dict[str, str]:
        scope = self._scope
        return {
            "workspaceSlug": scope.project_slug,
            "environment": scope.environment_slug,
            "secretPath": folder,
            "expandSecretReferences": str(scope.expand_secret_references).lower(),
            "include_imports": "true",
        }
