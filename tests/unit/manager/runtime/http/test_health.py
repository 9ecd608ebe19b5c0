"""Where the process listens, and what it says if it cannot."""

import pytest

from manager.core.errors import SettingsError
from manager.runtime.http.health import serve


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:99999", "127.0.0.1:"])
async def test_an_address_without_a_usable_port_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="has no port from 0 to 65535"):
        await serve(address, [])


async def test_an_address_in_use_is_told_in_words() -> None:
    runner = await serve("127.0.0.1:0", [])
    port = runner.addresses[0][1]

    with pytest.raises(SettingsError) as caught:
        await serve(f"127.0.0.1:{port}", [])

    assert str(caught.value) == f"cannot listen on 127.0.0.1:{port}: address already in use"
    await runner.cleanup()


async def test_an_address_of_another_machine_is_told_in_words() -> None:
    """The network of documentation (RFC 5737), which no machine has."""
    with pytest.raises(SettingsError, match="this machine has no such address"):
        await serve("192.0.2.1:0", [])
