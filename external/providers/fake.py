"""The fake provider: values that stand in the store itself (providers 4.4)."""

from external.model import FakeProvider
from external.providers.protocol import ProviderDenied, SecretAbsent
from manager.plain import Plain


class FakeClient:
    """Looks a value up by key and version."""

    capabilities = "ReadWrite"

    def __init__(self, spec: FakeProvider) -> None:
        self._spec = spec

    def read(self, key: str, version: str, *, metadata: bool) -> Plain:
        """Return the value of the store's list; there are no tags."""
        for each in self._spec.data:
            if each.key == key and (each.version or "") == version and not metadata:
                return Plain(each.value.encode())
        raise SecretAbsent("Secret does not exist")

    def validate(self) -> None:
        """Answer as `validationResult` says."""
        if self._spec.validation_result:
            raise ProviderDenied("unable to validate")
