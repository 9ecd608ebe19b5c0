"""ECRAuthorizationToken: the login of a registry of Amazon ECR, private or public."""

import base64
from typing import Any

from external.api.fields import Model
from external.api.providers.aws import AwsAuth, AwsProvider
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext, ProviderError, ProviderUnavailable
from external.providers.support.amazon.identity import identity_of
from external.providers.support.amazon.session import AwsConnection
from manager.core.secret_value import SecretValue

LABEL = "AWS/ECR"
CALL = "GetAuthorizationToken"
PUBLIC, SCOPES = "public", ("", "private", "public")
MAX_BYTES = 32 << 10  # a token has about two thousand


class ECRAuthorizationTokenSpec(Model):
    """A token for registries of Amazon ECR."""

    auth: AwsAuth | None = None
    """How to authenticate to Amazon ECR."""
    region: str
    """Region."""
    role: str | None = None
    """ARN of the role to assume."""
    scope: str | None = None
    """Registry: private (default) or public."""


async def connect(spec: ECRAuthorizationTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for a token: `username`, `password`, `expires_at`, and `proxy_endpoint` of a private one."""
    if (spec.scope or "") not in SCOPES:
        raise ProviderError(f"{at}.scope: it is neither private nor public")
    provider = AwsProvider(service="SecretsManager", region=spec.region, auth=spec.auth, role=spec.role)
    identity = await identity_of(provider, context, at)

    def make() -> Generated:
        connection = AwsConnection(provider, identity, context.retries, context.count, context.timeout, LABEL)
        if spec.scope == PUBLIC:
            client = connection.client("ecr-public", "AWS_ECR_PUBLIC_ENDPOINT")
        else:
            client = connection.client("ecr", "AWS_ECR_ENDPOINT")
        try:
            answer = connection.call(CALL, client.get_authorization_token)
        except ProviderError as error:
            raise type(error)(f"ECR, region {spec.region}: {error}") from None
        finally:
            client.close()
        return _login(answer.get("authorizationData"), spec)

    return make


def _login(data: Any, spec: ECRAuthorizationTokenSpec) -> Generated:
    found = (data[0] if data else {}) if isinstance(data, list) else data or {}
    try:
        user, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
        ends = found["expiresAt"]
        values = {"username": user, "password": password, "expires_at": str(int(ends.timestamp()))}
        if spec.scope != PUBLIC:
            values["proxy_endpoint"] = str(found["proxyEndpoint"])
    except (KeyError, ValueError, AttributeError):
        raise ProviderUnavailable(f"ECR, region {spec.region}: {CALL}: the answer holds no token") from None
    return Generated({name: SecretValue(text.encode()) for name, text in values.items()}, ends.timestamp())


ECR_AUTHORIZATION_TOKENS = GeneratorKind(
    resource=resource("ecrauthorizationtokens", "ECRAuthorizationToken"),
    spec=ECRAuthorizationTokenSpec,
    generate=None,
    connect=connect,
    embedded="ecrAuthorizationTokenSpec",
    about="A token for registries of Amazon ECR.",
    weigh=lambda _spec: (4, MAX_BYTES),
    label=LABEL,
    life_seconds=43_200.0,
)
