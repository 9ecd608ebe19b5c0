"""What is imported into a vault: certificates with their keys, and keys. Pure."""

import base64
from contextlib import suppress
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from external.providers.azure.pfx import CPU_SECONDS, TooSlow, leaf_of
from external.providers.push import PushRefused
from external.providers.support.json_web_tokens import encoded
from manager.core.crypto.private_keys import read_private_key
from manager.core.documents import CONFIGURATION, Unreadable, read_json
from manager.core.secret_value import SecretValue

CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "P-256K"}
NO_CERTIFICATE = "the value is no certificate with its private key: push PKCS#12 without a password, or PEM"
SLOW_CERTIFICATE = (
    f"the PKCS#12 takes more than {CPU_SECONDS} s to open: write it with 100,000 iterations at most, and with a key of"
    " 4,096 bits at most"
)
NO_KEY = "the value is no private key of RSA or an elliptic curve: push PEM or DER without a password, or a JWK"
PUBLIC = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}
PRIVATE = {"RSA": ("d", "p", "q", "dp", "dq", "qi"), "EC": ("d",)}


class ImportedCertificate(NamedTuple):
    """A certificate as the API takes it."""

    value: str
    """Base64 of the whole."""
    content_type: str
    leaf: bytes
    """DER of the certificate itself, by which it is compared."""


def certificate_of(value: SecretValue) -> ImportedCertificate:
    """Return a certificate with its key. Raises PushRefused for any other text."""
    content = value.reveal()
    try:
        return ImportedCertificate(base64.b64encode(content).decode(), "application/x-pkcs12", leaf_of(content))
    except TooSlow:
        raise PushRefused(SLOW_CERTIFICATE) from None
    except ValueError:
        pass
    try:
        wanted = read_private_key(content).public_key()
        leaf = next(each for each in x509.load_pem_x509_certificates(content) if each.public_key() == wanted)
    except (ValueError, UnsupportedAlgorithm, StopIteration):
        raise PushRefused(NO_CERTIFICATE) from None
    der = leaf.public_bytes(Encoding.DER)
    return ImportedCertificate(base64.b64encode(content).decode(), "application/x-pem-file", der)


def key_of(value: SecretValue) -> dict[str, str]:
    """Return a private key as a JSON Web Key. Raises PushRefused.

    External-secrets imports whatever has no PEM block as the octets of a symmetric key, DER and JWK too.
    """
    content = value.reveal()
    if content.lstrip().startswith(b"{"):
        return _web_key(content)
    key: object = None
    with suppress(ValueError):
        key = read_private_key(content, pem=b"-----BEGIN" in content)
    if isinstance(key, rsa.RSAPrivateKey):
        return _rsa(key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return _ec(key)
    raise PushRefused(NO_KEY)


def same_key(one: object, other: dict[str, str]) -> bool:
    """Return True if a key that the vault shows is the public part of another."""
    if not isinstance(one, dict):
        return False
    # A key in hardware has the type RSA-HSM or EC-HSM.
    shown = {**one, "kty": str(one.get("kty", "")).removesuffix("-HSM")}
    return all(_bare(shown.get(name)) == _bare(other[name]) for name in PUBLIC[other["kty"]])


def _bare(member: object) -> str:
    return str(member).rstrip("=")


def _web_key(content: bytes) -> dict[str, str]:
    try:
        given = read_json(content, CONFIGURATION)
    except Unreadable:
        raise PushRefused(NO_KEY) from None
    kind = given.get("kty") if isinstance(given, dict) else None
    names = (*PUBLIC[kind], *PRIVATE[kind]) if kind in ("RSA", "EC") else ()
    if not names or not all(isinstance(given.get(name), str) for name in names):
        raise PushRefused(NO_KEY)
    return {name: given[name] for name in names}


def _rsa(key: rsa.RSAPrivateKey) -> dict[str, str]:
    private = key.private_numbers()
    public = private.public_numbers
    numbers = {"n": public.n, "e": public.e, "d": private.d, "p": private.p, "q": private.q}
    numbers |= {"dp": private.dmp1, "dq": private.dmq1, "qi": private.iqmp}
    return {"kty": "RSA", **{name: _number(each) for name, each in numbers.items()}}


def _ec(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    private, size = key.private_numbers(), (key.curve.key_size + 7) // 8
    public = private.public_numbers
    numbers = {"x": public.x, "y": public.y, "d": private.private_value}
    return {"kty": "EC", "crv": CURVES[key.curve.name], **{name: _number(each, size) for name, each in numbers.items()}}


def _number(value: int, size: int = 0) -> str:
    return encoded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))
