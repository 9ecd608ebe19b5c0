"""AWS Systems Manager Parameter Store, read with as few calls as possible."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from external.providers.aws.parameterstore_push import MAX_DESCRIBED_PARAMETERS, ParameterStorePush, stamp
from external.providers.aws.push_calls import PushCalls
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    Versioned,
)
from external.providers.support.amazon.session import AwsConnection, Forbidden
from external.providers.support.naming import compiled, tags_text
from external.providers.support.pushing.delegation import DelegatesPushes
from manager.core.secret_value import SecretValue

MAX_PAGE_PARAMETERS = 10  # the maximum of GetParameters and GetParametersByPath


class ParameterStore(DelegatesPushes):
    """Reads and pushes parameters of one account and region; AWS decrypts SecureStrings."""

    label = "AWS/ParameterStore"
    natural = False
    batch = MAX_PAGE_PARAMETERS

    def __init__(self, amazon: AwsConnection) -> None:
        self._amazon = amazon
        self.weight = amazon.weight
        self._client = amazon.client("ssm", "AWS_SSM_ENDPOINT")
        self._prefix = amazon.spec.prefix or ""
        pusher = ParameterStorePush(PushCalls(amazon, self._client, "ssm"), self._prefix)
        super().__init__(pusher)
        self.current_versions = pusher.current_versions
        self._together = True
        """Whether IAM lets this identity read several at once; the first refusal turns it off."""
        self._alone: set[str] = set()
        """Names that IAM denies: AWS refuses a whole call that holds one of them."""

    def validate(self) -> None:
        """Check that there are credentials; no parameter is read."""
        self._amazon.validate()

    def close(self) -> None:
        """Do nothing: sessions end by themselves."""

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return values, a StringList as one text with commas; with `metadata` the tags."""
        values = self._values([self._name(request) for request in requests if not request.metadata])
        return {
            request: self._tags(request) if request.metadata else values[self._name(request)] for request in requests
        }

    def location(self, request: SecretRequest) -> str:
        """Return service, region, role and, where the store puts a prefix before the key, the whole name."""
        return self._amazon.location("AWS Parameter Store", request)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the parameters below the path whose name matches and which have all tags."""
        if find.name is None and not find.tags:
            raise ProviderDenied("unexpected find operator: name or tags is missing")
        pattern = compiled(find.name)
        if not find.tags:
            try:
                return {name: value for name, value in self._below(find.path) if pattern.search(name)}
            except Forbidden:
                pass  # the identity may still be allowed to list and to read
        names = [name for name in self._described(find) if pattern.search(name)]
        found = {}
        for name, value in self._values(names).items():
            if isinstance(value, SecretAbsent):
                continue  # it was deleted between the two calls
            if isinstance(value, ProviderError):
                raise type(value)(f"{name}: {value}")
            found[name] = value
        return found

    def reads(self, number: int) -> int:
        """Return how many calls it takes to read so many parameters."""
        return -(-number // MAX_PAGE_PARAMETERS) if self._together else number

    def list_versions(self, requests: Sequence[SecretRequest], most: int) -> Mapping[SecretRequest, str] | None:
        """Return the versions of parameters. Raises ProviderError."""
        wanted = {self._prefix + request.key: request for request in requests if not request.key.startswith("arn:")}
        names, found = list(wanted), dict[SecretRequest, str]()
        if -(-len(names) // MAX_DESCRIBED_PARAMETERS) > most:
            return None
        for start in range(0, len(names), MAX_DESCRIBED_PARAMETERS):
            some = [{"Key": "Name", "Option": "Equals", "Values": names[start : start + MAX_DESCRIBED_PARAMETERS]}]
            arguments: dict[str, Any] = {"ParameterFilters": some, "MaxResults": MAX_DESCRIBED_PARAMETERS}
            for page in self._pages("DescribeParameter", self._client.describe_parameters, arguments):
                found |= {wanted[each["Name"]]: stamp(each) for each in page.get("Parameters") or ()}
        return found

    def _name(self, request: SecretRequest) -> str:
        return self._prefix + request.key + (f":{request.version}" if request.version else "")

    def _values(self, names: list[str]) -> Mapping[str, SecretValue | ProviderError]:
        found: dict[str, SecretValue | ProviderError] = {}
        # GetParameters does not say which answer belongs to which pinned version of a name: these are read one by one.
        together = [name for name in names if name not in self._alone and (":" not in name or name.startswith("arn:"))]
        for start in range(0, len(together), MAX_PAGE_PARAMETERS):
            part = together[start : start + MAX_PAGE_PARAMETERS]
            found |= self._several(part) if len(part) > 1 and self._together else {}
        return found | {name: self._single(name) for name in names if name not in found}

    def _several(self, names: list[str]) -> Mapping[str, SecretValue | ProviderError]:
        """Return the values that one call gives; a name that is not among them is not proven absent."""
        try:
            answer = self._amazon.call(
                "GetParameters", self._client.get_parameters, {"Names": names, "WithDecryption": True}
            )
        except Forbidden:
            return self._each(names)
        except ProviderUnavailable:
            raise
        except ProviderError:
            return {}  # AWS refuses the call for one malformed name: the others are then read one by one
        found: dict[str, SecretValue | ProviderError] = {}
        for each in answer.get("Parameters") or ():
            found |= {name: _value(each) for name in (each["Name"], each.get("ARN")) if name in names}
        return found

    def _each(self, names: list[str]) -> Mapping[str, SecretValue | ProviderError]:
        """Find out by single calls whether IAM denies one of the names, or the call for several."""
        found = {name: self._single(name) for name in names}
        denied = {name for name, value in found.items() if isinstance(value, Forbidden)}
        self._alone |= denied
        self._together = bool(denied)
        return found

    def _single(self, name: str) -> SecretValue | ProviderError:
        try:
            answer = self._amazon.call(
                "GetParameter", self._client.get_parameter, {"Name": name, "WithDecryption": True}
            )
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            return error
        self._alone.discard(name)
        return _value(answer["Parameter"])

    def _tags(self, request: SecretRequest) -> SecretValue | ProviderError:
        arguments = {"ResourceType": "Parameter", "ResourceId": self._prefix + request.key}
        try:
            answer = self._amazon.call("ListTagsForResource", self._client.list_tags_for_resource, arguments)
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            return error
        return tags_text({tag["Key"]: tag["Value"] for tag in answer.get("TagList") or ()})

    def _below(self, path: str) -> Iterator[tuple[str, SecretValue]]:
        arguments: dict[str, Any] = {
            "Path": path or "/",
            "Recursive": True,
            "WithDecryption": True,
            "MaxResults": MAX_PAGE_PARAMETERS,
        }
        for page in self._pages("GetParametersByPath", self._client.get_parameters_by_path, arguments):
            for each in page.get("Parameters") or ():
                yield each["Name"], _value(each)

    def _described(self, find: SearchRequest) -> Iterator[str]:
        filters: list[dict[str, Any]] = [
            {"Key": f"tag:{key}", "Option": "Equals", "Values": [value]} for key, value in find.tags or ()
        ]
        if find.path:
            filters.append({"Key": "Path", "Option": "Recursive", "Values": [find.path]})
        arguments = {"ParameterFilters": filters, "MaxResults": MAX_DESCRIBED_PARAMETERS}
        for page in self._pages("DescribeParameter", self._client.describe_parameters, arguments):
            yield from (each["Name"] for each in page.get("Parameters") or ())

    def _pages(self, call: str, function: Any, arguments: dict[str, Any]) -> Iterator[Any]:
        while True:
            page = self._amazon.call(call, function, arguments)
            yield page
            if not page.get("NextToken"):
                return
            arguments = {**arguments, "NextToken": page["NextToken"]}


def _value(parameter: Any) -> SecretValue:
    return Versioned(parameter["Value"].encode(), stamp(parameter))
