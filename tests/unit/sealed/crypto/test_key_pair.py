"""Sealing key pairs: written as the original writes them, read from whatever users bring."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from manager.core.crypto import private_keys
from sealed.crypto.key_pair import NO_CERTIFICATE, fingerprint, first_certificate, generate, load_private_key, to_pem
from tests.builders.sealed_vectors import AnyKey, certificate, other_key, pem, private_key

NOW = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
TTL = timedelta(hours=87600)
PKCS8 = serialization.PrivateFormat.PKCS8
OPENSSH = serialization.PrivateFormat.OpenSSH

# KeyUsage critical with encipherOnly alone, BasicConstraints critical with CA true: the bytes in the original's own.
KEY_USAGE_DER = bytes.fromhex("300e0603551d0f0101ff040403020001")
BASIC_CONSTRAINTS_DER = bytes.fromhex("300f0603551d130101ff040530030101ff")
EMPTY_NAME_DER = bytes.fromhex("3000")


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    return generate(2048, TTL, "", NOW)


@pytest.fixture(scope="module")
def made(pair: tuple[bytes, bytes]) -> x509.Certificate:
    return first_certificate(pair[1])


def test_the_private_key_is_pkcs1_and_belongs_to_the_certificate(
    pair: tuple[bytes, bytes], made: x509.Certificate
) -> None:
    assert pair[0].startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
    assert load_private_key(pair[0]).public_key() == made.public_key()
    assert load_private_key(pair[0]).key_size == 2048


def test_the_certificate_is_one_pem_block(pair: tuple[bytes, bytes], made: x509.Certificate) -> None:
    assert pair[1].count(b"-----BEGIN CERTIFICATE-----") == 1
    assert to_pem(made) == pair[1]


def test_the_extensions_have_the_bytes_of_the_original(made: x509.Certificate) -> None:
    der = made.tbs_certificate_bytes
    public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    key_id = bytes.fromhex("301d0603551d0e04160414") + hashlib.sha1(public).digest()

    assert KEY_USAGE_DER in der
    assert BASIC_CONSTRAINTS_DER in der
    assert der.endswith(KEY_USAGE_DER + BASIC_CONSTRAINTS_DER + key_id), "in this order, and no others"


def test_the_certificate_is_version_3_and_self_signed(made: x509.Certificate) -> None:
    key = made.public_key()
    assert isinstance(key, RSAPublicKey)
    assert made.signature_hash_algorithm is not None

    key.verify(
        made.signature, made.tbs_certificate_bytes, padding.PKCS1v15(), made.signature_hash_algorithm
    )  # raises on a wrong one

    assert made.version is x509.Version.v3
    assert made.signature_hash_algorithm.name == "sha256"


def test_the_name_is_empty_unless_one_is_asked_for(made: x509.Certificate) -> None:
    named = first_certificate(generate(2048, TTL, "sealed.example", NOW)[1])

    assert made.subject.public_bytes() == made.issuer.public_bytes() == EMPTY_NAME_DER
    assert named.subject.rfc4514_string() == named.issuer.rfc4514_string() == "CN=sealed.example"


def test_it_is_valid_from_now_in_whole_seconds_for_the_lifetime(made: x509.Certificate) -> None:
    assert made.not_valid_before_utc == NOW.replace(microsecond=0)
    assert made.not_valid_after_utc == NOW.replace(microsecond=0) + TTL


def test_a_moment_in_another_time_zone_is_the_same_moment() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))

    assert first_certificate(generate(2048, TTL, "", elsewhere)[1]).not_valid_before_utc == NOW.replace(microsecond=0)


def test_serial_numbers_are_positive_random_and_of_128_bits() -> None:
    serials = {first_certificate(generate(1024, TTL, "", NOW)[1]).serial_number for _ in range(8)}

    assert len(serials) == 8
    assert all(0 < serial < 2**128 for serial in serials)
    assert max(serials) > 2**100


def test_a_key_too_small_to_be_safe_is_refused() -> None:
    with pytest.raises(ValueError, match="key_size must be at least"):
        generate(512, TTL, "", NOW)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("form", [serialization.PrivateFormat.TraditionalOpenSSL, PKCS8])
def test_private_keys_are_read_in_both_formats(form: serialization.PrivateFormat, trusted: bool) -> None:
    loaded = load_private_key(pem(private_key(), form), trusted=trusted)

    assert loaded.private_numbers() == private_key().private_numbers()


def test_other_blocks_and_prose_before_the_key_are_skipped() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    unended = b"-----BEGIN CERTIFICATE-----\ngarbage\n"
    text = b"my key\n" + parameters + certificate(other_key()) + unended + pem(private_key()) + pem(other_key())

    assert load_private_key(text).public_key() == private_key().public_key()


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["elliptic", "edwards"],
)
def test_a_key_of_another_kind_is_refused_by_name(key: AnyKey) -> None:
    with pytest.raises(ValueError, match=r"^not an RSA key$"):
        load_private_key(pem(key, PKCS8))


def test_an_elliptic_key_in_its_own_format_is_refused_too() -> None:
    key = pem(ec.generate_private_key(ec.SECP256R1()))

    assert key.startswith(b"-----BEGIN EC PRIVATE KEY-----")
    with pytest.raises(ValueError, match=r"^not an RSA key$"):
        load_private_key(key)


def encrypted() -> bytes:
    password = serialization.BestAvailableEncryption(b"password")
    return private_key().private_bytes(serialization.Encoding.PEM, PKCS8, password)


def on_an_unknown_curve() -> bytes:
    """A PKCS#8 key whose curve the library does not know: it has an exception of its own for that."""
    der = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER, PKCS8, serialization.NoEncryption()
    )
    p256, sect113r1 = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030108")
    return (
        b"-----BEGIN PRIVATE KEY-----\n"
        + base64.b64encode(der.replace(p256, sect113r1))
        + b"\n-----END PRIVATE KEY-----\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\n!!!!\n-----END RSA PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        encrypted(),
        on_an_unknown_curve(),
    ],
    ids=["no key inside", "no base64", "empty", "encrypted", "unknown curve"],
)
def test_an_unreadable_key_says_so_and_shows_nothing_of_it(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the private key cannot be read$") as refused:
        load_private_key(text)

    assert refused.value.__suppress_context__


@pytest.mark.parametrize("text", [b"", b"hello", b"\x00\xff" * 50, certificate(private_key()), b"-----BEGIN KEY-----"])
def test_a_file_without_a_key_says_so(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^no private key found$"):
        load_private_key(text)


def test_an_inconsistent_key_is_found_unless_it_is_trusted() -> None:
    numbers = private_key().private_numbers()
    der = pem(private_key())
    body = bytearray(base64.b64decode(b"".join(der.splitlines()[1:-1])))
    at = bytes(body).index(numbers.d.to_bytes(256, "big"))
    body[at + 100] ^= 1
    text = b"-----BEGIN RSA PRIVATE KEY-----\n" + base64.encodebytes(bytes(body)) + b"-----END RSA PRIVATE KEY-----\n"

    with pytest.raises(ValueError, match=r"^the private key cannot be read$"):
        load_private_key(text)
    assert load_private_key(text, trusted=True).key_size == 2048


def test_of_a_chain_the_first_certificate_counts() -> None:
    chain = b"bag attributes\n" + pem(other_key()) + certificate(private_key()) + certificate(other_key())

    assert first_certificate(chain).public_key() == private_key().public_key()


def test_extensions_of_foreign_certificates_are_ignored(made: x509.Certificate) -> None:
    """The library refuses to parse the original's own KeyUsage, so nothing may ask for it."""
    with pytest.raises(ValueError, match="encipher_only"):
        _ = made.extensions

    assert first_certificate(to_pem(made)).serial_number == made.serial_number


def public_pem() -> bytes:
    return (
        private_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"garbage",
        public_pem(),
        pem(private_key()),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n" + b"A" * 200,
    ],
    ids=["empty", "garbage", "public key", "private key", "broken certificate", "unended"],
)
def test_without_a_certificate_the_originals_text_says_so(text: bytes) -> None:
    with pytest.raises(ValueError, match=rf"^{NO_CERTIFICATE}$"):
        first_certificate(text)


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["elliptic", "edwards"],
)
def test_a_certificate_of_another_kind_of_key_is_refused(key: AnyKey) -> None:
    with pytest.raises(ValueError, match=r"^expected RSA public key but found"):
        first_certificate(certificate(key))


def test_a_file_of_thousands_of_begin_lines_is_refused_at_once() -> None:
    for text in (b"-----BEGIN A-----" * 50_000, b"-----BEGIN " * 50_000, b"-----BEGIN " + b"A" * 500_000):
        with pytest.raises(ValueError, match=r"^no private key found$"):
            load_private_key(text)
        with pytest.raises(ValueError, match=NO_CERTIFICATE):
            first_certificate(text)


def test_the_fingerprint_is_the_one_of_ssh_keygen() -> None:
    """`ssh-keygen -lf` prints this for the vectors' public key."""
    assert fingerprint(private_key().public_key()) == "SHA256:DM2G4hCA9hTQ0Pu+hZgNEhC+nlFk9wKuKbCMGOOX0yQ"
    assert fingerprint(other_key().public_key()) != fingerprint(private_key().public_key())


def of_primes(p: int, q: int, /, **other: int) -> bytes:
    """Return a key of two primes as PEM, with numbers of it replaced; the library writes what it would not read."""
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = {"n": p * q, "e": e, "d": d, "p": p, "q": q, "dp": d % (p - 1), "dq": d % (q - 1), "i": pow(q, -1, p)}
    return _der([0, *(numbers | other).values()])


def _der(numbers: list[int]) -> bytes:
    body = b"".join(_tagged(2, each.to_bytes(each.bit_length() // 8 + 1, "big")) for each in numbers)
    text = base64.encodebytes(_tagged(0x30, body))
    return b"-----BEGIN RSA PRIVATE KEY-----\n" + text + b"-----END RSA PRIVATE KEY-----\n"


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


MERSENNE = {bits: 2**bits - 1 for bits in (607, 1279, 2203, 3217, 4253, 4423)}
"""Primes that are there without being looked for."""


def test_a_large_key_is_checked_without_blocking_validation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With 8,192 bits that takes four seconds, in which no thread of the process does anything."""
    asked: list[object] = []
    load = serialization.load_der_private_key

    def spied(*given: Any, **options: Any) -> Any:
        asked.append(options["unsafe_skip_rsa_key_validation"])
        return load(*given, **options)

    monkeypatch.setattr(private_keys, "load_der_private_key", spied)

    assert load_private_key(of_primes(MERSENNE[3217], MERSENNE[4423])).key_size == 7640
    assert asked == [True]


def test_a_key_that_is_too_large_is_refused_first() -> None:
    with pytest.raises(ValueError, match=r"^the key has 8676 bits, and at most 8192 are served$"):
        load_private_key(of_primes(MERSENNE[4253], MERSENNE[4423]))


GOOD = (MERSENNE[1279], MERSENNE[2203])
BAD_KEYS = {
    "a factor that is no prime": of_primes(MERSENNE[1279] * MERSENNE[607], MERSENNE[2203]),
    "an exponent without end": of_primes(*GOOD, d=7**12_000),
    "a short cut without end": of_primes(*GOOD, dp=7**12_000),
    "another short cut": of_primes(*GOOD, dq=5),
    "another inverse": of_primes(*GOOD, i=3),
    "an even modulus": of_primes(*GOOD, n=MERSENNE[1279] * MERSENNE[2203] + 1),
    "factors of another modulus": of_primes(*GOOD, p=MERSENNE[607]),
    "one factor is one": of_primes(*GOOD, p=1, q=MERSENNE[1279] * MERSENNE[2203]),
    "no exponent": of_primes(*GOOD, d=0),
}


@pytest.mark.parametrize("text", BAD_KEYS.values(), ids=list(BAD_KEYS))
def test_numbers_that_are_no_key_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the private key cannot be read$"):
        load_private_key(text)
