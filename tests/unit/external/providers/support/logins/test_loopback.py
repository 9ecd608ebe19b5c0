"""Where tokens may be sent."""

import pytest

from external.providers.protocol import ProviderDenied
from external.providers.support.logins.loopback import require_secure


@pytest.mark.parametrize("url", ["https://vault.example", "http://127.0.0.1:8080", "http://[::1]/x"])
def test_tls_and_this_machine_are_secure(url: str) -> None:
    require_secure(url, "url")


@pytest.mark.parametrize(
    "url", ["http://vault.example", "http://localhost", "http://127.0.0.1.example", "ftp://127.0.0.1", "https://", "["]
)
def test_everything_else_is_refused_by_its_field(url: str) -> None:
    with pytest.raises(ProviderDenied, match="url: it is no"):
        require_secure(url, "url")
