"""TLS towards providers: whom to believe, and which certificate to show."""

import os
import ssl

from external.providers.protocol import ProviderDenied
from manager.plain import Plain
from manager.tls import verifying


def trusting(authorities: bytes | None) -> ssl.SSLContext | None:
    """Return a context that believes these authorities (PEM), None for the system's. Raises ProviderDenied."""
    if authorities is None:
        return None
    try:
        return verifying(cadata=authorities.decode())
    except (ssl.SSLError, ValueError) as error:
        raise ProviderDenied(f"TLS: {type(error).__name__}: check caBundle") from None


def show(context: ssl.SSLContext, certificate: Plain, key: Plain) -> None:
    """Let a context show a client certificate. Raises ProviderDenied.

    The library reads files alone, and no key may lie on disk.
    """
    file = os.memfd_create("certificate")
    try:
        os.write(file, certificate.reveal() + b"\n" + key.reveal())
        context.load_cert_chain(f"/proc/self/fd/{file}", password=lambda: b"")
    except (ssl.SSLError, ValueError, OSError) as error:
        raise ProviderDenied(f"TLS: {type(error).__name__}: check the client certificate and its key") from None
    finally:
        os.close(file)
