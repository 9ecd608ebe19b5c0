"""Secrets of GitHub Actions: written sealed, never shown; the time of the last change tells whether one is ours."""

from collections.abc import Mapping, Sequence

from external.providers.github.connection import Installation
from external.providers.github.places import Place
from external.providers.github.push import ActionsPush
from external.providers.protocol import ProviderDenied, ProviderError, SearchRequest, SecretRequest
from external.providers.support.pushing.delegation import DelegatesPushes
from manager.core.secret_value import SecretValue

WRITE_ONLY = "GitHub never shows the value of a secret: a store of it is for PushSecrets"


class ActionsSecrets(DelegatesPushes):
    """Writes the secrets of one place."""

    natural = False
    batch = 1

    def __init__(self, installation: Installation, place: Place, visibility: str) -> None:
        self._writer = ActionsPush(installation, place, visibility)
        super().__init__(self._writer)
        self._place = place
        self._installation = installation

    def validate(self) -> None:
        """Check that the App may see the secrets. Raises ProviderError."""
        self._writer.require_visible()

    def close(self) -> None:
        """Close the connections."""
        self._installation.close()

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Refuse: values are never shown."""
        return {each: ProviderDenied(WRITE_ONLY) for each in requests}

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Refuse: values are never shown. Raises ProviderDenied."""
        raise ProviderDenied(WRITE_ONLY)

    def location(self, request: SecretRequest) -> str:
        """Return organization, repository and environment."""
        del request
        return f"GitHub, {self._place.text}"

    def current_versions(self, keys: frozenset[str]) -> Mapping[str, str]:
        """Return when secrets were changed last, from one list. Raises ProviderError."""
        listed = self._writer.listed()
        return {key: listed[key.upper()] for key in keys if key.upper() in listed}
