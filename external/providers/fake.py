"""The fake provider: values in the store itself and those that were pushed to it, for tests."""

from collections.abc import Mapping, Sequence

from external.api.providers.fake import FakeProvider
from external.providers.fake_push import FakePush, PushedValues, values_of
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
from external.providers.support.pushing.delegation import DelegatesPushes
from manager.core.secret_value import SecretValue

RESULT_UNKNOWN = 1  # value of `validationResult`


async def connect(spec: FakeProvider, context: ConnectContext) -> Client:
    """Return the client."""
    store = context.lookup.store
    return FakeClient(spec, *values_of(context.lookup.cluster, store), place=f'{store.resource.kind} "{store.name}"')


class FakeClient(DelegatesPushes):
    """Looks a value up by key and version.

    Args:
        pushed: what was pushed to the store.
        neighbours: what was pushed to it and to the stores that share its budget.
        place: kind and name of the store.
    """

    natural = False
    batch = 100
    converts_names = True

    def __init__(
        self,
        spec: FakeProvider,
        pushed: PushedValues | None = None,
        neighbours: Mapping[str, PushedValues] | None = None,
        place: str = "the store",
    ) -> None:
        self._spec = spec
        self._place = place
        self._pushed = PushedValues() if pushed is None else pushed
        given = frozenset(each.key for each in spec.data)
        fake_push = FakePush(self._pushed, given, neighbours or {"": self._pushed})
        super().__init__(fake_push)
        self.current_versions = fake_push.current_versions

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return the values of the store's list; there are no tags."""
        return {request: self._value(request) for request in requests}

    def _value(self, request: SecretRequest) -> SecretValue | ProviderError:
        for each in self._spec.data:
            if each.key == request.key and (each.version or "") == request.version and not request.metadata:
                return SecretValue(each.value.encode())
        pushed = None if request.version or request.metadata else self._pushed.get(request.key)
        return SecretAbsent("Secret does not exist") if pushed is None else pushed.value

    def location(self, request: SecretRequest) -> str:
        """Return the field of the store that holds the values."""
        del request
        return f"spec.provider.fake.data of {self._place}"

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the newest value of every key that matches; there are no tags."""
        if find.name is None:
            raise ProviderDenied("unexpected find operator: name is missing")
        pattern = compiled(find.name)
        matching = [each for each in self._spec.data if pattern.search(each.key) and each.key.startswith(find.path)]
        newest = sorted(matching, key=lambda each: each.version or "")
        pushed = {name: value for name, value in self._pushed.all().items() if pattern.search(name)}
        return {name: value for name, value in pushed.items() if name.startswith(find.path)} | {
            each.key: SecretValue(each.value.encode()) for each in newest
        }

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def validate(self) -> None:
        """Answer as `validationResult` says."""
        if self._spec.validation_result == RESULT_UNKNOWN:
            raise ValidationUnknown("unable to validate")
        if self._spec.validation_result:
            raise ProviderDenied("unable to validate")
