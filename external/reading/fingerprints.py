"""What tells two answers of a provider apart, and tells nothing of them to anybody."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence

from external.providers.protocol import ProviderError, TakenApart
from manager.core.secret_value import SecretValue

SALT = secrets.token_bytes(32)  # of this process alone: what is remembered of a value must not let anybody guess it
BYTES = 16


def fingerprint_of(given: SecretValue | Mapping[str, SecretValue] | ProviderError) -> bytes:
    """Return the fingerprint of an answer, empty for an error. It takes a moment where that is large."""
    if isinstance(given, ProviderError):
        return b""
    made = hashlib.blake2b(key=SALT, digest_size=BYTES)
    for text in _parts(given):
        made.update(len(text).to_bytes(8, "big"))
        made.update(text)
    return made.digest()


def combined(fingerprints: Sequence[bytes]) -> bytes:
    """Return one fingerprint for several in their order, empty where one of them is."""
    return hashlib.blake2b(b"".join(fingerprints), key=SALT, digest_size=BYTES).digest() if all(fingerprints) else b""


def _parts(given: SecretValue | Mapping[str, SecretValue]) -> Iterator[bytes]:
    if isinstance(given, Mapping):
        for name, value in sorted(given.items(), key=lambda each: each[0]):
            yield name.encode(errors="replace")
            yield from _parts(value)
    elif isinstance(given, TakenApart):
        yield from given.parts()
    else:
        yield given.reveal()
