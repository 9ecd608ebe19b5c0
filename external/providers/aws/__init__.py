"""Amazon: Secrets Manager and Parameter Store (providers 2). The SDK is imported with the first AWS store."""

from external.api.providers.aws import AwsProvider
from external.providers.aws.identity import Identity, identity_of
from external.providers.aws.parameterstore import ParameterStore
from external.providers.aws.secretsmanager import SecretsManager
from external.providers.aws.session import Amazon
from external.providers.protocol import Client, ConnectContext
from external.providers.support.lookup import INVALID
from manager.core.errors import NeedsHuman

AT = "spec.provider.aws"
SERVICES: dict[str, type[SecretsManager] | type[ParameterStore]] = {
    "SecretsManager": SecretsManager,
    "ParameterStore": ParameterStore,
}


async def connect(spec: AwsProvider, around: ConnectContext) -> Client:
    """Return the client of one service, account and region."""
    service = SERVICES.get(spec.service)
    if service is None:
        raise NeedsHuman(INVALID, f"{AT}.service: {spec.service} is not served by this version")
    identity = await identity_of(spec, around)
    return await around.run(lambda: service(opened(spec, identity, around, service.label)))


def opened(spec: AwsProvider, identity: Identity, around: ConnectContext, label: str) -> Amazon:
    """Return the way to Amazon under an identity; it blocks for a moment and asks nobody."""
    return Amazon(spec, identity, around.retries, around.count, around.timeout, label)
