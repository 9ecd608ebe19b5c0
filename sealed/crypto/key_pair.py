"""Sealing key pairs: an RSA key and the self-signed certificate with its public half."""

import base64
import hashlib
import re
import secrets
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID, ObjectIdentifier

from manager.core.crypto.private_keys import MAX_PEM_BYTES, NO_KEY, read_private_key

KEY_USAGE = ObjectIdentifier("2.5.29.15")
ENCIPHER_ONLY = bytes.fromhex("03020001")  # the original's usage, which the library's own builder refuses to write
# An unterminated block ends at the next BEGIN: otherwise a file of BEGIN lines takes quadratic time.
PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(?:(?!-----BEGIN ).)*?-----END \1-----", re.DOTALL)
MAX_SERIAL = 2**128
PROOF = b"opens what it seals"
NO_CERTIFICATE = "data does not contain any valid RSA or ECDSA certificates"


def generate(key_size: int, ttl: timedelta, common_name: str, now: datetime) -> tuple[bytes, bytes]:
    """Make a key pair; returns PEM of the PKCS#1 private key and of the certificate.

    Blocking for seconds at 4,096 bits.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=key_size)
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    subject = x509.Name(names)
    start = now.replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1 + secrets.randbelow(MAX_SERIAL - 1))
        .not_valid_before(start)
        .not_valid_after(start + ttl)
        .add_extension(x509.UnrecognizedExtension(KEY_USAGE, ENCIPHER_ONLY), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return private, to_pem(certificate)


def load_private_key(pem: bytes, *, trusted: bool = False) -> RSAPrivateKey:
    """Read the first private key of a PEM file, PKCS#1 or PKCS#8; other blocks before it are skipped.

    Args:
        pem: the file.
        trusted: skip the proof that the key opens what its public half seals.

    Raises:
        ValueError: there is none, it is no RSA key, too large, or its numbers do not belong together.

    """
    for block in PEM_BLOCK.finditer(pem[:MAX_PEM_BYTES]):
        if not block.group(1).endswith(b"PRIVATE KEY"):
            continue
        key = read_private_key(block.group(0), trusted=trusted)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("not an RSA key")
        if not trusted:
            _prove(key)
        return key
    raise ValueError("no private key found")


def _prove(key: RSAPrivateKey) -> None:
    """Prove a key by one decryption, in a few milliseconds. Raises ValueError."""
    padded = padding.OAEP(padding.MGF1(SHA256()), SHA256(), label=None)
    try:
        proven = key.decrypt(key.public_key().encrypt(PROOF, padded), padded) == PROOF
    except (ValueError, InternalError):
        proven = False
    if not proven:
        raise ValueError(NO_KEY)


def first_certificate(pem: bytes) -> x509.Certificate:
    """Return the first certificate of a PEM file or chain; it must hold an RSA key.

    Its extensions are never looked at: the library rejects the originals' own. Raises ValueError.
    """
    for block in PEM_BLOCK.finditer(pem[:MAX_PEM_BYTES]):
        if block.group(1) != b"CERTIFICATE":
            continue
        try:
            certificate = x509.load_pem_x509_certificate(block.group(0))
            key = certificate.public_key()
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise ValueError(NO_CERTIFICATE) from None
        if not isinstance(key, RSAPublicKey):
            raise ValueError("expected RSA public key but found another kind of key")
        return certificate
    raise ValueError(NO_CERTIFICATE)


def to_pem(certificate: x509.Certificate) -> bytes:
    """Return exactly one PEM block."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def fingerprint(public_key: RSAPublicKey) -> str:
    """Return the SSH SHA-256 fingerprint, by which the same key in two Secrets is one key."""
    line = public_key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
