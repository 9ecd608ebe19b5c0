"""Make private keys outside the sandbox: inside, an RSA key of 4096 bits takes 3 s, longer than a render may."""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from enum import IntEnum

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, rsa


class Kind(IntEnum):
    """Kinds of keys that a template can request (go/keys.go)."""

    RSA_4096 = 0
    RSA_2048 = 1
    DSA_2048 = 2


class KeyTooLate(Exception):
    """The key was not ready before the deadline of the render."""


class KeyMaker:
    """One thread that makes keys, so that a render can stop waiting for one."""

    def __init__(self) -> None:
        self._thread: Executor = ThreadPoolExecutor(1, "gotemplate-keys")

    def make(self, kind: int, seconds: float) -> bytes:
        """Return a new key as traditional PEM. Raises KeyTooLate after `seconds`."""
        wanted: Future[bytes] = self._thread.submit(_pem, Kind(kind))
        try:
            return wanted.result(max(seconds, 0.0))
        except TooLate:
            wanted.cancel()
            raise KeyTooLate from None

    def close(self) -> None:
        """End the thread after the current key."""
        self._thread.shutdown(cancel_futures=True)


def _pem(kind: Kind) -> bytes:
    key: rsa.RSAPrivateKey | dsa.DSAPrivateKey
    if kind is Kind.DSA_2048:
        key = dsa.generate_private_key(2048)
    else:
        key = rsa.generate_private_key(65537, 4096 if kind is Kind.RSA_4096 else 2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
