"""Connects stores to Delinea DevOps Secrets Vault."""

import re

from external.providers.delinea.client import DevOpsSecrets
from external.providers.delinea.connection import LABEL, VaultAddress, VaultConnection
from external.providers.delinea.model import Delinea
from external.providers.protocol import Client, ConnectContext
from external.providers.support.http import HttpOptions
from external.providers.support.logins.given_values import given_value
from external.providers.support.logins.loopback import require_secure
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from manager.core.errors import NeedsHuman

AT = "spec.provider.delinea"
TEMPLATE = "https://%s.secretsvaultcloud.%s/v1/%s%s"
TLD = "com"
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


async def connect(spec: Delinea, context: ConnectContext) -> Client:
    """Return the client of one tenant."""
    tld = spec.tld or TLD
    for name, text in (("tenant", spec.tenant), ("tld", tld)):
        if NAME.fullmatch(text) is None:
            raise NeedsHuman(INVALID, f"{AT}.{name}: it is no part of a host's name")
    template = spec.url_template or TEMPLATE
    if template.count("%s") != 4 or template.count("%") != 4:
        text = f"it must have %s for tenant, top-level domain, resource and path, as {TEMPLATE} has"
        raise NeedsHuman(INVALID, f"{AT}.urlTemplate: {text}")
    address = VaultAddress(template, spec.tenant, tld)
    require_secure(address.url("token"), f"{AT}.urlTemplate")
    own = await given_value(spec.client_id, f"{AT}.clientId", context.lookup)
    secret = await given_value(spec.client_secret, f"{AT}.clientSecret", context.lookup)

    def make() -> Client:
        server = f"urlTemplate, {host_of(address.url('token'))}"
        options = HttpOptions.of(LABEL, context, server)
        return DevOpsSecrets(VaultConnection(address, own, secret, options), spec.tenant)

    return await context.run(make)
