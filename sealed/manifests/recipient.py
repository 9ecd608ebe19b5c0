"""Read the RSA key and the expiry of a common certificate, without slow imports.

Only the most common form is read here; for any other the caller uses the library.
"""

import base64
import binascii
import re
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----")
RSA = bytes.fromhex("300d06092a864886f70d0101010500")
"""The algorithm's identifier, as it stands before an RSA key."""
SEQUENCE, INTEGER, BITS, UTC_TIME, VERSION = 0x30, 0x02, 0x03, 0x17, 0xA0
LENGTH, FIRST_YEAR = 13, 50  # characters of such a time; its two-digit years begin in 1950


def recipient(pem: bytes) -> tuple[RSAPublicKey, datetime] | None:
    """Return key and expiry of the first certificate; None if it has another than the most common form."""
    block = next((each for each in BLOCK.finditer(pem) if each.group(1) == b"CERTIFICATE"), None)
    if block is None:
        return None
    try:
        [certificate] = _parts(base64.b64decode(b"".join(block.group(2).split()), validate=True), SEQUENCE)
        body, _, _ = _parts(certificate, SEQUENCE, SEQUENCE, BITS)
        _, _, _, _, validity, _, key, *_ = _parts(
            body, VERSION, INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE
        )
        _, end = _parts(validity, UTC_TIME, UTC_TIME)
        if not key.startswith(RSA):
            return None
        [bits] = _parts(key[len(RSA) :], BITS)
        [numbers] = _parts(bits[1:], SEQUENCE)
        modulus, exponent = (int.from_bytes(each, "big", signed=True) for each in _parts(numbers, INTEGER, INTEGER))
        if len(end) != LENGTH or not end.endswith(b"Z"):
            return None
        year, month, day, hour, minute, second = (int(end[at : at + 2]) for at in range(0, LENGTH - 1, 2))
        ends = datetime(1900 + year + 100 * (year < FIRST_YEAR), month, day, hour, minute, second, tzinfo=UTC)
        return RSAPublicNumbers(exponent, modulus).public_key(), ends
    except (binascii.Error, ValueError, LookupError):
        return None


def _parts(content: bytes, *kinds: int) -> list[bytes]:
    """Return the contents of consecutive DER elements. Raises ValueError or LookupError if the kinds differ."""
    found: list[bytes] = []
    at = 0
    while at < len(content):
        kind, length, at = content[at], content[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(content[at : at + size], "big"), at + size
        if at + length > len(content) or (len(found) < len(kinds) and kind != kinds[len(found)]):
            raise ValueError
        found.append(content[at : at + length])
        at += length
    if len(found) < len(kinds):
        raise ValueError
    return found
