"""Connects stores to a Bitwarden SDK server."""

from external.api.providers.bitwarden import Bitwarden
from external.providers.bitwarden.client import BitwardenClient
from external.providers.bitwarden.connection import LABEL, BitwardenConnection, Place
from external.providers.protocol import Client, ConnectContext
from external.providers.support.http import HttpOptions
from external.providers.support.logins.loopback import require_secure
from external.providers.support.naming import host_of
from external.providers.support.tls import trusting

AT = "spec.provider.bitwardensecretsmanager"
SERVER_URL = "https://bitwarden-sdk-server.external-secrets.svc.cluster.local:9998"
API_URL, IDENTITY_URL = "https://api.bitwarden.com", "https://identity.bitwarden.com"


async def connect(spec: Bitwarden, context: ConnectContext) -> Client:
    """Return the client of one project."""
    url = spec.bitwarden_server_sdkurl or SERVER_URL
    require_secure(url, f"{AT}.bitwardenServerSDKURL")
    at = f"{AT}.auth.secretRef.credentials"
    token = await context.lookup.secret(spec.auth.secret_ref.credentials, at, "token")
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, AT)
    headers = {"Warden-Api-Url": spec.api_url or API_URL, "Warden-Identity-Url": spec.identity_url or IDENTITY_URL}
    place = Place(spec.organization_id, spec.project_id)

    def make() -> Client:
        options = HttpOptions(
            LABEL,
            context.egress,
            context.count,
            context.timeout,
            tls_context=trusting(authorities),
            server=f"bitwardenServerSDKURL, {host_of(url)}",
        )
        return BitwardenClient(BitwardenConnection(url, token, headers, options), place, host_of(url))

    return await context.run(make)
