"""What is pushed as a certificate: a file that takes too long to open is refused."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, pkcs12

from external.providers.azure import pfx
from external.providers.azure.imports import certificate_of
from external.providers.push import PushRefused
from manager.core.secret_value import SecretValue
from tests.unit.external.providers.azure.test_connection import certificate
from tests.unit.external.providers.azure.test_push import key_object

MADE, PEM = certificate()
MAC_ROUNDS = b"\x02\x02\x08\x00"
"""How the library ends a file: its password is hashed 2,048 times."""


def slow(password: bytes = b"x") -> bytes:
    """Return a file whose password is to be hashed two billion times."""
    content = pkcs12.serialize_key_and_certificates(
        b"a", key_object(PEM), MADE, None, BestAvailableEncryption(password)
    )
    assert content.endswith(MAC_ROUNDS)
    assert content[:2] == b"\x30\x82"
    mac = next(length for length in range(20, 120) if content[-length - 2 : -length] == bytes([0x30, length]))
    whole = (int.from_bytes(content[2:4], "big") + 2).to_bytes(2, "big")
    rounds = b"\x02\x04\x7f\xff\xff\xff"
    return b"\x30\x82" + whole + content[4 : -mac - 1] + bytes([mac + 2]) + content[-mac : -len(MAC_ROUNDS)] + rounds


def test_a_file_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000,000 rounds held all threads for 21 s."""
    monkeypatch.setattr(pfx, "CPU_SECONDS", 1)

    with pytest.raises(PushRefused, match="the PKCS#12 takes more than 5 s to open"):
        certificate_of(SecretValue(slow()))


def test_a_file_without_a_password_is_taken_as_it_is() -> None:
    content = pkcs12.serialize_key_and_certificates(b"a", key_object(PEM), MADE, None, NoEncryption())

    found = certificate_of(SecretValue(content))

    assert found == (base64.b64encode(content).decode(), "application/x-pkcs12", MADE.public_bytes(Encoding.DER))


@pytest.mark.parametrize("content", [b"\x30" * (pfx.MAX_PFX_BYTES + 1), b"0" + b"x" * 100, b"\x30\x00"])
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(PushRefused, match="no certificate with its private key"):
        certificate_of(SecretValue(content))
