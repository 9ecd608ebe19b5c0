"""TLS to providers: trusted authorities and client certificates."""

import ssl

from external.providers.protocol import ProviderDenied
from manager.core import tls
from manager.core.crypto.private_keys import read_private_key
from manager.core.secret_value import SecretValue

UNFIT = "they are no certificate and key in PEM, or do not belong together"


def trusting(authorities: bytes | None) -> ssl.SSLContext | None:
    """Return a context that trusts these authorities (PEM), None for the system's. Raises ProviderDenied."""
    if authorities is None:
        return None
    try:
        return tls.verifying(cadata=authorities.decode())
    except (ssl.SSLError, ValueError):
        raise ProviderDenied("TLS: the authorities are no certificates in PEM: check caBundle") from None


def show(context: ssl.SSLContext, certificate: SecretValue, key: SecretValue) -> None:
    """Add a client certificate to a context. Raises ProviderDenied.

    The key is read first: OpenSSL would hash the password of an encrypted one as often as its writer likes.
    """
    try:
        for each in (certificate, key) if b"PRIVATE KEY-----" in certificate.reveal() else (key,):
            if b"ENCRYPTED" in each.reveal():
                raise ProviderDenied("TLS: the key of the client certificate has a password: remove it")
            read_private_key(each.reveal())
        tls.show(context, certificate.reveal(), key.reveal())
    except (ssl.SSLError, ValueError, OSError):
        raise ProviderDenied(f"TLS: {UNFIT}: check the client certificate and its key") from None
