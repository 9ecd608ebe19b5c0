"""SSH keys, read back by the library that other programs use for them."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from external.generators.ssh_key import SSH_KEYS
from external.providers.protocol import ProviderError
from tests.builders.generators import generate, texts


@pytest.mark.parametrize(
    ("spec", "kind", "bits"),
    [
        ({}, rsa.RSAPrivateKey, 2048),
        ({"keySize": 1024}, rsa.RSAPrivateKey, 1024),
        ({"keyType": "ecdsa"}, ec.EllipticCurvePrivateKey, 256),
        ({"keyType": "ecdsa", "keySize": 521}, ec.EllipticCurvePrivateKey, 521),
        ({"keyType": "ecdsa", "keySize": 2048}, ec.EllipticCurvePrivateKey, 256),
        ({"keyType": "ed25519", "keySize": 2048}, ed25519.Ed25519PrivateKey, 0),
    ],
)
async def test_a_pair_is_of_the_type_and_size_asked_for(spec: Any, kind: type, bits: int) -> None:
    made = texts(await generate(SSH_KEYS, **spec, comment="me@here there"))

    key = load_ssh_private_key(made["privateKey"].encode(), None)
    assert isinstance(key, kind)
    assert getattr(key, "key_size", 0) == bits
    assert made["privateKey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert made["publicKey"].endswith(" me@here there\n")
    assert load_ssh_public_key(made["publicKey"].encode()) == key.public_key()


async def test_each_pair_is_another_and_needs_no_comment() -> None:
    first, second = [texts(await generate(SSH_KEYS, keyType="ed25519")) for _ in range(2)]

    assert first["privateKey"] != second["privateKey"]
    assert len(first["publicKey"].split()) == 2


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"keySize": 8192}, "spec.keySize: an RSA key has 1024 to 4096 bits"),
        ({"keySize": 256}, "spec.keySize"),
        ({"keyType": "dsa"}, "spec.keyType"),
        ({"comment": "one\nssh-rsa AAAA two"}, "spec.comment: a comment has one line"),
    ],
)
async def test_a_key_that_is_not_made_says_why(spec: Any, said: str) -> None:
    with pytest.raises(ProviderError, match=said):
        await generate(SSH_KEYS, **spec)
