"""The subjects of AWS, on moto's server."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from external.providers.aws.parameterstore import ParameterStore
from external.providers.aws.secretsmanager import SecretsManager
from external.providers.push import PushRequest
from tests.cluster.moto import REGION, Moto
from tests.conformance.providers.subject import Subject, request

PREFIX = "/pushed/"
SERVER = "moto's server, which accepts every credential"
SERVICES = ("SECRETSMANAGER", "SSM", "STS", "ACM", "RESOURCE_GROUPS_TAGGING_API")
NO_AUTHORITY = "a store of AWS names no authority: the system's are trusted"


def _selector(key: str) -> dict[str, str]:
    return {"name": "keys", "key": key}


def refusal(code: str) -> tuple[int, Any]:
    """Return status and body of an error of AWS."""
    return 400, {"__type": code, "message": "User: x is not authorized to perform it"}


class AwsSubject(Subject):
    """One service; names have a prefix."""

    KIND = "aws"
    SERVER = SERVER
    NEEDS = ("moto_server",)
    SERVICE: ClassVar[str]
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_disabled_version_is_not_absent": "its versions cannot be disabled",
        "test_an_unknown_authority_is_not_trusted": NO_AUTHORITY,
        "test_a_refused_credential_is_denied_until_it_is_rotated": "moto accepts every credential",
        "test_identities_share_nothing": "moto accepts every credential",
        "test_an_answer_of_another_form_is_no_answer": "the SDK checks the form; what it lets through is garbage",
    }
    denied = refusal("AccessDeniedException")
    throttled = refusal("ThrottlingException")

    def __init__(self, moto: Moto) -> None:
        super().__init__()
        self.moto = moto
        moto.reset()  # an earlier test may have left faults

    def spec(self, url: str = "") -> Mapping[str, Any]:
        del url
        auth = {"accessKeyIDSecretRef": _selector("id"), "secretAccessKeySecretRef": _selector("secret")}
        return {"service": self.SERVICE, "region": REGION, "prefix": PREFIX, "auth": {"secretRef": auth}}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"keys": {"id": b"AKIAPUSH", "secret": b"x"}}

    def find_path(self, start: str) -> str:
        return PREFIX + start

    @contextmanager
    def directed(self, url: str) -> Iterator[None]:
        variables = {f"AWS_{name}_ENDPOINT": url for name in SERVICES} if url else self.moto.environment()
        with patch.dict("os.environ", variables):
            yield


class SecretsManagerSubject(AwsSubject):
    """Secrets Manager."""

    LABEL = SecretsManager.label
    SERVICE = "SecretsManager"
    NAME = "AWS Secrets Manager"
    refused_push = "allow secretsmanager:DescribeSecret"
    WRITES = frozenset(
        {"CreateSecret", "PutSecretValue", "UpdateSecret", "DeleteSecret", "TagResource", "UntagResource"}
        | {"PutResourcePolicy", "DeleteResourcePolicy", "ReplicateSecretToRegions", "RemoveRegionsFromReplication"}
    )
    empty = False
    page = 100
    max_bytes = 65_536
    SPARED: ClassVar[Mapping[str, str]] = {
        **AwsSubject.SPARED,
        "test_a_value_of_one_mebibyte_is_read": "it takes 64 KiB",
    }
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

    def remove(self, key: str) -> None:
        self.aws.delete_secret(SecretId=PREFIX + key)

    def put_second(self, key: str, content: bytes) -> str:
        first = self.aws.get_secret_value(SecretId=PREFIX + key)["VersionId"]
        self.aws.put_secret_value(SecretId=PREFIX + key, SecretBinary=content)
        return f"uuid/{first}"

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


class ParameterStoreSubject(AwsSubject):
    """Parameter Store."""

    LABEL = ParameterStore.label
    SERVICE = "ParameterStore"
    NAME = "AWS Parameter Store"
    refused_push = "allow ssm:GetParameter"
    WRITES = frozenset({"PutParameter", "DeleteParameter", "AddTagsToResource", "RemoveTagsFromResource"})
    documents = False
    whole_is_text = False
    takes_property = False
    binary = False
    empty = False
    page = 50
    max_bytes = 8_192
    SPARED: ClassVar[Mapping[str, str]] = {
        **AwsSubject.SPARED,
        "test_a_value_of_one_mebibyte_is_read": "it takes 8 KiB",
        "test_bytes_that_are_no_text_are_read": "its values are text",
    }
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

    def pushed_to_a_fault(self, value: bytes) -> PushRequest:
        return request(self.ref("app"), value)

    def in_whole(self, value: bytes) -> str:
        return base64.b64encode(value).decode()

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        if self.content(key) is not None:
            self.aws.put_parameter(Name=PREFIX + key, Value=content.decode(), Overwrite=True)
            return
        tags = [{"Key": name, "Value": value} for name, value in (marks or {}).items()]
        self.aws.put_parameter(Name=PREFIX + key, Value=content.decode(), Type="SecureString", Tags=tags)

    def remove(self, key: str) -> None:
        self.aws.delete_parameter(Name=PREFIX + key)

    def put_second(self, key: str, content: bytes) -> str:
        first = self.aws.get_parameter(Name=PREFIX + key)["Parameter"]["Version"]
        self.put(key, content, None)
        return str(first)

    def content(self, key: str) -> bytes | None:
        aws = self.aws
        try:
            return aws.get_parameter(Name=PREFIX + key, WithDecryption=True)["Parameter"]["Value"].encode()
        except aws.exceptions.ParameterNotFound:
            return None

    def found_marks(self, key: str) -> Mapping[str, str]:
        tags = self.aws.list_tags_for_resource(ResourceType="Parameter", ResourceId=PREFIX + key)["TagList"]
        return {each["Key"]: each["Value"] for each in tags}
