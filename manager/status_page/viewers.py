"""Who looks at the page, by a token, and what this viewer may read: TokenReview and SubjectAccessReview."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from manager.core.clock import Clock
from manager.core.errors import ApiError
from manager.core.fair_share import FairBudget
from manager.kube.client import KubeClient
from manager.kube.resources import Resource
from manager.kube.token_check import UNAUTHORIZED, UNAVAILABLE, TokenReviews, bearer

KNOWN_SECONDS = 60.0  # a right that was withdrawn may be used so long; without it each view takes a dozen requests
MAX_VIEWERS = 64  # that are remembered
MAX_RIGHTS = 500  # of one viewer that are remembered
MAX_CHECKS = 4  # of unknown tokens at a time: anyone may send tokens, and the API server has other work
REVIEWS_A_SECOND, MAX_REVIEWS = 2.0, 100.0  # of rights, for one viewer
TOO_MANY = 429


class Refused(Exception):
    """The viewer gets a status without an answer."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass
class Viewer:
    """A user whose token was reviewed."""

    user: Mapping[str, Any] = field(repr=False)
    until: float
    """Monotonic second after which the token is reviewed again."""
    rights: dict[tuple[str, Resource, str], bool] = field(default_factory=dict)
    """(verb, kind, namespace) -> whether the viewer may; an empty namespace means all of them."""

    @property
    def name(self) -> str:
        """The name by which the API server knows the user."""
        return str(self.user.get("username") or "")


class Viewers:
    """Admits viewers, and tells what they may read; remembers both for a minute."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._reviews = TokenReviews(client)
        self._clock = clock
        self._asked = FairBudget(REVIEWS_A_SECOND, MAX_REVIEWS, clock)
        self._known: dict[bytes, Viewer] = {}
        self._checks = 0

    async def admitted(self, authorization: str) -> Viewer:
        """Return the viewer of a request's header. Raises Refused: 401 for no known token, 503 if that is not known."""
        token = bearer(authorization)
        if not token:
            raise Refused(UNAUTHORIZED)
        mark = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(mark)
        if known is not None and known.until > self._clock.monotonic():
            return known
        if known is None and self._checks >= MAX_CHECKS:
            raise Refused(UNAVAILABLE)
        user = await self._reviewed(token)
        if user is None:
            self._known.pop(mark, None)
            raise Refused(UNAUTHORIZED)
        while len(self._known) >= MAX_VIEWERS:
            del self._known[next(iter(self._known))]
        found = self._known[mark] = Viewer(user, self._clock.monotonic() + KNOWN_SECONDS)
        return found

    async def may(self, viewer: Viewer, verb: str, resource: Resource, namespace: str) -> bool:
        """Return True if a viewer may get or list a kind in a namespace, or everywhere if it is "". Raises Refused."""
        known = viewer.rights.get((verb, resource, ""), False) or viewer.rights.get((verb, resource, namespace))
        if known is None:
            if self._asked.wait(viewer.name):
                raise Refused(TOO_MANY)
            self._asked.spend(viewer.name, 1)
            try:
                known = await self._reviews.may_read(viewer.user, verb, resource, namespace)
            except ApiError:
                raise Refused(UNAVAILABLE) from None
            if len(viewer.rights) >= MAX_RIGHTS:
                viewer.rights.clear()
            viewer.rights[verb, resource, namespace] = known
        return known

    async def _reviewed(self, token: str) -> Mapping[str, Any] | None:
        self._checks += 1
        try:
            return await self._reviews.user(token)
        except ApiError:
            raise Refused(UNAVAILABLE) from None
        finally:
            self._checks -= 1
