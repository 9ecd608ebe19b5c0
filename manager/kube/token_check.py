"""Ask the API server whether the token of a request may use a path of ours."""

from typing import Any

from manager.core.errors import ApiError
from manager.kube.client import KubeClient
from manager.kube.resources import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS

UNAUTHORIZED, FORBIDDEN, UNAVAILABLE = 401, 403, 503


class TokenCheck:
    """Checks tokens by TokenReview and SubjectAccessReview: the right to a verb on a nonResourceURL.

    Args:
        verb: such as `get`; the path is the URL's.
    """

    def __init__(self, client: KubeClient, verb: str) -> None:
        self._client = client
        self._verb = verb

    async def refusal(self, authorization: str, path: str) -> int:
        """Return 401 or 403 for a caller without rights, 503 if they cannot be checked, otherwise 0."""
        token = bearer(authorization)
        if not token:
            return UNAUTHORIZED
        try:
            user = await self._user(token)
            return UNAUTHORIZED if user is None else 0 if await self._may(user, path) else FORBIDDEN
        except ApiError:
            return UNAVAILABLE

    async def _user(self, token: str) -> dict[str, Any] | None:
        review = {"apiVersion": TOKEN_REVIEWS.api_version, "kind": TOKEN_REVIEWS.kind, "spec": {"token": token}}
        status = (await self._client.post(TOKEN_REVIEWS, TOKEN_REVIEWS.path(), review)).get("status") or {}
        return status.get("user") or {} if status.get("authenticated") else None

    async def _may(self, user: dict[str, Any], path: str) -> bool:
        spec = {
            "user": user.get("username", ""),
            "uid": user.get("uid", ""),
            "groups": user.get("groups") or [],
            "extra": user.get("extra") or {},
            "nonResourceAttributes": {"path": path, "verb": self._verb},
        }
        review = {"apiVersion": SUBJECT_ACCESS_REVIEWS.api_version, "kind": SUBJECT_ACCESS_REVIEWS.kind, "spec": spec}
        answer = await self._client.post(SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS.path(), review)
        return bool((answer.get("status") or {}).get("allowed"))


def bearer(authorization: str) -> str:
    """Return the token of an Authorization header; empty if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
