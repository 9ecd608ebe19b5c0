"""Connects stores to GitHub Actions."""

from external.providers.github.client import ActionsSecrets
from external.providers.github.connection import LABEL, Installation
from external.providers.github.model import GitHub
from external.providers.github.places import Place, api_of
from external.providers.protocol import Client, ConnectContext
from external.providers.support.http import HttpOptions
from external.providers.support.logins.loopback import require_secure
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from manager.core.errors import NeedsHuman

AT = "spec.provider.github"


async def connect(spec: GitHub, context: ConnectContext) -> Client:
    """Return the client of an organization, a repository or an environment."""
    require_secure(spec.url, f"{AT}.url")
    if not spec.organization:
        raise NeedsHuman(INVALID, f"{AT}.organization is missing")
    if spec.environment and not spec.repository:
        text = "an environment belongs to a repository; the secret would go to the whole organization"
        raise NeedsHuman(INVALID, f"{AT}.repository is missing: {text}")
    for name in ("organization", "repository", "environment"):
        if getattr(spec, name) in (".", ".."):
            raise NeedsHuman(INVALID, f"{AT}.{name} is no name")
    place = f"{AT}.auth.privateKey"
    key = await context.lookup.secret(spec.auth.private_key, place)
    url = api_of(spec.url)

    def make() -> Client:
        options = HttpOptions(LABEL, context.egress, context.count, context.timeout, server=f"url, {host_of(url)}")
        installation = Installation(url, spec.app_id, spec.installation_id, options, key, place)
        where = Place(spec.organization, spec.repository or "", spec.environment or "")
        return ActionsSecrets(installation, where, spec.org_secret_visibility or "")

    return await context.run(make)
