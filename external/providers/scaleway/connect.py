"""Connects stores to Scaleway Secret Manager."""

import re

from external.api.providers.scaleway import Scaleway
from external.providers.protocol import Client, ConnectContext
from external.providers.scaleway.client import ScalewaySecrets
from external.providers.scaleway.connection import LABEL, TOKEN, ScalewayConnection
from external.providers.support.http import HttpOptions
from external.providers.support.logins.given_values import given_value
from external.providers.support.logins.loopback import require_secure
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from manager.core.errors import NeedsHuman

AT = "spec.provider.scaleway"
URL = "https://api.scaleway.com"
REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)*")


async def connect(spec: Scaleway, context: ConnectContext) -> Client:
    """Return the client of one project in one region."""
    url = (spec.api_url or URL).rstrip("/")
    require_secure(url, f"{AT}.apiUrl")
    if REGION.fullmatch(spec.region) is None:
        raise NeedsHuman(INVALID, f"{AT}.region: it is no name of a region, such as fr-par")
    if not spec.project_id:
        raise NeedsHuman(INVALID, f"{AT}.projectId is missing")
    await given_value(spec.access_key, f"{AT}.accessKey", context.lookup)  # the API takes the secret key alone
    key = await given_value(spec.secret_key, f"{AT}.secretKey", context.lookup)

    def make() -> Client:
        options = HttpOptions.of(LABEL, context, f"apiUrl, {host_of(url)}", token_header=TOKEN)
        connection = ScalewayConnection(f"{url}/secret-manager/v1beta1/regions/{spec.region}", options, key)
        return ScalewaySecrets(connection, spec.project_id, spec.region)

    return await context.run(make)
