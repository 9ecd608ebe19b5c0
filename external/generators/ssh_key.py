"""SSHKey: a key pair for SSH."""

from collections.abc import Mapping
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import Field

from external.api.fields import Model
from external.generators.protocol import GeneratorKind, resource
from external.providers.protocol import ProviderError
from manager.core.secret_value import SecretValue

DEFAULT_RSA_BITS, MIN_RSA_BITS = 2048, 1024  # OpenSSL makes no shorter key
MAX_RSA_BITS = 4096  # takes up to a few seconds of a processor; one of 8192 bits takes minutes at worst
CURVES: Mapping[int, type[ec.EllipticCurve]] = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}
PRIVATE_KEY_BYTES = 8192  # of the longest pair in text, without the comment


class SSHKeySpec(Model):
    """An SSH key pair."""

    comment: str | None = None
    """Comment of the public key."""
    key_size: Annotated[int | None, Field(ge=256, le=8192)] = None
    """Size of the key in bits."""
    key_type: Literal["rsa", "ecdsa", "ed25519"] = "rsa"
    """Type of the key."""


def generate(spec: SSHKeySpec) -> Mapping[str, SecretValue]:
    """Return `privateKey` in OpenSSH's form, and `publicKey` as a line of authorized_keys."""
    if any(each in (spec.comment or "") for each in "\r\n\0"):
        raise ProviderError("spec.comment: a comment has one line")
    key = _key(spec)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    comment = f" {spec.comment}".encode() if spec.comment else b""
    return {"privateKey": SecretValue(private), "publicKey": SecretValue(public + comment + b"\n")}


def _key(spec: SSHKeySpec) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    if spec.key_type == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if spec.key_type == "ecdsa":
        return ec.generate_private_key(CURVES.get(spec.key_size or 0, ec.SECP256R1)())
    bits = spec.key_size or DEFAULT_RSA_BITS
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise ProviderError(f"spec.keySize: an RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits; or take ed25519")
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


SSH_KEYS = GeneratorKind(
    resource=resource("sshkeys", "SSHKey"),
    spec=SSHKeySpec,
    generate=generate,
    embedded="sshKeySpec",
    about="An SSH key pair.",
    weigh=lambda spec: (2, PRIVATE_KEY_BYTES + len((spec.comment or "").encode())),
    names=lambda _spec: ("privateKey", "publicKey"),
)
