"""Tokens that a provider issues over HTTP: which answer has one, and when a JSON Web Token ends.

Its signature is for those who accept it.
"""

import base64

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.http import HttpAnswer
from manager.core.documents import ANSWER, Unreadable, read_json


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
        kind = ProviderUnavailable if answer.temporary else ProviderDenied
        raise kind(f"{server}: {answer.call}: {answer.status}: check {check}")
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
    if not isinstance(found, int | float) or isinstance(found, bool):
        raise ProviderUnavailable(f"{server}: the token does not say when it ends")
    return float(found)
