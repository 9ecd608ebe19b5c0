"""How a store or generator logs in to Google Cloud: which token is asked for, and as whom."""

from collections.abc import Callable
from typing import Protocol

from external.api.fields import SecretKeySelector, ServiceAccountSelector
from external.api.providers.gcpsm import GoogleIdentityFederation
from external.providers.protocol import ConnectContext, Egress
from external.providers.support.egress import EgressPolicy
from external.providers.support.google.federation import ACCOUNT_TOKEN_SECONDS, GOOGLE_ACCOUNT, by_federation
from external.providers.support.google.tokens import (
    LABEL,
    MAX_BYTES,
    Ask,
    Claims,
    by_exchange,
    by_key,
    by_metadata,
    fact,
    signed_by_google,
)
from external.providers.support.http import HttpClient, HttpOptions
from external.providers.support.lookup import INVALID
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

PROJECT = "project/project-id"
CLUSTER_NAME, CLUSTER_LOCATION = "instance/attributes/cluster-name", "instance/attributes/cluster-location"


class KeyRef(Protocol):
    """Where the key of a service account is."""

    @property
    def secret_access_key_secret_ref(self) -> SecretKeySelector | None:
        """Key of a Secret."""
        ...


class ClusterLogin(Protocol):
    """Workload identity of a GKE cluster."""

    @property
    def cluster_project_id(self) -> str | None:
        """Project of the cluster."""
        ...

    @property
    def cluster_location(self) -> str | None:
        """Its location."""
        ...

    @property
    def cluster_name(self) -> str | None:
        """Its name."""
        ...

    @property
    def service_account_ref(self) -> ServiceAccountSelector:
        """The ServiceAccount that logs in."""
        ...


class Auth(Protocol):
    """The ways to log in, as stores and generators have them."""

    @property
    def secret_ref(self) -> KeyRef | None:
        """The key of a service account."""
        ...

    @property
    def workload_identity(self) -> ClusterLogin | None:
        """Workload identity of GKE."""
        ...

    @property
    def workload_identity_federation(self) -> GoogleIdentityFederation | None:
        """Federation with another issuer."""
        ...


async def login_of(auth: Auth | None, context: ConnectContext, at: str, project: str = "") -> tuple[Ask, Egress]:
    """Return what asks for a token, and which addresses it may reach.

    Args:
        auth: as the user wrote it; None for none.
        context: what it may use.
        at: path of `auth`, for messages.
        project: of the cluster where the login names none; empty for that of the metadata server.

    Raises:
        NeedsHuman: naming the field that is wrong or the object that is missing.

    """
    if auth is not None and auth.secret_ref is not None:
        place = f"{at}.secretRef.secretAccessKeySecretRef"
        content = await context.lookup.secret(auth.secret_ref.secret_access_key_secret_ref, place)
        return by_key(content, place), context.egress
    if auth is not None and auth.workload_identity is not None:
        ask = await _by_cluster(auth.workload_identity, context, f"{at}.workloadIdentity", project)
        return ask, EgressPolicy(everything=True)  # Google's hosts and the metadata server: no tenant chooses them
    if auth is not None and auth.workload_identity_federation is not None:
        place = f"{at}.workloadIdentityFederation"
        return await by_federation(auth.workload_identity_federation, context, place), context.egress
    if not context.ambient:
        ways = "secretRef, workloadIdentity or workloadIdentityFederation must be set"
        raise NeedsHuman(INVALID, f"{at}: {ways}: Coffer's own identity is not used")
    return by_metadata, EgressPolicy(everything=True)  # Coffer's own request, to an address that no tenant has chosen


def token_client(egress: Egress, context: ConnectContext) -> HttpClient:
    """Return a client that asks for tokens."""
    return HttpClient(HttpOptions(LABEL, egress, context.count, context.timeout, max_answer_bytes=MAX_BYTES))


async def account_of_cluster(
    given: ClusterLogin, context: ConnectContext, at: str, project: str
) -> Callable[[Claims], SecretValue]:
    """Return what signs claims as the Google service account of a ServiceAccount. Raises NeedsHuman."""
    place = f"{at}.serviceAccountRef"
    email = await _google_account(given, context, place)
    if not email:
        raise NeedsHuman(INVALID, f"{place}: the ServiceAccount needs the annotation {GOOGLE_ACCOUNT}")
    ask = await _by_cluster(given, context, at, project)

    def sign(claims: Claims) -> SecretValue:
        http = token_client(EgressPolicy(everything=True), context)
        try:
            return signed_by_google(http, ask(http)[0], email, claims)
        finally:
            http.close()

    return sign


async def _google_account(given: ClusterLogin, context: ConnectContext, place: str) -> str:
    account = await context.lookup.account(given.service_account_ref, place)
    return str((account["metadata"].get("annotations") or {}).get(GOOGLE_ACCOUNT) or "")


async def _by_cluster(given: ClusterLogin, context: ConnectContext, at: str, project: str) -> Ask:
    """Log in as a ServiceAccount of a GKE cluster, and as the Google service account that its annotation names.

    The pool is that of the cluster's project. What the store leaves out, the metadata server says: it is no credential.
    """
    place = f"{at}.serviceAccountRef"
    email = await _google_account(given, context, place)
    audiences = list(given.service_account_ref.audiences or ())

    source = context.lookup.token_source_for(given.service_account_ref, ACCOUNT_TOKEN_SECONDS, place)

    def ask(http: HttpClient) -> tuple[str, float]:
        owner = given.cluster_project_id or project or fact(http, PROJECT)
        name = given.cluster_name or fact(http, CLUSTER_NAME)
        location = given.cluster_location or fact(http, CLUSTER_LOCATION)
        cluster = f"projects/{owner}/locations/{location}/clusters/{name}"
        pool = f"{owner}.svc.id.goog"
        audience = f"identitynamespace:{pool}:https://container.googleapis.com/v1/{cluster}"
        return by_exchange(lambda _: source([*audiences, pool]), audience, email)(http)

    return ask
