"""STSSessionToken: temporary credentials of AWS STS."""

from typing import Annotated, Any

from pydantic import Field

from external.api.fields import Model
from external.api.providers.aws import AwsAuth, AwsProvider
from external.errors import FAILED
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext, ProviderError, ProviderUnavailable
from external.providers.support.amazon.identity import identity_of
from external.providers.support.amazon.session import STS, AwsConnection
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

CALL = "GetSessionToken"
MAX_BYTES = 16 << 10


class STSSessionTokenSpecRequestParameters(Model):
    """Parameters of the session."""

    serial_number: str | None = None
    """Serial number of the MFA device."""
    session_duration: Annotated[int | None, Field(json_schema_extra={"format": "int32"})] = None
    """Seconds that the session lives."""
    token_code: str | None = None
    """Code of the MFA device."""


class STSSessionTokenSpec(Model):
    """Temporary credentials of AWS STS."""

    auth: AwsAuth | None = None
    """How to authenticate to AWS STS."""
    region: str
    """Region."""
    request_parameters: STSSessionTokenSpecRequestParameters | None = None
    """Parameters of the session."""
    role: str | None = None
    """ARN of the role to assume."""


async def connect(spec: STSSessionTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for credentials: `access_key_id`, `secret_access_key`, `session_token`, `expiration`."""
    if spec.auth is not None and spec.auth.jwt is not None:
        text = "GetSessionToken takes no temporary credentials, as a ServiceAccount's are: use secretRef"
        raise NeedsHuman(FAILED, f"{at}.auth.jwt: {text}")
    provider = AwsProvider(service="SecretsManager", region=spec.region, auth=spec.auth, role=spec.role)
    identity = await identity_of(provider, context, at)

    def make() -> Generated:
        connection = AwsConnection(provider, identity, context.retries, context.count, context.timeout, STS)
        client = connection.client("sts", "AWS_STS_ENDPOINT")
        try:
            return _credentials(connection.call(CALL, client.get_session_token, _arguments(spec)))
        except ProviderError as error:
            raise type(error)(f"STS, region {spec.region}: {error}") from None
        finally:
            client.close()

    return make


def _arguments(spec: STSSessionTokenSpec) -> dict[str, Any]:
    given = spec.request_parameters
    if given is None:
        return {}
    wanted = {
        "DurationSeconds": given.session_duration,
        "SerialNumber": given.serial_number,
        "TokenCode": given.token_code,
    }
    return {name: value for name, value in wanted.items() if value}


def _credentials(answer: Any) -> Generated:
    try:
        found = answer["Credentials"]
        ends = found["Expiration"]
        values = {
            "access_key_id": str(found["AccessKeyId"]),
            "secret_access_key": str(found["SecretAccessKey"]),
            "session_token": str(found["SessionToken"]),
            "expiration": str(int(ends.timestamp())),
        }
    except (KeyError, TypeError, AttributeError):
        raise ProviderUnavailable(f"{CALL}: the answer holds no credentials") from None
    return Generated({name: SecretValue(text.encode()) for name, text in values.items()}, ends.timestamp())


STS_SESSION_TOKENS = GeneratorKind(
    resource=resource("stssessiontokens", "STSSessionToken"),
    spec=STSSessionTokenSpec,
    generate=None,
    connect=connect,
    embedded="stsSessionTokenSpec",
    about="Temporary credentials of AWS STS.",
    weigh=lambda _spec: (4, MAX_BYTES),
    label=STS,
    life_seconds=43_200.0,
)
