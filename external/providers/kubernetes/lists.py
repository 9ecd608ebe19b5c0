"""Lists of objects page by page, and reviews of what an identity may do."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from external.providers.kubernetes.connection import Connection
from external.providers.protocol import ProviderDenied, ProviderUnavailable, SecretAbsent

PAGE_OBJECTS = 100  # in one answer, which may have 8 MiB
MAX_PAGES = 500  # of one search
REVIEWS = "/apis/authorization.k8s.io/v1"


class Listing(NamedTuple):
    """What is listed."""

    call: str
    noun: str
    """What messages call the objects."""
    path: str
    kind: str = ""
    """Of the list; empty where a CRD may have named it as it likes."""


def listed(
    connection: Connection, listing: Listing, labels: Sequence[tuple[str, str]], seconds: float
) -> Iterator[Mapping[str, Any]]:
    """Yield all objects that have the labels. Raises ProviderError rather than end early."""
    call, params = listing.call, {"limit": str(PAGE_OBJECTS)}
    if labels:
        params["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels)
    until = time.monotonic() + seconds
    for _ in range(MAX_PAGES):
        page = connection.request(call, "GET", listing.path, params=params)
        items, meta = page.get("items") or (), page.get("metadata") or {}
        named = page.get("kind") == listing.kind if listing.kind else "items" in page
        if not named or not isinstance(items, list | tuple) or not all(isinstance(each, dict) for each in items):
            raise ProviderUnavailable(f"{call}: the answer is no list of {listing.noun}")
        if not isinstance(meta, dict):
            raise ProviderUnavailable(f"{call}: metadata is no object")
        yield from items
        if not meta.get("continue"):
            return
        if time.monotonic() > until:
            raise ProviderDenied(f"find takes over {seconds:g} s: narrow it by find.tags")
        params["continue"] = str(meta["continue"])
    number = MAX_PAGES * PAGE_OBJECTS
    raise ProviderDenied(f"find goes through more than {number} {listing.noun}: narrow it by find.tags")


def reviewed(connection: Connection, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the status of a review. Raises ProviderError."""
    call, path = f"Create{kind}", f"{REVIEWS}/{kind.lower()}s"
    whole = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, **body}
    try:
        answer = connection.request(call, "POST", path, json=whole)
    except SecretAbsent:
        raise ProviderUnavailable(f"{call}: there is no such API") from None
    status = answer.get("status") or {}
    if not isinstance(status, dict):
        raise ProviderUnavailable(f"{call}: status is no object")
    return status
