"""Reads the API server's audit log: which requests were made, by whom, with which result."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from typing import Any, Self

MAX_LINE_BYTES = 65_536  # bytes; at Metadata level a line has about one thousand
READS = frozenset({"get", "list", "watch"})


def service_account(namespace: str, name: str) -> str:
    """Return the user name under which the API server knows a ServiceAccount."""
    return f"system:serviceaccount:{namespace}:{name}"


@dataclass(frozen=True)
class Request:
    """One line of the log. A watch has two: ResponseStarted when it opens, ResponseComplete when it ends."""

    user: str
    """User name of the client."""
    user_agent: str
    """User agent of the client."""
    verb: str
    """get, list, watch, create, update, patch, delete, deletecollection; the HTTP method if there is no resource."""
    group: str
    """API group, empty for the core group."""
    resource: str
    """Plural, empty for paths such as /healthz."""
    subresource: str
    """status, token, …; mostly empty."""
    namespace: str
    """Empty for cluster-wide requests."""
    name: str
    """Empty for collections and for creates."""
    code: int
    """HTTP status."""
    stage: str
    """ResponseStarted or ResponseComplete; Panic if the server failed."""
    time: str
    """When the request arrived, RFC 3339 with microseconds."""
    uri: str
    """Path and query."""

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read one line."""
        event: dict[str, Any] = json.loads(line)
        about = event.get("objectRef", {})
        return cls(
            user=event["user"].get("username", ""),
            user_agent=event.get("userAgent", ""),
            verb=event["verb"],
            group=about.get("apiGroup", ""),
            resource=about.get("resource", ""),
            subresource=about.get("subresource", ""),
            namespace=about.get("namespace", ""),
            name=about.get("name", ""),
            code=event.get("responseStatus", {}).get("code", 0),
            stage=event["stage"],
            time=event["requestReceivedTimestamp"],
            uri=event["requestURI"],
        )

    @property
    def is_write(self) -> bool:
        """Whether it is an accepted write. Reviews are not: they are questions that are sent as a create."""
        question = self.verb in READS or self.resource.endswith("reviews")
        return bool(self.resource) and not question and self.code < 400


@dataclass(frozen=True)
class Mark:
    """A position in the log."""

    offset: int = 0
    """Bytes before it."""


START = Mark()


@dataclass(frozen=True)
class AuditLog:
    """The log of one control plane.

    The API server writes a line after the answer, so the last request may be missing for a moment: wait for it.
    """

    path: Path
    """The file."""

    def mark(self) -> Mark:
        """Return the current position; a line that is half written counts as later."""
        with self.path.open("rb") as file:
            start = max(0, file.seek(0, SEEK_END) - MAX_LINE_BYTES)
            file.seek(start)
            return Mark(start + file.read().rfind(b"\n") + 1)

    def requests(self, since: Mark = START, *, user: str = "", agent: str = "") -> list[Request]:
        """Return the requests since a mark, filtered by user name or by the start of the user agent."""
        with self.path.open("rb") as file:
            file.seek(since.offset)
            lines = file.read().split(b"\n")[:-1]  # what follows the last line end is still being written
        found = (Request.parse(line) for line in lines)
        return [each for each in found if user in ("", each.user) and each.user_agent.startswith(agent)]

    def writes(self, since: Mark = START, *, user: str = "", ignoring: Iterable[str] = ()) -> list[Request]:
        """Return the accepted writes since a mark, without writes to the given resources."""
        unwanted = set(ignoring)
        return [each for each in self.requests(since, user=user) if each.is_write and each.resource not in unwanted]
