"""Keyed fingerprints of answers: they compare equal or not, and reveal nothing of the values."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence

from external.providers.protocol import ParsedValue, ProviderError
from manager.core.secret_value import SecretValue

SALT = secrets.token_bytes(32)  # of this process only: without it, fingerprints of short values could be guessed
FINGERPRINT_BYTES = 16


def fingerprint_of(given: SecretValue | Mapping[str, SecretValue] | ProviderError) -> bytes:
    """Return the fingerprint of an answer, empty for an error. It takes a moment for a large answer."""
    if isinstance(given, ProviderError):
        return b""
    made = hashlib.blake2b(key=SALT, digest_size=FINGERPRINT_BYTES)
    for text in _parts(given):
        made.update(len(text).to_bytes(8, "big"))
        made.update(text)
    return made.digest()


def combined(fingerprints: Sequence[bytes]) -> bytes:
    """Return one fingerprint for several in their order, empty if one of them is."""
    if not all(fingerprints):
        return b""
    return hashlib.blake2b(b"".join(fingerprints), key=SALT, digest_size=FINGERPRINT_BYTES).digest()


def _parts(given: SecretValue | Mapping[str, SecretValue]) -> Iterator[bytes]:
    if isinstance(given, Mapping):
        for name, value in sorted(given.items(), key=lambda each: each[0]):
            yield name.encode(errors="replace")
            yield from _parts(value)
    elif isinstance(given, ParsedValue):
        yield from given.parts()
    else:
        yield given.reveal()
