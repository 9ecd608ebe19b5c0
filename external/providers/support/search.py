"""The results of a search, up to a size: a server may list without end."""

from external.providers.protocol import ProviderDenied
from manager.core.secret_value import SecretValue

MAX_FOUND_BYTES = 4 << 20  # a Secret holds 1 MiB, and a template or rewrite may drop some
OVERHEAD_BYTES = 256  # of memory for a name and a value, beside their texts


class SearchResults(dict[str, SecretValue]):
    """Values by their names. Setting one raises ProviderDenied if all together are too large."""

    def __init__(self) -> None:
        super().__init__()
        self._size = 0

    def __setitem__(self, name: str, value: SecretValue) -> None:
        self._size += len(name) + len(value) + OVERHEAD_BYTES
        if self._size > MAX_FOUND_BYTES:
            raise ProviderDenied(
                f"find matches more than {MAX_FOUND_BYTES} bytes: narrow it by find.path, find.name or find.tags"
            )
        super().__setitem__(name, value)
