"""JSON Web Tokens: those that are signed here to log in, and those that a provider issues over HTTP.

The signature of an issued one is for those who accept it.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.http import HttpAnswer
from manager.core.clock import MAX_SECOND
from manager.core.crypto.private_keys import read_private_key
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.secret_value import SecretValue


def issued_token(answer: HttpAnswer, status: int, server: str, check: str) -> str:
    """Return the member `token` of an answer with the expected status.

    Args:
        status: the expected status.
        server: what messages call the server.
        check: what a person should look at if the server refuses.

    Raises:
        ProviderDenied: the server refuses.
        ProviderUnavailable: it does not work, or its answer holds no token.

    """
    if answer.status != status:
        raise answer.refusal(server, check)
    token = answer.json_object(ANSWER).get("token")
    if not isinstance(token, str) or not token:
        raise ProviderUnavailable(f"{server}: {answer.call}: the answer holds no token")
    return token


def expiry_of(token: str, server: str) -> float:
    """Return the Unix time in the claim `exp` of a JSON Web Token. Raises ProviderUnavailable where there is none."""
    parts = token.split(".")
    try:
        claims = read_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), ANSWER)
    except (ValueError, IndexError, Unreadable):
        claims = None
    found = claims.get("exp") if isinstance(claims, dict) else None
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 <= found < MAX_SECOND:
        raise ProviderUnavailable(f"{server}: the token does not say when it ends")
    return float(found)


def rsa_key(pem: SecretValue, place: str) -> rsa.RSAPrivateKey:
    """Return a private key. Raises ProviderDenied, naming the place, for anything else."""
    try:
        key = read_private_key(pem.reveal())
    except ValueError as error:
        raise ProviderDenied(f"{place}: it is no private key in PEM form without a password: {error}") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ProviderDenied(f"{place}: it is no RSA key")
    return key


def signed(
    claims: Mapping[str, Any],
    key: rsa.RSAPrivateKey,
    *,
    algorithm: Literal["RS256", "PS256"] = "RS256",
    **header: str | None,
) -> SecretValue:
    """Return a token with these claims, signed by an RSA key."""
    parts = [{"alg": algorithm, "typ": "JWT", **{name: each for name, each in header.items() if each}}, dict(claims)]
    text = ".".join(encoded(json.dumps(each, separators=(",", ":")).encode()) for each in parts)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    signature = key.sign(text.encode(), pss if algorithm == "PS256" else padding.PKCS1v15(), hashes.SHA256())
    return SecretValue(f"{text}.{encoded(signature)}".encode())


def encoded(content: bytes) -> str:
    """Return base64url without padding, as JSON Web Tokens and keys write bytes."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
