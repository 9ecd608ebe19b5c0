"""Where GitHub keeps secrets: of an organization, a repository, or an environment of one. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from external.providers.push import PushRefused

NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,254}")
RESERVED = "GITHUB_"
KEY = "data[].match.remoteRef.remoteKey"
PUBLIC = "github.com"
RESIDENT = ".ghe.com"  # GitHub Enterprise Cloud with data residency


@dataclass(frozen=True)
class Place:
    """An organization, a repository or an environment."""

    organization: str
    repository: str = ""
    environment: str = ""

    @property
    def path(self) -> str:
        """The path of its secrets in the API."""
        owner, repository = quote(self.organization, safe=""), quote(self.repository, safe="")
        if not repository:
            return f"orgs/{owner}/actions/secrets"
        if not self.environment:
            return f"repos/{owner}/{repository}/actions/secrets"
        return f"repos/{owner}/{repository}/environments/{quote(self.environment, safe='')}/secrets"

    @property
    def text(self) -> str:
        """What messages call it."""
        if not self.repository:
            return f"organization {self.organization}"
        inner = f", environment {self.environment}" if self.environment else ""
        return f"repository {self.organization}/{self.repository}{inner}"


def name_of(key: str) -> str:
    """Return the name of a secret, which GitHub keeps in upper case. Raises PushRefused for one that it refuses."""
    name = key.upper()
    if not key.isascii() or NAME.fullmatch(name) is None or name.startswith(RESERVED):
        text = f"letters, digits and _ only, no digit first, and not {RESERVED}…"
        raise PushRefused(f"{KEY}: GitHub takes no secret of this name: {text}")
    return name


def api_of(url: str) -> str:
    """Return the URL of the API of a GitHub."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if host in (PUBLIC, f"www.{PUBLIC}", f"api.{PUBLIC}"):
        return f"https://api.{PUBLIC}"
    if host.endswith(RESIDENT):
        return f"https://{host if host.startswith('api.') else f'api.{host}'}"
    whole = url.rstrip("/")
    return whole if whole.endswith("/api/v3") else f"{whole}/api/v3"
