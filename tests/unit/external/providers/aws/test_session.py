"""The AWS provider without AWS: what its clients hold. What they read is tested on moto's server (tests/e2e)."""

import tracemalloc
from typing import Any

from external.api.providers.aws import AwsProvider
from external.providers.aws.identity import Identity, Role
from external.providers.aws.parameterstore import ParameterStore
from external.providers.aws.secretsmanager import SecretsManager
from external.providers.aws.session import AwsConnection
from manager.core.secret_value import SecretValue

KEYS = {"access_key_id": SecretValue(b"AKIA"), "secret_access_key": SecretValue(b"x")}
ROLES = ("arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b")


def opened(service: type[SecretsManager] | type[ParameterStore] = SecretsManager, **fields: object) -> Any:
    spec = AwsProvider.model_validate({"service": "SecretsManager", "region": "eu-west-1", **fields})
    roles = tuple(Role(arn) for arn in [*(spec.additional_roles or ()), *([spec.role] if spec.role else ())])
    return service(AwsConnection(spec, Identity(KEYS, roles=roles), None, lambda *_: None, 20, service.label))


def test_the_clients_of_many_stores_share_what_the_sdk_knows() -> None:
    first = opened(role=ROLES[0], additionalRoles=ROLES[1:])
    tracemalloc.start()
    try:
        others = [opened(role=ROLES[0], additionalRoles=ROLES[1:]) for _ in range(3)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken / len(others) < 2_000_000
    assert first
