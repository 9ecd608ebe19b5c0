"""What a search gathers, as long as it stays small: a server may go on for ever."""

from external.providers.protocol import ProviderDenied
from manager.core.secret_value import SecretValue

MOST = 4 << 20  # bytes: a Secret holds one MiB, and a template or rewrite may leave some out
EACH = 256  # bytes that a name and a value cost beside their texts


class Findings(dict[str, SecretValue]):
    """Values by their names. Setting one raises ProviderDenied where all together are too large."""

    def __init__(self) -> None:
        super().__init__()
        self._size = 0

    def __setitem__(self, name: str, value: SecretValue) -> None:
        self._size += len(name) + len(value) + EACH
        if self._size > MOST:
            raise ProviderDenied(f"find matches more than {MOST} bytes: narrow it by find.path, find.name or find.tags")
        super().__setitem__(name, value)
