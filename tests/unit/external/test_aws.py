"""The AWS provider without AWS: what its clients hold. What they read is tested on moto's server (tests/e2e)."""

import tracemalloc

from external.model import AwsProvider
from external.providers.aws import AwsSecretsManager
from manager.plain import Plain

KEYS = {"access_key_id": Plain(b"AKIA"), "secret_access_key": Plain(b"x")}
ROLES = ("arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b")


def opened(**fields: object) -> AwsSecretsManager:
    spec = AwsProvider.model_validate({"service": "SecretsManager", "region": "eu-west-1", **fields})
    return AwsSecretsManager(spec, KEYS, None, lambda *_: None, 20)


def test_the_clients_of_many_stores_share_what_the_sdk_knows() -> None:
    first = opened(role=ROLES[0], additionalRoles=ROLES[1:])
    tracemalloc.start()
    try:
        others = [opened(role=ROLES[0], additionalRoles=ROLES[1:]) for _ in range(10)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken / len(others) < 2_000_000
    assert first
