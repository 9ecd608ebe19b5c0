"""Connects stores to Delinea Secret Server."""

from external.providers.protocol import Client, ConnectContext
from external.providers.secretserver.client import SecretServerClient
from external.providers.secretserver.connection import LABEL, Login, SecretServerConnection
from external.providers.secretserver.model import SecretServer
from external.providers.support.http import HttpOptions
from external.providers.support.logins.given_values import given_value
from external.providers.support.logins.loopback import require_secure
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from external.providers.support.tls import trusting
from manager.core.errors import NeedsHuman

AT = "spec.provider.secretserver"


async def connect(spec: SecretServer, context: ConnectContext) -> Client:
    """Return the client of one user."""
    url = spec.server_url.rstrip("/")
    require_secure(url, f"{AT}.serverURL")
    login = await _login(spec, context)
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, AT)

    def make() -> Client:
        options = HttpOptions.of(LABEL, context, f"serverURL, {host_of(url)}", tls_context=trusting(authorities))
        connection = SecretServerConnection(url, login, options)
        return SecretServerClient(connection, f"Secret Server {host_of(url)}", context.timeout)

    return await context.run(make)


async def _login(spec: SecretServer, context: ConnectContext) -> Login:
    if spec.token is not None:
        return Login(token=await given_value(spec.token, f"{AT}.token", context.lookup))
    if spec.username is None or spec.password is None:
        raise NeedsHuman(INVALID, f"{AT}: token, or username and password, must be set")
    user = await given_value(spec.username, f"{AT}.username", context.lookup)
    password = await given_value(spec.password, f"{AT}.password", context.lookup)
    return Login({"username": user, "password": password}, spec.domain or "")
