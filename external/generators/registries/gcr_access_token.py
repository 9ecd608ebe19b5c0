"""GCRAccessToken: an access token of Google Cloud, as its registries take it for a password."""

from typing import Annotated

from pydantic import Field

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector
from external.api.providers.gcpsm import GoogleIdentityFederation
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext
from external.providers.support.google.login import login_of, token_client
from external.providers.support.google.tokens import LABEL, MAX_BYTES
from manager.core.secret_value import SecretValue

USER = "oauth2accesstoken"


class GcrAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    secret_access_key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the service account key."""


class GcrAuthWorkloadIdentity(Model):
    """Workload identity of the cloud."""

    cluster_location: str
    """Location of the GKE cluster."""
    cluster_name: str
    """Name of the GKE cluster."""
    cluster_project_id: Annotated[str | None, Field(alias="clusterProjectID")] = None
    """Project of the GKE cluster."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""


class GcrAuth(Model):
    """How to authenticate to Google Cloud."""

    secret_ref: GcrAuthSecretRef | None = None
    """Credentials that Secrets hold."""
    workload_identity: GcrAuthWorkloadIdentity | None = None
    """Workload identity of the cloud."""
    workload_identity_federation: GoogleIdentityFederation | None = None
    """Workload identity federation of Google Cloud."""


class GCRAccessTokenSpec(Model):
    """An access token of Google Cloud."""

    auth: GcrAuth
    """How to authenticate to Google Cloud."""
    project_id: Annotated[str, Field(alias="projectID")]
    """ID of the project."""


async def connect(spec: GCRAccessTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for a token: `username`, `password`, `expiry`."""
    ask, egress = await login_of(spec.auth, context, f"{at}.auth", spec.project_id)

    def make() -> Generated:
        http = token_client(egress, context)
        try:
            token, ends_at = ask(http)
        finally:
            http.close()
        values = {"username": USER, "password": token, "expiry": str(int(ends_at))}
        return Generated({name: SecretValue(text.encode()) for name, text in values.items()}, ends_at)

    return make


GCR_ACCESS_TOKENS = GeneratorKind(
    resource=resource("gcraccesstokens", "GCRAccessToken"),
    spec=GCRAccessTokenSpec,
    generate=None,
    connect=connect,
    embedded="gcrAccessTokenSpec",
    about="An access token of Google Cloud.",
    weigh=lambda _spec: (3, MAX_BYTES),
    label=LABEL,
    life_seconds=3600.0,
)
