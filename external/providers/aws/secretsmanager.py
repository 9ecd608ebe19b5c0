"""AWS Secrets Manager, read with as few calls as possible."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from external.providers.aws.push_calls import PushCalls
from external.providers.aws.secretsmanager_push import CURRENT, MAX_PAGE_SECRETS, NEGATION, SecretsManagerPush
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    Versioned,
)
from external.providers.support.amazon.session import AwsConnection, Forbidden, error_of_code
from external.providers.support.naming import compiled, tags_text
from external.providers.support.pushing.delegation import DelegatesPushes
from manager.core.secret_value import SecretValue


class SecretsManager(DelegatesPushes):
    """Reads and pushes secrets of one account and region."""

    label = "AWS/SecretsManager"
    natural = False
    batch = 20

    def __init__(self, amazon: AwsConnection) -> None:
        self._amazon = amazon
        self.weight = amazon.weight
        self._client = amazon.client("secretsmanager", "AWS_SECRETSMANAGER_ENDPOINT")
        self._prefix = amazon.spec.prefix or ""
        calls = PushCalls(amazon, self._client, "secretsmanager")
        pusher = SecretsManagerPush(calls, self._prefix, amazon.spec.secrets_manager)
        super().__init__(pusher)
        self.current_versions = pusher.current_versions
        self._together = True
        """Whether IAM lets this identity read several at once; the first refusal turns it off."""

    def validate(self) -> None:
        """Check that there are credentials; no secret is read."""
        self._amazon.validate()

    def close(self) -> None:
        """Do nothing: sessions end by themselves."""

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return SecretString, or SecretBinary if there is none; with `metadata` the tags."""
        found: dict[SecretRequest, SecretValue | ProviderError] = {}
        current = {
            self._prefix + request.key: request for request in requests if not (request.version or request.metadata)
        }
        if len(current) > 1 and self._together:
            found |= {current[name]: value for name, value in self._several(list(current)).items()}
        return {request: found[request] if request in found else self._one(request) for request in requests}

    def location(self, request: SecretRequest) -> str:
        """Return service, region, role and, where the store puts a prefix before the key, the whole name."""
        return self._amazon.location("AWS Secrets Manager", request)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the secrets whose name matches and which have all tags, each with its value."""
        if find.name is None and not find.tags:
            raise ProviderDenied("unexpected find operator: name or tags is missing")
        pattern = compiled(find.name)
        names = {}
        for each in self._listed(find):
            tags = {(tag["Key"], tag["Value"]) for tag in each.get("Tags") or ()}
            if pattern.search(each["Name"]) and tags.issuperset(find.tags or ()):
                names[each["ARN"]] = each["Name"]
        values = self._values(list(names))
        found = {}
        for arn, name in names.items():
            value = values[arn]
            if isinstance(value, SecretAbsent):
                continue  # it was deleted between the two calls
            if isinstance(value, ProviderError):
                raise type(value)(f"{name}: {value}")
            found[name] = value
        return found

    def reads(self, number: int) -> int:
        """Return how many calls it takes to read so many secrets."""
        return -(-number // self.batch) if self._together else number

    def list_versions(self, requests: Sequence[SecretRequest], most: int) -> Mapping[SecretRequest, str] | None:
        """Return the version ids of secrets from a list of the whole account. Raises ProviderError."""
        wanted = {self._prefix + request.key: request for request in requests}
        found: dict[SecretRequest, str] = {}
        for number, page in enumerate(self._pages({"MaxResults": MAX_PAGE_SECRETS}) if most else (), 1):
            for each in page.get("SecretList") or ():
                versions = each.get("SecretVersionsToStages") or {}
                current = next((version for version, stages in versions.items() if CURRENT in stages), "")
                found |= {wanted[name]: current for name in (each["Name"], each["ARN"]) if name in wanted}
            if len(found) == len(wanted) or not page.get("NextToken"):
                return found
            if number >= most:
                break
        return None

    def _listed(self, find: SearchRequest) -> Iterator[Any]:
        filters = [{"Key": "name", "Values": [find.path]}] if find.path else []
        for key, value in (
            find.tags or ()
        ):  # AWS takes prefixes, of pairs that need not belong together: compared once more
            asked = (("tag-key", key), ("tag-value", value))
            filters += [
                {"Key": name, "Values": [text]} for name, text in asked if text and not text.startswith(NEGATION)
            ]
        for page in self._pages({"Filters": filters, "MaxResults": MAX_PAGE_SECRETS}):
            yield from page.get("SecretList") or ()

    def _pages(self, arguments: dict[str, Any]) -> Iterator[Any]:
        while True:
            page = self._amazon.call("ListSecrets", self._client.list_secrets, arguments)
            yield page
            if not page.get("NextToken"):
                return
            arguments = {**arguments, "NextToken": page["NextToken"]}

    def _values(self, names: list[str]) -> Mapping[str, SecretValue | ProviderError]:
        found: dict[str, SecretValue | ProviderError] = {}
        for start in range(0, len(names), self.batch):
            part = names[start : start + self.batch]
            found |= self._several(part) if len(part) > 1 and self._together else {}
        return found | {name: self._single(name, "") for name in names if name not in found}

    def _several(self, names: list[str]) -> Mapping[str, SecretValue | ProviderError]:
        """Return the values and errors that one call gives; a name that is not among them is not proven absent."""
        arguments: dict[str, Any] = {"SecretIdList": names}
        found: dict[str, SecretValue | ProviderError] = {}
        try:
            while True:
                page = self._amazon.call("BatchGetSecretValue", self._client.batch_get_secret_value, arguments)
                for each in page.get("SecretValues") or ():
                    found |= {name: _value(each) for name in (each["Name"], each["ARN"]) if name in names}
                for each in page.get("Errors") or ():
                    code, message = str(each.get("ErrorCode")), str(each.get("Message"))
                    found[each["SecretId"]] = error_of_code(code, message, 0, "GetSecretValue")
                if not page.get("NextToken"):
                    return {name: value for name, value in found.items() if name in names}
                arguments = {"SecretIdList": names, "NextToken": page["NextToken"]}
        except Forbidden:
            self._together = False
        except ProviderUnavailable:
            raise
        except ProviderError:
            pass  # AWS refuses the call for one malformed name: the others are then read one by one
        return found

    def _one(self, request: SecretRequest) -> SecretValue | ProviderError:
        name = self._prefix + request.key
        return self._tags(name) if request.metadata else self._single(name, request.version)

    def _single(self, name: str, version: str) -> SecretValue | ProviderError:
        arguments = {"SecretId": name, **_version(version)}
        try:
            return _value(self._amazon.call("GetSecretValue", self._client.get_secret_value, arguments))
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            return error

    def _tags(self, name: str) -> SecretValue | ProviderError:
        try:
            answer = self._amazon.call("DescribeSecret", self._client.describe_secret, {"SecretId": name})
        except ProviderUnavailable:
            raise
        except SecretAbsent as error:
            # Targets are deleted by SecretAbsent: only a read of the value may prove it.
            return ProviderDenied(f"DescribeSecret: {error}")
        except ProviderError as error:
            return error
        if answer.get("DeletedDate"):
            return ProviderDenied("DescribeSecret: the secret is marked for deletion")
        return tags_text({tag["Key"]: tag["Value"] for tag in answer.get("Tags") or ()})


def _value(answer: Any) -> SecretValue | ProviderError:
    if answer.get("SecretString") is not None:
        return Versioned(answer["SecretString"].encode(), str(answer.get("VersionId") or ""))
    if answer.get("SecretBinary") is not None:
        return Versioned(answer["SecretBinary"], str(answer.get("VersionId") or ""))
    return ProviderDenied("invalid secret received. no secret string nor binary")


def _version(version: str) -> dict[str, str]:
    if not version:
        return {"VersionStage": CURRENT}
    if version.startswith("uuid/"):
        return {"VersionId": version.removeprefix("uuid/")}
    return {"VersionStage": version}
