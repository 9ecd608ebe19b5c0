"""The fake provider: values in the store itself, for tests."""

from collections.abc import Mapping, Sequence

from external.api.providers.fake import FakeProvider
from external.providers.protocol import (
    Client,
    ConnectContext,
    ProviderDenied,
    ProviderError,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    ValidationUnknown,
)
from external.providers.support.naming import compiled
from manager.core.secret_value import SecretValue

RESULT_UNKNOWN = 1  # value of `validationResult`


async def connect(spec: FakeProvider, context: ConnectContext) -> Client:
    """Return the client."""
    del context
    return FakeClient(spec)


class FakeClient:
    """Looks a value up by key and version."""

    natural = False
    batch = 100
    converts_names = True

    def __init__(self, spec: FakeProvider) -> None:
        self._spec = spec

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return the values of the store's list; there are no tags."""
        return {request: self._value(request) for request in requests}

    def _value(self, request: SecretRequest) -> SecretValue | ProviderError:
        for each in self._spec.data:
            if each.key == request.key and (each.version or "") == request.version and not request.metadata:
                return SecretValue(each.value.encode())
        return SecretAbsent("Secret does not exist")

    def location(self, request: SecretRequest) -> str:
        """Return the field of the store that holds the values."""
        del request
        return "the store's spec.provider.fake.data"

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the newest value of every key that matches; there are no tags."""
        if find.name is None:
            raise ProviderDenied("unexpected find operator: name is missing")
        pattern = compiled(find.name)
        matching = [each for each in self._spec.data if pattern.search(each.key) and each.key.startswith(find.path)]
        newest = sorted(matching, key=lambda each: each.version or "")
        return {each.key: SecretValue(each.value.encode()) for each in newest}

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def validate(self) -> None:
        """Answer as `validationResult` says."""
        if self._spec.validation_result == RESULT_UNKNOWN:
            raise ValidationUnknown("unable to validate")
        if self._spec.validation_result:
            raise ProviderDenied("unable to validate")
