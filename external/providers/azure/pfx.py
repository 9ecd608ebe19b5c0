"""PKCS#12 that tenants push, opened in a process of its own with a limit of CPU time.

The file says how often its password is hashed, also inside of parts that are encrypted themselves; and the library
tests the factors of an RSA key. Both hold the interpreter as long as the writer of the file likes.
"""

import resource
import subprocess
import sys

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

MAX_PFX_BYTES = 256 << 10
CPU_SECONDS = 5
WALL_SECONDS = 30.0
NOT_READ = 3


class TooSlow(ValueError):
    """The file takes more CPU time than it may."""


def leaf_of(content: bytes) -> bytes:
    """Return DER of the certificate that has the file's private key. Raises TooSlow, ValueError; blocks."""
    if len(content) > MAX_PFX_BYTES or not content.startswith(b"\x30"):
        raise ValueError("it is no PKCS#12")
    command = [sys.executable, "-I", __file__, str(CPU_SECONDS)]
    try:
        done = subprocess.run(  # noqa: S603 - it runs this file
            command, input=content, capture_output=True, timeout=WALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise TooSlow from None
    if done.returncode < 0:
        raise TooSlow
    if done.returncode or not done.stdout:
        raise ValueError("it is no PKCS#12 with a certificate and its key")
    return done.stdout


def _main(seconds: int) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        key, leaf, _ = pkcs12.load_key_and_certificates(sys.stdin.buffer.read(), None)
    except (ValueError, UnsupportedAlgorithm):
        return NOT_READ
    if key is None or leaf is None:
        return NOT_READ
    sys.stdout.buffer.write(leaf.public_bytes(Encoding.DER))
    return 0


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1])))
