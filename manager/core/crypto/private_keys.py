"""Private keys that others have written: read without the work that their size could make."""

import base64

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key

MAX_PEM_BYTES = (
    64 << 10
)  # bytes of a file in which a block is looked for: that holds the interpreter, 75 ms for a megabyte
MAX_RSA_BITS = 8192  # one signature or decryption takes 30 ms of a thread then, and grows with the third power
NO_KEY = "the private key cannot be read"
BLOCKS = (b"PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY")
SEQUENCE = b"\x30"
QUICK = tuple(bytes.fromhex(each) for each in ("06092a864886f70d0101", "06072a8648ce3d0201", "06032b65"))
"""RSA, elliptic curves, and those of Edwards and Montgomery, as PKCS#8 names them."""


def read_private_key(content: bytes, *, pem: bool = True, trusted: bool = False) -> PrivateKeyTypes:
    """Return the first private key of a PEM file, or one in DER, without a password.

    Args:
        content: the file.
        pem: whether it is PEM.
        trusted: do not compare the numbers of an RSA key.

    Raises:
        ValueError: there is none, it is too large, or the numbers of an RSA key do not belong together.

    """
    if len(content) > MAX_PEM_BYTES:
        raise ValueError(f"it has more than {MAX_PEM_BYTES >> 10} KiB")
    try:
        der = _der_of(content) if pem else content
        _require_quick(der)
        # The library's own validation looks for factors of the primes: with 8,192 bits it holds the interpreter for
        # seconds.
        key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        raise ValueError(NO_KEY) from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size > MAX_RSA_BITS:
            raise ValueError(f"the key has {key.key_size} bits, and at most {MAX_RSA_BITS} are served")
        if not trusted:
            _require_sound(key)
    return key


def _der_of(pem: bytes) -> bytes:
    """Return the content of the first block with a private key that has no password. Raises ValueError."""
    begins = [(pem.find(begin), kind) for kind in BLOCKS if (begin := b"-----BEGIN %s-----" % kind) in pem]
    if not begins:
        raise ValueError(NO_KEY)
    start, kind = min(begins)
    body, end, _ = pem[start + len(kind) + 16 :].partition(b"-----END %s-----" % kind)
    if not end:
        raise ValueError(NO_KEY)
    return base64.b64decode(b"".join(body.split()), validate=True)


def _require_quick(der: bytes) -> None:
    """Raise ValueError for PKCS#8 of DSA and Diffie-Hellman: reading one computes its public half, for minutes."""
    version = _content(der, 0)
    algorithm = version + 3
    if der[version : version + 2] != b"\x02\x01":
        raise ValueError(NO_KEY)
    if der[algorithm : algorithm + 1] == SEQUENCE and not der.startswith(QUICK, _content(der, algorithm)):
        raise ValueError(NO_KEY)


def _content(der: bytes, at: int) -> int:
    """Return where the content of a sequence begins. Raises ValueError for anything else."""
    if der[at : at + 1] != SEQUENCE or len(der) < at + 2:
        raise ValueError(NO_KEY)
    length = der[at + 1]
    return at + 2 + (length & 0x7F if length & 0x80 else 0)


def _require_sound(key: RSAPrivateKey) -> None:
    """Raise ValueError for an RSA key whose numbers do not belong together."""
    numbers = key.private_numbers()
    n, e, p, q = numbers.public_numbers.n, numbers.public_numbers.e, numbers.p, numbers.q
    whole = (
        1 < p < n
        and p % 2 == q % 2 == 1
        and p * q == n
        and numbers.d < n
        and numbers.d * e % (p - 1) == 1
        and numbers.d * e % (q - 1) == 1
        and numbers.dmp1 == numbers.d % (p - 1)
        and numbers.dmq1 == numbers.d % (q - 1)
        and numbers.iqmp < p
        and numbers.iqmp * q % p == 1
    )
    if not whole:
        raise ValueError(NO_KEY)
