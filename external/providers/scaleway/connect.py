"""Connects stores to Scaleway Secret Manager."""

import re

from external.api.credentials import ValueOrSecret
from external.api.providers.scaleway import Scaleway
from external.providers.protocol import Client, ConnectContext
from external.providers.scaleway.client import ScalewayClient
from external.providers.scaleway.connection import LABEL, ScalewayConnection
from external.providers.support.http import HttpOptions, TokenHeader
from external.providers.support.logins.loopback import require_secure
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

AT = "spec.provider.scaleway"
URL = "https://api.scaleway.com"
HEADER = TokenHeader("X-Auth-Token", "", 401)
REGION = re.compile(r"[a-z0-9-]{1,40}")


async def connect(spec: Scaleway, context: ConnectContext) -> Client:
    """Return the client of one project in one region."""
    url = (spec.api_url or URL).rstrip("/")
    require_secure(url, f"{AT}.apiUrl")
    if not REGION.fullmatch(spec.region):
        raise NeedsHuman(INVALID, f"{AT}.region: it is no region such as fr-par")
    await _given(spec.access_key, context, f"{AT}.accessKey")  # named in requests of other services only
    token = await _given(spec.secret_key, context, f"{AT}.secretKey")
    base = f"{url}/secret-manager/v1beta1/regions/{spec.region}"

    def make() -> Client:
        server = f"apiUrl, {host_of(url)}"
        options = HttpOptions(LABEL, context.egress, context.count, context.timeout, token_header=HEADER, server=server)
        return ScalewayClient(ScalewayConnection(base, spec.project_id, token, options), spec.region)

    return await context.run(make)


async def _given(value: ValueOrSecret, context: ConnectContext, at: str) -> SecretValue:
    """Return a credential by the store or by a Secret. Raises NeedsHuman unless exactly one of them has it."""
    if (value.value is None) == (value.secret_ref is None):
        raise NeedsHuman(INVALID, f"{at}: exactly one of value and secretRef must be set")
    if value.value is not None:
        return SecretValue(value.value.encode())
    return await context.lookup.secret(value.secret_ref, f"{at}.secretRef")
