"""AWS Secrets Manager, Parameter Store and Certificate Manager. The SDK is imported with the first AWS store."""

from collections.abc import Mapping
from types import MappingProxyType

from external.api.providers.aws import AwsProvider
from external.api.push_metadata.aws import CertificateManagerPushSpec, ParameterStorePushSpec, SecretsManagerPushSpec
from external.providers.aws.certificatemanager import CertificateManager
from external.providers.aws.parameterstore import ParameterStore
from external.providers.aws.secretsmanager import SecretsManager
from external.providers.kind import Pushing, Service
from external.providers.protocol import Client, ConnectContext
from external.providers.support.amazon.identity import Identity, identity_of
from external.providers.support.amazon.session import AwsConnection

AwsClient = type[SecretsManager] | type[ParameterStore] | type[CertificateManager]
CLIENTS: Mapping[str, AwsClient] = MappingProxyType(
    {
        "SecretsManager": SecretsManager,
        "ParameterStore": ParameterStore,
        "CertificateManager": CertificateManager,
    }
)
"""The client of each value of `spec.provider.aws.service` that is served."""
SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        "SecretsManager": Service(
            SecretsManager.label,
            SecretsManager.batch,
            dollars_per_call=0.05 / 10_000,
            push=Pushing(calls=2, mark="tag", lists_versions=True, metadata=SecretsManagerPushSpec),
        ),
        "ParameterStore": Service(
            ParameterStore.label,
            ParameterStore.batch,
            push=Pushing(
                calls=2, mark="tag", deletes_property=False, lists_versions=True, metadata=ParameterStorePushSpec
            ),
        ),
        "CertificateManager": Service(
            CertificateManager.label,
            push=Pushing(calls=2, mark="tag", deletes_property=False, metadata=CertificateManagerPushSpec),
        ),
    }
)
"""Prices are those of AWS's public list for us-east-1; standard parameters cost nothing."""


async def connect(spec: AwsProvider, context: ConnectContext) -> Client:
    """Return the client of one service, account and region."""
    service = CLIENTS[spec.service]
    identity = await identity_of(spec, context)
    return await context.run(lambda: service(opened(spec, identity, context, service.label)))


def opened(spec: AwsProvider, identity: Identity, context: ConnectContext, label: str) -> AwsConnection:
    """Return the connection under an identity; loads the SDK, which blocks, and calls nothing."""
    return AwsConnection(spec, identity, context.retries, context.count, context.timeout, label)
