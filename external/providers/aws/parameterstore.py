"""AWS Systems Manager Parameter Store, with as few calls as it can be read (providers 2.7)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from external.providers.aws.session import Amazon, Forbidden
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    Versioned,
)
from external.providers.support.naming import compiled, tags_text
from manager.core.secret_value import SecretValue

PAGE = 10  # parameters in one answer that holds values, the most that AWS gives
DESCRIBED = 50  # the same of DescribeParameters


class ParameterStore:
    """Reads parameters of one account and region; what is encrypted comes decrypted."""

    label = "AWS/ParameterStore"
    natural = False
    weight = 340 << 10  # bytes: the SDK's session, its client, and what they know of the service
    batch = PAGE

    def __init__(self, amazon: Amazon) -> None:
        self._amazon = amazon
        self._client = amazon.client("ssm", "AWS_SSM_ENDPOINT")
        self._prefix = amazon.spec.prefix or ""
        self._together = True
        """Whether IAM lets this identity ask for several at once; found out by trying."""
        self._alone: set[str] = set()
        """Names that IAM denies: one of them in a call and AWS answers for none."""

    def validate(self) -> None:
        """Find out whether there are credentials; nothing is read."""
        self._amazon.validate()

    def close(self) -> None:
        """Do nothing: sessions end by themselves."""

    def read(self, wants: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return values, of a list the text with commas; with `metadata` the tags."""
        values = self._values([self._name(want) for want in wants if not want.metadata])
        return {want: self._tags(want) if want.metadata else values[self._name(want)] for want in wants}

    def place(self, want: SecretRequest) -> str:
        """Return service, region, role and, where the store puts a prefix before the key, the whole name."""
        return self._amazon.place("AWS Parameter Store", want)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the parameters below the path whose name matches and which have all tags."""
        if find.name is None and not find.tags:
            raise ProviderDenied("unexpected find operator: name or tags is missing")
        pattern = compiled(find.name)
        if not find.tags:
            try:
                return {name: value for name, value in self._below(find.path) if pattern.search(name)}
            except Forbidden:
                pass  # it may be allowed to list and to read all the same
        names = [name for name in self._described(find) if pattern.search(name)]
        found = {}
        for name, value in self._values(names).items():
            if isinstance(value, SecretAbsent):
                continue  # it went between the two calls
            if isinstance(value, ProviderError):
                raise type(value)(f"{name}: {value}")
            found[name] = value
        return found

    def reads(self, number: int) -> int:
        """Return how many calls it takes to read so many parameters."""
        return -(-number // PAGE) if self._together else number

    def stamps(self, wants: Sequence[SecretRequest], most: int) -> Mapping[SecretRequest, str] | None:
        """Return the versions of parameters. Raises ProviderError."""
        wanted = {self._prefix + want.key: want for want in wants if not want.key.startswith("arn:")}
        names, found = list(wanted), dict[SecretRequest, str]()
        if -(-len(names) // DESCRIBED) > most:
            return None
        for start in range(0, len(names), DESCRIBED):
            some = [{"Key": "Name", "Option": "Equals", "Values": names[start : start + DESCRIBED]}]
            arguments: dict[str, Any] = {"ParameterFilters": some, "MaxResults": DESCRIBED}
            for page in self._pages("DescribeParameter", self._client.describe_parameters, arguments):
                found |= {wanted[each["Name"]]: _stamp(each) for each in page.get("Parameters") or ()}
        return found

    def _name(self, want: SecretRequest) -> str:
        return self._prefix + want.key + (f":{want.version}" if want.version else "")

    def _values(self, names: list[str]) -> Mapping[str, SecretValue | ProviderError]:
        found: dict[str, SecretValue | ProviderError] = {}
        # One answer to several tells versions apart badly; pinned ones are rare, and asked for one by one.
        together = [name for name in names if name not in self._alone and (":" not in name or name.startswith("arn:"))]
        for start in range(0, len(together), PAGE):
            part = together[start : start + PAGE]
            found |= self._several(part) if len(part) > 1 and self._together else {}
        return found | {name: self._single(name) for name in names if name not in found}

    def _several(self, names: list[str]) -> Mapping[str, SecretValue | ProviderError]:
        """Return what one call tells of several parameters; that one is not in it proves nothing."""
        try:
            answer = self._amazon.call(
                "GetParameters", self._client.get_parameters, {"Names": names, "WithDecryption": True}
            )
        except Forbidden:
            return self._each(names)
        except ProviderUnavailable:
            raise
        except ProviderError:
            return {}  # one name that AWS does not take must not cost the others their values
        found: dict[str, SecretValue | ProviderError] = {}
        for each in answer.get("Parameters") or ():
            found |= {name: _value(each) for name in (each["Name"], each.get("ARN")) if name in names}
        return found

    def _each(self, names: list[str]) -> Mapping[str, SecretValue | ProviderError]:
        """Find out by single calls whether IAM denies one of the names or asking for several."""
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

    def _tags(self, want: SecretRequest) -> SecretValue | ProviderError:
        arguments = {"ResourceType": "Parameter", "ResourceId": self._prefix + want.key}
        try:
            answer = self._amazon.call("ListTagsForResource", self._client.list_tags_for_resource, arguments)
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            return error
        return tags_text({tag["Key"]: tag["Value"] for tag in answer.get("TagList") or ()})

    def _below(self, path: str) -> Iterator[tuple[str, SecretValue]]:
        arguments: dict[str, Any] = {"Path": path or "/", "Recursive": True, "WithDecryption": True, "MaxResults": PAGE}
        for page in self._pages("GetParametersByPath", self._client.get_parameters_by_path, arguments):
            for each in page.get("Parameters") or ():
                yield each["Name"], _value(each)

    def _described(self, find: SearchRequest) -> Iterator[str]:
        filters: list[dict[str, Any]] = [
            {"Key": f"tag:{key}", "Option": "Equals", "Values": [value]} for key, value in find.tags or ()
        ]
        if find.path:
            filters.append({"Key": "Path", "Option": "Recursive", "Values": [find.path]})
        arguments = {"ParameterFilters": filters, "MaxResults": DESCRIBED}
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
    return Versioned(parameter["Value"].encode(), _stamp(parameter))


def _stamp(parameter: Any) -> str:
    """Return version and time: a parameter that was deleted and made anew begins at version 1 again."""
    return f"{parameter.get('Version')}@{parameter.get('LastModifiedDate')}"
