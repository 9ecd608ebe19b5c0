"""moto's AWS counts a controller's calls, and fails as AWS does."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.cluster.moto import KEYS, REGION, Moto


@pytest.fixture
def controller(moto: Moto) -> Any:
    """A client like that of the process under test: its own key, no retries, a short timeout."""
    moto.client().create_secret(Name="database", SecretString='{"url": "postgres://"}')
    config = Config(retries={"total_max_attempts": 1}, read_timeout=0.3, connect_timeout=1)
    identity = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "x"}
    return boto3.client("secretsmanager", endpoint_url=moto.url, region_name=REGION, config=config, **identity)


def test_calls_are_counted_by_action_and_signing_key(moto: Moto, controller: Any) -> None:
    for _ in range(3):
        controller.get_secret_value(SecretId="database")
    controller.list_secrets()
    assert moto.counts() == {"GetSecretValue": 3, "ListSecrets": 1}
    assert moto.counts("AKIATEST") == {"CreateSecret": 1}


def test_a_query_protocol_action_is_counted_too(moto: Moto) -> None:
    moto.client("sts").get_caller_identity()
    assert moto.counts("AKIATEST") == {"GetCallerIdentity": 1}


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDeniedException", 400), ("ThrottlingException", 400), ("InternalServiceError", 500)]
)
def test_a_failure_is_what_boto_sees_once_and_then_all_is_well(
    moto: Moto, controller: Any, code: str, status: int
) -> None:
    moto.fail("GetSecretValue", code, status)
    controller.list_secrets()
    with pytest.raises(ClientError) as caught:
        controller.get_secret_value(SecretId="database")
    assert caught.value.response["Error"]["Code"] == code
    assert controller.get_secret_value(SecretId="database")["SecretString"] == '{"url": "postgres://"}'


def test_a_hanging_call_times_out_and_healing_ends_it(moto: Moto, controller: Any) -> None:
    moto.hang("*")
    with pytest.raises(ReadTimeoutError):
        controller.get_secret_value(SecretId="database")
    moto.heal()
    assert controller.get_secret_value(SecretId="database")


def test_a_stopped_aws_refuses_connections() -> None:
    with Moto() as aws:
        client = aws.client()
        environment = aws.environment()
    assert environment["AWS_SECRETSMANAGER_ENDPOINT"] == aws.url
    with pytest.raises(EndpointConnectionError):
        client.list_secrets()


def test_a_reset_forgets_secrets_faults_and_calls(moto: Moto, controller: Any) -> None:
    moto.fail("*", times=100)
    moto.reset()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        controller.get_secret_value(SecretId="database")
    assert moto.counts() == {"GetSecretValue": 1}
