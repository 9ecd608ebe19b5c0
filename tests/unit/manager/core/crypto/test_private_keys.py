"""Private keys that others have written: their kinds, and what is refused before it holds the interpreter."""

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from manager.core.crypto.private_keys import MAX_PEM_BYTES, read_private_key

E = 65537


def rsa_of(p: int, q: int, *, n: int | None = None) -> bytes:
    """Return PEM of a key whose factors nobody has tested."""
    d = pow(E, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), RSAPublicNumbers(E, n or p * q))
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def factors(bits: int) -> tuple[int, int]:
    """Return two odd numbers that serve as factors; neither is prime."""
    p = 3 * ((1 << (bits - 2)) + 1)
    while (p - 1) % E == 0 or p % 2 == 0:
        p += 2
    return p + 2 * E, p


def dsa_key() -> bytes:
    """Return PKCS#8 of DSA: with 16,000 bits its public half takes nine seconds to compute."""
    return dsa.generate_private_key(1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_keys_in_pem_and_der_are_read() -> None:
    for key in (rsa.generate_private_key(E, 2048), ec.generate_private_key(ec.SECP256R1())):
        for encoding in (Encoding.PEM, Encoding.DER):
            content = key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
            found = read_private_key(content, pem=encoding is Encoding.PEM)
            assert found.public_key() == key.public_key()


def test_factors_are_not_tested_for_primes() -> None:
    """The test takes 17 s for 8,192 bits, and no thread runs meanwhile."""
    assert read_private_key(rsa_of(*factors(512)))


def test_an_rsa_key_with_numbers_of_two_keys_is_refused() -> None:
    content = rsa.generate_private_key(E, 1024).private_bytes(
        Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    with pytest.raises(ValueError, match="the private key cannot be read"):
        read_private_key(content[:-1] + bytes([content[-1] ^ 1]), pem=False)


def test_a_key_after_a_certificate_is_found() -> None:
    assert read_private_key(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" + rsa_of(*factors(512)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (rsa_of(*factors(4200)), "the key has 840[0-9] bits, and at most 8192 are served"),
        (dsa_key(), "the private key cannot be read"),
        (b"-" * (MAX_PEM_BYTES + 1), "it has more than 64 KiB"),
        (b"hunter2", "the private key cannot be read"),
        (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2")
            ),
            "the private key cannot be read",
        ),
    ],
    ids=["large", "DSA", "long", "no key", "password"],
)
def test_a_key_that_cannot_be_used_is_refused_and_not_shown(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        read_private_key(content)
    assert "hunter2" not in str(raised.value)
