"""What a provider without versions and metadata refuses."""

import pytest

from external.providers.protocol import ProviderDenied, SecretRequest
from external.providers.support.plain_reads import require_plain


def test_a_plain_read_passes() -> None:
    require_plain(SecretRequest("a", property="p"), "X")


@pytest.mark.parametrize(
    ("request_", "field"),
    [(SecretRequest("a", "1"), "version"), (SecretRequest("a", metadata=True), "metadataPolicy: Fetch")],
)
def test_a_version_and_metadata_are_named(request_: SecretRequest, field: str) -> None:
    with pytest.raises(ProviderDenied, match=f"{field} is not implemented in the X provider: remove it"):
        require_plain(request_, "X")
