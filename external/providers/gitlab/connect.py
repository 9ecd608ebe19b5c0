"""Connects stores to GitLab."""

from external.api.providers.gitlab import GitLab
from external.providers.gitlab.client import LABEL, GitLabVariables
from external.providers.gitlab.lists import Scope
from external.providers.protocol import Client, ConnectContext
from external.providers.support.http import HttpClient, HttpOptions, TokenHeader, http_url
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from external.providers.support.tls import trusting
from manager.core.errors import NeedsHuman

AT = "spec.provider.gitlab"
URL = "https://gitlab.com"
HEADER = TokenHeader("PRIVATE-TOKEN", "", 401)


async def connect(spec: GitLab, context: ConnectContext) -> Client:
    """Return the client of a project's and groups' variables."""
    groups = tuple(spec.group_i_ds or ())
    if not spec.project_id and not groups:
        raise NeedsHuman(INVALID, f"{AT}: projectID and groupIDs are missing: one of them must be set")
    if spec.inherit_from_groups and not spec.project_id:
        raise NeedsHuman(INVALID, f"{AT}.inheritFromGroups: it needs projectID, whose groups are meant")
    if spec.inherit_from_groups and groups:
        raise NeedsHuman(INVALID, f"{AT}: defining groupIDs and inheritFromGroups = true is not allowed")
    url = (spec.url or URL).rstrip("/")
    http_url(url)
    token = await context.lookup.secret(spec.auth.secret_ref.access_token, f"{AT}.auth.SecretRef.accessToken")
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, AT)
    scope = Scope(url, spec.project_id or "", groups, bool(spec.inherit_from_groups), spec.environment or "")

    def make() -> Client:
        options = HttpOptions(
            LABEL,
            context.egress,
            context.count,
            context.timeout,
            tls_context=trusting(authorities),
            token_header=HEADER,
            server=f"url, {host_of(url)}",
        )
        return GitLabVariables(scope, HttpClient(options, token))

    return await context.run(make)
