"""Sealed values and a private key that the original's program wrote and read."""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from sealed.crypto.wire_format import Scope

AnyKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

# The two primes of a throw-away key that was made only for these vectors.
P = (
    "e60eeb5407d5786282c5855aa81272f79caa0af6e4b4e7191818213d9353aef104794bd665b6962f838b1279ad67b3101419"
    "b48f4b0c03dd7e8588cdbbcd9da64a06f94ceeed40baa66e962b932bcdcea9f974cd5fb999bffcbdf93844e60eab67aa9065"
    "265d6820db2c4dc52fab4d2c41bb9dfb7d512b86be66b901bf60728f"
)
Q = (
    "c4d0fa2c4ba78ba7d11bc31d4f686e8fdc6848508023881432f343655844a48eddbcde083a42fbfa2878505c9eb16597b959"
    "6565aba786bb508ad9bcaba45262858fe5bd1dd8f059f9c0f11d3ce8083b101ba240659e068ec80b165fea9b936eb0d02170"
    "eda77638e3b16ade82051e22495519150f4367a156e0a2c5f232954f"
)


@dataclass(frozen=True)
class Vector:
    """One value, sealed by the original."""

    scope: Scope
    label: bytes
    plaintext: bytes
    sealed: str


@functools.cache
def private_key() -> RSAPrivateKey:
    """Return the key that opens the vectors; 2,048 bits."""
    p, q, e = int(P, 16), int(Q, 16), 65537
    d = rsa.rsa_recover_private_exponent(e, p, q)
    crt = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(e, p * q)).private_key()


@functools.cache
def other_key() -> RSAPrivateKey:
    """Return a key that opens none of the vectors."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: AnyKey, form: serialization.PrivateFormat = serialization.PrivateFormat.TraditionalOpenSSL) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def certificate(
    key: AnyKey, *, lasts: timedelta = timedelta(days=3650), begins: timedelta = timedelta(days=-1)
) -> bytes:
    """Return the PEM of a minimal self-signed certificate, valid since yesterday."""
    start, nobody = datetime.now(UTC) + begins, x509.Name([])
    builder = x509.CertificateBuilder(nobody, nobody, key.public_key(), 7, start, start + lasts)
    made = builder.sign(key, None if isinstance(key, Ed25519PrivateKey) else SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


A = Vector(
    Scope.STRICT,
    b"myns/mysecret",
    b"bar",
    "AQCZpmybny6HtSDWcwAYtuWrFYAd0PNBk9Z4fXpcAAIT1C4YGkeVJhlBVuJbUB+tJ6r/6KYbzQeCL1ENTsEY9OgNq6kiyLcldZiK"
    "1R7MLFAF+oEu0RIxxCgSGRfsMwQbCMO1Hqpw/z/OV/ech3AvqNTRJqq2SkzrBuU59/uGAxvCllwcd94rzmo1An9SI8TNJWYMwr+D"
    "UUL+bJNeIp/tA/2+AAGwT4w84ZLnaKHXdu0gbI/VSkD8Xk+2mvWPmmdfl4rZWG1O0L5ctblYzaExHZpkUlCp+HzY6jzGSvvvEr4c"
    "bR5W0A3310GsOMWPfVjPHPO20AMmkGN+mjbERoKY/fJInQbppIPw7Xe5LNfAt6Bowa5HSw==",
)
B = Vector(
    Scope.NAMESPACE_WIDE,
    b"myns",
    b"bar",
    "AQAkAjEsluG3JpiSLHZHLy/Px0XVmVSSqtEvV2pqtUqI/LjWeimjosy3zIdrf92hiEjgkT4fLLzGZRoj2gjpFisGzNdHB2hjWW5O"
    "zR/9ML+seJBVPRB/OP/MdvVAgVMwD74/uZHlz6du6m8/4HrcgL8jWBqiRFd+bqgiQZ0aTGaGmD1CPAT4l4+NROAWyTwD/Wxk4IuC"
    "F7mAEc0Ugs95+c8DtRcaZdqpHNCY8RQZhFs/vIS+wQRkeM3ze9A9x7CREkk6dXua3RXdMS+Ji2FWEdiTcMHN+b9JzzNL964LHYFW"
    "tAnEx5IrELX88Ki6u4vRGE3qDrSFYEk0aHp0v4MVOhSEmqAtAku6FYxJt5Zpx11YBsDqFg==",
)
C = Vector(
    Scope.CLUSTER_WIDE,
    b"",
    b"bar",
    "AQAFJMJWskisVWcZtEWp+Z6884QsWEH6c/XIi/58VDk6n9T6rHZ67Bf2SnqK+w58e52RIBasUnFu9AtZLo88wQOEKRf7/3G5W9Jb"
    "spZnIuBWEjRCcjSvTDDfZ9NFMlSoKCO/z0tUDV0A/cxo6Mp/sXKmbpF610VgXzwVSJhG9T6QJjBcw9dMMYAntnfV/tX830ytE5pq"
    "YMsWNan8pYm3rK4aAlFhJZCjJZbJlNM3c9ZM4F+1ylDHlZ84l4i7sRQDp80S8uyV7u/YfsTcCbzKqXACAQY9LHHecuersq5Fn+ie"
    "pdch/eBMsM0/9efaa+N25QXK1eQO4jAu38dl5hkXl8by36+yegTmRLVzACJ6IDmRnJr4yQ==",
)
D = Vector(
    Scope.CLUSTER_WIDE,
    b"",
    b"",
    "AQBsGa5YJaaclpXhHtrfLEKGbZd5J5+8AD8jtSRsge8NDfCcaaAmbUZQQksO1TXbYiUcGwHSKDuRBoXIaDjbJeW4oA+KR+/STQoe"
    "klxd62eQU7wPR4TDgFxo+nLlTqtnh56xX8G1EZFbMnlNcGkbQYhr6o8OuN3yQuEJhagFL6UhfG869QBj1x58Eq1VkxR/sHuEHkID"
    "YeIMwmDbCU0hK0PqU0pPH+4DhY+O9SSgQRyJOclr1TYPRr+MZrv7xcn5r60WR0No4WpJZL/X2IlVH3+oCu6uwzL0UWIk4A28Z5dg"
    "MQdPWS5ldat3Lpri2Qrb4UjVHNsoN09KsrrF2/Zci6WGNOITNtl6XyPx+Ikn51OTQw==",
)
VECTORS = (A, B, C, D)
