"""Tokens are sent over TLS only, except to this machine, where emulators and sidecars listen."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from external.providers.protocol import ProviderDenied


def require_secure(url: str, field: str) -> None:
    """Raise ProviderDenied unless a URL is of https, or of http to an address of this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ProviderDenied(f"{field}: it is no URL") from None
    if parts.scheme == "https" and host:
        return
    try:
        local = parts.scheme == "http" and ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ProviderDenied(f"{field}: it is no https URL, and tokens are sent over TLS only")
