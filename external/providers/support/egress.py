"""Which addresses a store of a tenant may reach.

A tenant chooses the URL, and the request comes from Coffer: it must not reach the node, its cloud's metadata service or
the API server in the tenant's name.
"""

import os
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from external.providers.protocol import ProviderDenied, ProviderUnavailable

Address = IPv4Address | IPv6Address
IPV4_IN_LAST_BYTES = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""NAT64 (RFC 6052), and IPv4-compatible addresses (RFC 4291, deprecated)."""
METADATA = tuple(
    ip_network(each)
    for each in (
        "fd00:ec2::/32",  # AWS: metadata, Pod credentials, DNS, time
        "fd20:ce::/32",  # Google
        "fd00:c1::/32",  # Oracle
        "192.0.0.192/32",  # Oracle, formerly
        "fd00:42::/32",  # Scaleway
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
    )
)
"""Metadata services of clouds outside the link-local range."""


class EgressPolicy:
    """Decides whether an address may be reached.

    Args:
        allowed: networks (CIDR) that an administrator permits.
        everything: True permits every address: for stores of administrators.
        denied: returns the current addresses of the API servers; called in threads.
    """

    def __init__(
        self,
        allowed: Iterable[str] = (),
        *,
        everything: bool = False,
        denied: Callable[[], Iterable[str]] = frozenset,
    ) -> None:
        self._denied = denied
        self._everything = everything
        self._allowed = [ip_network(each, strict=False) for each in allowed]

    def resolve(self, host: str, port: int | None) -> str:
        """Return the address to connect to: an address, so that the name cannot resolve to another one afterwards.

        Raises:
            ProviderDenied: one of the host's addresses is not permitted.
            ProviderUnavailable: the name cannot be resolved.

        """
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ProviderUnavailable("the server's name cannot be resolved") from None
        addresses = [str(each[4][0]) for each in found]
        for each in addresses:
            if not self._permits(each):
                cure = "an administrator can open it by external.egress_allowed"
                raise ProviderDenied(f"stores of a namespace may not reach the server's address: {cure}")
        return addresses[0]

    def _permits(self, text: str) -> bool:
        address = _plain(text)
        return self._everything or self._opened(address) or all(map(self._harmless, (address, *_inside(address))))

    def _harmless(self, address: Address) -> bool:
        local = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
        clouds = any(address in each for each in METADATA)
        return self._opened(address) or not (local or clouds or address in self._api_servers())

    def _api_servers(self) -> set[Address | None]:
        """Return the addresses of this cluster's API servers and of their Service."""
        return {_read(os.environ.get("KUBERNETES_SERVICE_HOST", "").strip("[]")), *map(_read, self._denied())}

    def _opened(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


def _plain(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _read(text: str) -> Address | None:
    """Return an address, None for a text that is none."""
    try:
        return _plain(text)
    except ValueError:
        return None


def _inside(address: Address) -> list[IPv4Address]:
    """Return the IPv4 addresses to which a gateway may forward packets for an IPv6 address."""
    if not isinstance(address, IPv6Address):
        return []
    found = [IPv4Address(address.packed[-4:])] if any(address in network for network in IPV4_IN_LAST_BYTES) else []
    found += [address.sixtofour] if address.sixtofour else []
    return found + list(address.teredo or ())
