"""The benches of AWS, on moto's server."""

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from external.api.providers.aws import AwsProvider
from external.providers.aws.identity import Identity
from external.providers.aws.parameterstore import ParameterStore
from external.providers.aws.secretsmanager import SecretsManager
from external.providers.aws.session import AwsConnection
from manager.core.secret_value import SecretValue
from tests.cluster.moto import REGION, Moto
from tests.conformance.providers.bench import Bench

KEYS = {"access_key_id": SecretValue(b"AKIAPUSH"), "secret_access_key": SecretValue(b"x")}
PREFIX = "/pushed/"


class AwsBench(Bench):
    """One service; names have a prefix."""

    SERVICE: ClassVar[str]
    CLIENT: ClassVar[type[SecretsManager] | type[ParameterStore]]

    def __init__(self, moto: Moto) -> None:
        super().__init__()
        self.moto = moto

    def client(self, *, timeout: float = 60, **fields: Any) -> Any:
        given = {"service": self.SERVICE, "region": REGION, "prefix": PREFIX, **fields}
        connection = AwsConnection(
            AwsProvider.model_validate(given), Identity(KEYS), None, self.count, timeout, self.CLIENT.label
        )
        return self.CLIENT(connection)


class SecretsManagerBench(AwsBench):
    """Secrets Manager."""

    LABEL = SecretsManager.label
    SERVICE = "SecretsManager"
    CLIENT = SecretsManager
    WRITES = frozenset(
        {"CreateSecret", "PutSecretValue", "UpdateSecret", "DeleteSecret", "TagResource", "UntagResource"}
        | {"PutResourcePolicy", "DeleteResourcePolicy", "ReplicateSecretToRegions", "RemoveRegionsFromReplication"}
    )
    empty = False
    max_bytes = 65_536
    some_metadata: ClassVar[Mapping[str, Any]] = {
        "description": "of a test",
        "kmsKeyId": "alias/aws/secretsmanager",
        "replicationLocations": ["eu-west-1"],
        "secretPushFormat": "string",
        "tags": {"team": "a"},
    }

    @property
    def aws(self) -> Any:
        """A client round the provider."""
        return self.moto.client("secretsmanager")

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        if self.content(key) is not None:
            self.aws.put_secret_value(SecretId=PREFIX + key, SecretBinary=content)
            return
        tags = [{"Key": name, "Value": value} for name, value in (marks or {}).items()]
        self.aws.create_secret(Name=PREFIX + key, SecretBinary=content, Tags=tags)

    def content(self, key: str) -> bytes | None:
        aws = self.aws
        try:
            found = aws.get_secret_value(SecretId=PREFIX + key)
        except (aws.exceptions.ResourceNotFoundException, aws.exceptions.InvalidRequestException):
            return None
        return found["SecretString"].encode() if "SecretString" in found else found["SecretBinary"]

    def found_marks(self, key: str) -> Mapping[str, str]:
        tags = self.aws.describe_secret(SecretId=PREFIX + key).get("Tags") or ()
        return {each["Key"]: each["Value"] for each in tags}


class ParameterStoreBench(AwsBench):
    """Parameter Store."""

    LABEL = ParameterStore.label
    SERVICE = "ParameterStore"
    CLIENT = ParameterStore
    WRITES = frozenset({"PutParameter", "DeleteParameter", "AddTagsToResource", "RemoveTagsFromResource"})
    documents = False
    whole_is_text = False
    takes_property = False
    binary = False
    empty = False
    max_bytes = 8_192
    some_metadata: ClassVar[Mapping[str, Any]] = {
        "description": "of a test",
        "encodeAsDecoded": True,
        "kmsKeyID": "alias/aws/ssm",
        "secretType": "SecureString",
        "tags": {"team": "a"},
        "tier": {"type": "Advanced", "policies": [{"Type": "NoChangeNotification", "Version": "1.0"}]},
    }

    @property
    def aws(self) -> Any:
        """A client round the provider."""
        return self.moto.client("ssm")

    def in_whole(self, value: bytes) -> str:
        return base64.b64encode(value).decode()

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        if self.content(key) is not None:
            self.aws.put_parameter(Name=PREFIX + key, Value=content.decode(), Overwrite=True)
            return
        tags = [{"Key": name, "Value": value} for name, value in (marks or {}).items()]
        self.aws.put_parameter(Name=PREFIX + key, Value=content.decode(), Type="SecureString", Tags=tags)

    def content(self, key: str) -> bytes | None:
        aws = self.aws
        try:
            return aws.get_parameter(Name=PREFIX + key, WithDecryption=True)["Parameter"]["Value"].encode()
        except aws.exceptions.ParameterNotFound:
            return None

    def found_marks(self, key: str) -> Mapping[str, str]:
        tags = self.aws.list_tags_for_resource(ResourceType="Parameter", ResourceId=PREFIX + key)["TagList"]
        return {each["Key"]: each["Value"] for each in tags}
