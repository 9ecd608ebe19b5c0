"""Ask the API server whose the token of a request is, and what that user may do."""

from collections.abc import Mapping
from typing import Any

from manager.core.errors import ApiError
from manager.kube.client import KubeClient
from manager.kube.resources import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS, Resource

UNAUTHORIZED, FORBIDDEN, UNAVAILABLE = 401, 403, 503


class TokenReviews:
    """Asks who a token belongs to, and what this user may do."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def user(self, token: str) -> Mapping[str, Any] | None:
        """Return the user of a token; None for a token that the API server does not know. Raises ApiError."""
        review = {"apiVersion": TOKEN_REVIEWS.api_version, "kind": TOKEN_REVIEWS.kind, "spec": {"token": token}}
        status = (await self._client.post(TOKEN_REVIEWS, TOKEN_REVIEWS.path(), review)).get("status") or {}
        return status.get("user") or {} if status.get("authenticated") else None

    async def may_use(self, user: Mapping[str, Any], verb: str, path: str) -> bool:
        """Return True if a user has the right to a verb on a nonResourceURL. Raises ApiError."""
        return await self._allowed(user, {"nonResourceAttributes": {"path": path, "verb": verb}})

    async def may_read(self, user: Mapping[str, Any], verb: str, resource: Resource, namespace: str) -> bool:
        """Return True if a user may get or list a kind in a namespace, or everywhere if it is "". Raises ApiError."""
        what = {"group": resource.group, "version": resource.version, "resource": resource.plural}
        where = {"namespace": namespace} if namespace and resource.namespaced else {}
        return await self._allowed(user, {"resourceAttributes": {**what, **where, "verb": verb}})

    async def _allowed(self, user: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
        spec = {
            "user": user.get("username", ""),
            "uid": user.get("uid", ""),
            "groups": user.get("groups") or [],
            "extra": user.get("extra") or {},
            **attributes,
        }
        review = {"apiVersion": SUBJECT_ACCESS_REVIEWS.api_version, "kind": SUBJECT_ACCESS_REVIEWS.kind, "spec": spec}
        answer = await self._client.post(SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS.path(), review)
        return bool((answer.get("status") or {}).get("allowed"))


class TokenCheck:
    """Checks tokens by TokenReview and SubjectAccessReview: the right to a verb on a nonResourceURL.

    Args:
        verb: such as `get`; the path is the URL's.
    """

    def __init__(self, client: KubeClient, verb: str) -> None:
        self._reviews = TokenReviews(client)
        self._verb = verb

    async def refusal(self, authorization: str, path: str) -> int:
        """Return 401 or 403 for a caller without rights, 503 if they cannot be checked, otherwise 0."""
        token = bearer(authorization)
        if not token:
            return UNAUTHORIZED
        try:
            user = await self._reviews.user(token)
            if user is None:
                return UNAUTHORIZED
            return 0 if await self._reviews.may_use(user, self._verb, path) else FORBIDDEN
        except ApiError:
            return UNAVAILABLE


def bearer(authorization: str) -> str:
    """Return the token of an Authorization header; empty if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
