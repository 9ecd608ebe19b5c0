"""JSON Web Tokens as the doubles issue and check them."""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def issued(**claims: Any) -> str:
    """Return a token with these claims; who gets it does not check its signature."""
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    return ".".join([*(_encoded(json.dumps(each).encode()) for each in parts), _encoded(b"signature")])


def verified(token: str, key: rsa.RSAPublicKey) -> dict[str, Any] | None:
    """Return the claims of a token that this key has signed by RS256, None for any other."""
    head, _, rest = token.partition(".")
    body, _, signature = rest.partition(".")
    try:
        if json.loads(_decoded(head)).get("alg") != "RS256":
            return None
        key.verify(_decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return None
    claims: dict[str, Any] = json.loads(_decoded(body))
    return claims


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token whose signature is not checked."""
    claims: dict[str, Any] = json.loads(_decoded(token.split(".")[1]))
    return claims


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
