"""Client certificates: a key that would occupy a thread is refused before OpenSSL reads it."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from external.providers.protocol import ProviderDenied
from external.providers.support.tls import UNFIT, show
from manager.core.secret_value import SecretValue

KEY = ec.generate_private_key(ec.SECP256R1())
PLAIN = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
LOCKED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
DSA = dsa.generate_private_key(1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return made.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


CERTIFICATE = certificate()


@pytest.mark.parametrize("shown", [CERTIFICATE, CERTIFICATE + PLAIN])
def test_a_certificate_and_its_key_are_taken(shown: bytes) -> None:
    show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), SecretValue(shown), SecretValue(PLAIN))


@pytest.mark.parametrize(
    ("shown", "key", "said"),
    [
        (CERTIFICATE, LOCKED, "the key of the client certificate has a password"),
        (LOCKED + CERTIFICATE, PLAIN, "the key of the client certificate has a password"),
        (CERTIFICATE, DSA, f"TLS: {UNFIT}: check the client certificate and its key"),
        (CERTIFICATE, b"hunter2", f"TLS: {UNFIT}: check the client certificate and its key"),
    ],
)
def test_a_key_that_takes_time_is_refused(shown: bytes, key: bytes, said: str) -> None:
    """10,000,000 rounds of its hash took a thread 9 s."""
    with pytest.raises(ProviderDenied, match=said) as raised:
        show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), SecretValue(shown), SecretValue(key))
    assert "hunter2" not in str(raised.value)
