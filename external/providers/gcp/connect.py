"""Connects stores to Google Cloud Secret Manager."""

import os
import time

from external.api.providers.gcpsm import GoogleSecretManager
from external.providers.gcp.client import SecretManager
from external.providers.gcp.connection import (
    ENDPOINT_VARIABLE,
    LOCATION,
    PROJECT,
    SECRET_MANAGER,
    Place,
    SecretManagerConnection,
)
from external.providers.protocol import Client, ConnectContext
from external.providers.support.egress import EgressPolicy
from external.providers.support.google.login import PROJECT as PROJECT_FACT
from external.providers.support.google.login import login_of, token_client
from external.providers.support.google.tokens import fact
from external.providers.support.http import HttpClient, HttpOptions
from external.providers.support.lookup import INVALID
from external.providers.support.tokens import IssuedToken, TokenKeeper
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

AT = "spec.provider.gcpsm"
EARLY_SECONDS = 300.0
"""Before its end a token is replaced, or after half of a short life."""


async def connect(spec: GoogleSecretManager, context: ConnectContext) -> Client:
    """Return the client of one project and location."""
    _require_names(spec)
    ask, egress = await login_of(spec.auth, context, f"{AT}.auth")
    project = spec.project_id or _project_of_cluster(spec)
    if not project and spec.auth is not None and spec.auth.secret_ref is not None:
        raise NeedsHuman(INVALID, f"{AT}.projectID: unable to find ProjectID in storeSpec: set it")

    def issue(_: IssuedToken | None) -> IssuedToken:
        http, now = token_client(egress, context), time.monotonic()
        try:
            token, ends_at = ask(http)
        finally:
            http.close()
        left = ends_at - time.time()
        return IssuedToken(SecretValue(token.encode()), now + max(left - EARLY_SECONDS, left / 2))

    def make() -> Client:
        tokens = TokenKeeper(issue)
        options = HttpOptions(SECRET_MANAGER, context.egress, context.count, context.timeout)
        place = Place(project, spec.location or "", os.environ.get(ENDPOINT_VARIABLE, ""))
        http = HttpClient(options, tokens)
        google = SecretManagerConnection(http, place, tokens, lambda: _project_of_metadata(context))
        return SecretManager(google, spec.secret_version_selection_policy, context.timeout)

    return await context.run(make)


def _project_of_cluster(spec: GoogleSecretManager) -> str:
    login = spec.auth.workload_identity if spec.auth is not None else None
    return (login.cluster_project_id if login is not None else None) or ""


def _project_of_metadata(context: ConnectContext) -> str:
    """Return the project in which Coffer runs. Raises ProviderError where the metadata server does not say."""
    http = token_client(EgressPolicy(everything=True), context)
    try:
        return fact(http, PROJECT_FACT)
    finally:
        http.close()


def _require_names(spec: GoogleSecretManager) -> None:
    """Raise NeedsHuman for a name that would lead to another host or path than Google's."""
    if spec.location and not LOCATION.fullmatch(spec.location):
        raise NeedsHuman(INVALID, f"{AT}.location: it is no location of Google Cloud, such as europe-west3")
    projects = {"projectID": spec.project_id, "auth.workloadIdentity.clusterProjectID": _project_of_cluster(spec)}
    for field, project in projects.items():
        if project and not PROJECT.fullmatch(project):
            raise NeedsHuman(INVALID, f"{AT}.{field}: it is no ID of a project")
