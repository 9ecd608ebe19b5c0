"""Certificates as Certificate Manager takes and gives them. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from external.providers.protocol import ProviderUnavailable
from external.providers.push import PushRefused
from manager.core.crypto.private_keys import MAX_PEM_BYTES
from manager.core.secret_value import SecretValue

CERTIFICATE, KEY = "tls.crt", "tls.key"


class CertificateBundle(NamedTuple):
    """A certificate, those that lead to its authority, and its key."""

    leaf: bytes
    chain: bytes
    """Empty if there is none."""
    key: SecretValue
    certificates: list[x509.Certificate]
    """The leaf, then the chain."""


def bundle_of(values: Mapping[str, SecretValue]) -> CertificateBundle:
    """Return the certificate of a source. Raises PushRefused if it has none."""
    for name in (CERTIFICATE, KEY):
        if name not in values:
            raise PushRefused(f"secret key {name} does not exist: a certificate needs {CERTIFICATE} and {KEY}")
    try:
        found = x509.load_pem_x509_certificates(values[CERTIFICATE].reveal())
    except ValueError:
        raise PushRefused(f"secret key {CERTIFICATE}: it is no certificate in PEM form") from None
    leaf, *chain = (each.public_bytes(Encoding.PEM) for each in found)
    return CertificateBundle(leaf, b"".join(chain), values[KEY], found)


def is_held(bundle: CertificateBundle, certificate: str, chain: str) -> bool:
    """Return True if the service has a certificate and its chain.

    What it has behind them is no difference: it answers with the leaf or a root where no chain was imported, and each
    push would import the same again. Raises ProviderUnavailable if it has no certificate.
    """
    try:
        there = x509.load_pem_x509_certificates(certificate.encode())
        there += x509.load_pem_x509_certificates(chain.encode()) if chain.strip() else []
    except ValueError:
        raise ProviderUnavailable("GetCertificate: the answer is no certificate") from None
    return there[: len(bundle.certificates)] == bundle.certificates


def exported(certificate: str, chain: str, key: str, passphrase: bytes) -> SecretValue:
    """Return certificate, chain and decrypted key as one PEM text. Raises ProviderUnavailable."""
    try:
        # The library's own validation holds the interpreter for seconds; the service has made the key.
        opened = load_pem_private_key(key.encode()[:MAX_PEM_BYTES], passphrase, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        raise ProviderUnavailable("ExportCertificate: the answer holds no key") from None
    plain = opened.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    parts = [each.strip().encode() for each in (certificate, chain) if each.strip()]
    return SecretValue(b"\n".join([*parts, plain]))
