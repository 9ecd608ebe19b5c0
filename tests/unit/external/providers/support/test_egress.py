"""Which addresses stores of tenants may reach, in whatever form they are written."""

import pytest

from external.providers.protocol import ProviderDenied
from external.providers.support.egress import EgressPolicy

OWN = "10.96.0.1"
REFUSED = [
    "127.0.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "168.63.129.16",
    "::",
    "::1",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::",
    "2001:0:808:808::80ff:fffe",
    "::127.0.0.1",
    OWN,
    "::ffff:10.96.0.1",
    "64:ff9b::a60:1",
    "2002:a60:1::",
    "::10.96.0.1",
    "fd20:ce::254",
    "fd00:ec2::23",
    "fd00:ec2::253",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "192.0.0.192",
    "100.100.100.200",
    "169.254.170.23",
    "169.254.42.42",
    "64:ff9b::a83f:8110",
    "::ffff:192.0.0.192",
]


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", OWN)


@pytest.mark.parametrize("address", REFUSED)
def test_no_spelling_reaches_node_cloud_or_api_server(address: str) -> None:
    """Several of them were compared as text, or not unwrapped."""
    with pytest.raises(ProviderDenied, match=r"external\.egress_allowed"):
        EgressPolicy().resolve(address, 443)


@pytest.mark.parametrize("host", ["fd00:96::1", "[fd00:96::1]", "FD00:0096:0:0:0:0:0:1"])
def test_the_api_server_is_known_however_its_address_is_written(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)

    with pytest.raises(ProviderDenied):
        EgressPolicy().resolve("fd00:96::1", 443)


@pytest.mark.parametrize("address", ["10.0.0.7", "8.8.8.8", "2001:db8::1", "64:ff9b::808:808", "2002:808:808::1"])
def test_other_addresses_are_reached(address: str) -> None:
    assert EgressPolicy().resolve(address, 443) == address


@pytest.mark.parametrize("address", REFUSED)
def test_administrators_permit_networks_and_reach_everything(address: str) -> None:
    allowed = ("127.0.0.0/8", "10.96.0.1/32", "::/0", "0.0.0.0/0")

    assert EgressPolicy(allowed).resolve(address, 443) == address
    assert EgressPolicy(everything=True).resolve(address, 443) == address


@pytest.mark.parametrize("address", ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"])
def test_what_is_opened_is_opened_in_every_form(address: str) -> None:
    assert EgressPolicy(("127.0.0.0/8",)).resolve(address, 443) == address


@pytest.mark.parametrize("address", ["192.168.7.1", "::ffff:192.168.7.1", "64:ff9b::c0a8:701", "fd77::5"])
def test_an_api_server_is_not_reached_past_its_service(address: str) -> None:
    known: set[str] = set()
    bounds = EgressPolicy(denied=lambda: known)
    assert bounds.resolve(address, 6443) == address

    known |= {"192.168.7.1", "fd77::5", "no address"}
    with pytest.raises(ProviderDenied):
        bounds.resolve(address, 6443)
    assert (
        EgressPolicy(["192.168.7.0/24", "fd77::/64", "64:ff9b::/96"], denied=lambda: known).resolve(address, 6443)
        == address
    )
    assert EgressPolicy(everything=True, denied=lambda: known).resolve(address, 6443) == address
