"""Connects stores to Infisical."""

from external.api.providers.infisical import Infisical
from external.providers.infisical.client import InfisicalClient
from external.providers.infisical.connection import LABEL, InfisicalConnection
from external.providers.infisical.login import login_of
from external.providers.protocol import Client, ConnectContext
from external.providers.support.http import HttpOptions, http_url
from external.providers.support.naming import host_of
from external.providers.support.tls import trusting

AT = "spec.provider.infisical"


async def connect(spec: Infisical, context: ConnectContext) -> Client:
    """Return the client of one environment of a project."""
    http_url(spec.host_api)
    login = await login_of(spec, context)
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, AT)

    def make() -> Client:
        options = HttpOptions(
            LABEL,
            context.egress,
            context.count,
            context.timeout,
            tls_context=trusting(authorities),
            server=f"hostAPI, {host_of(spec.host_api)}",
        )
        connection = InfisicalConnection(spec.host_api, login, options)
        return InfisicalClient(spec.secrets_scope, connection, f"Infisical {host_of(spec.host_api)}")

    return await context.run(make)
