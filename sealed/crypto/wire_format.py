"""The wire format of a sealed value, and the scopes it can be bound to. Pure."""

import base64
import os
import re
from collections.abc import Mapping
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue

NAMESPACE_WIDE = "sealedsecrets.bitnami.com/namespace-wide"
CLUSTER_WIDE = "sealedsecrets.bitnami.com/cluster-wide"
SESSION_KEY = 32  # bytes: AES-256
NONCE = bytes(12)  # all zero, which is safe because every value has its own session key
ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
PADDING, LINE_BREAKS = ord("="), b"\r\n"
WELL_FORMED = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?")


class CannotDecrypt(CofferError):
    """This key does not open this value. The cause is hidden: it would make the controller an oracle."""

    def __init__(self) -> None:
        super().__init__("no key could decrypt secret")


class BrokenBase64(CofferError):
    """The value is not standard base64; `offset` is the byte at which Go's decoder stops."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"illegal base64 data at input byte {offset}")
        self.offset = offset


class Scope(StrEnum):
    """Where a sealed value may be opened."""

    STRICT = "strict"
    NAMESPACE_WIDE = "namespace-wide"
    CLUSTER_WIDE = "cluster-wide"


def scope_of(annotations: Mapping[str, str]) -> Scope:
    """Return the scope that an object's own annotations name; only the exact text `true` counts."""
    if annotations.get(CLUSTER_WIDE) == "true":
        return Scope.CLUSTER_WIDE
    if annotations.get(NAMESPACE_WIDE) == "true":
        return Scope.NAMESPACE_WIDE
    return Scope.STRICT


def label(scope: Scope, namespace: str, name: str) -> bytes:
    """Return the OAEP label that binds a value to its scope."""
    texts = {Scope.STRICT: f"{namespace}/{name}", Scope.NAMESPACE_WIDE: namespace, Scope.CLUSTER_WIDE: ""}
    return texts[scope].encode()


def seal(public_key: RSAPublicKey, plaintext: SecretValue, bound_to: bytes) -> str:
    """Return the base64 text of a newly sealed value."""
    session = os.urandom(SESSION_KEY)
    wrapped = public_key.encrypt(session, _oaep(bound_to))
    body = AESGCM(session).encrypt(NONCE, plaintext.reveal(), None)
    return base64.b64encode(len(wrapped).to_bytes(2, "big") + wrapped + body).decode()


def unseal(private_key: RSAPrivateKey, blob: bytes, bound_to: bytes) -> SecretValue:
    """Open a value. Raises CannotDecrypt, whatever the cause."""
    size = int.from_bytes(blob[:2], "big")
    if len(blob) < 2 + size:
        raise CannotDecrypt
    try:
        session = private_key.decrypt(blob[2 : 2 + size], _oaep(bound_to))
        return SecretValue(AESGCM(session).decrypt(NONCE, blob[2 + size :], None))
    except (ValueError, InvalidTag):
        raise CannotDecrypt from None


def decode_blob(text: str) -> bytes:
    """Decode standard base64 as Go does: line breaks are skipped, everything else foreign is an error.

    Raises:
        BrokenBase64: with Go's text and offset.

    """
    raw = text.encode(errors="replace")  # JSON may hold half a surrogate pair, which cannot be encoded
    compact = raw.translate(None, LINE_BREAKS)
    if not WELL_FORMED.fullmatch(compact):
        raise BrokenBase64(_first_broken(raw))
    return base64.b64decode(compact)


def _first_broken(raw: bytes) -> int:
    """Return the offset at which Go's base64 decoder reports the first error."""
    seen = 0  # characters of the alphabet so far, line breaks not counted
    for offset, byte in enumerate(raw):
        if byte in ALPHABET:
            seen += 1
        elif byte == PADDING:
            return _broken_padding(raw, offset, seen % 4)
        elif byte not in LINE_BREAKS:
            return offset
    return len(raw) - seen % 4


def _broken_padding(raw: bytes, offset: int, position: int) -> int:
    """Return the offset of the error, given the first `=` and its position in a group of four characters."""
    if position < 2:
        return offset
    rest = [at for at in range(offset + 1, len(raw)) if raw[at] not in LINE_BREAKS]
    if position == 3:
        return rest[0]  # there must be more, or nothing would be broken
    if not rest:
        return len(raw)
    return rest[1] if raw[rest[0]] == PADDING else rest[0] - 1


def _oaep(bound_to: bytes) -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=bound_to or None)
