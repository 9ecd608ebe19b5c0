"""Raw JSON in and out of the API server, every failure as one of our errors."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

import aiohttp

from manager.core.documents import OBJECT, Beyond, Unreadable, read_json
from manager.core.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Denied,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
    Unusable,
)
from manager.kube.connection import Connection
from manager.kube.decoding import PAGE_BYTES, Oversize, parsed, read_event, read_object, read_page, read_within
from manager.kube.denials import denial
from manager.kube.resources import Body, Key, Resource

WHOLE = 25  # objects a page holds that come whole, and fewer where they are large
PAGE = 500  # objects a LIST page holds: the API server's own clients use this; larger pages only raise our peak memory
LONGEST_AFTER = 60.0  # seconds that a server may ask to be left alone: our longest back-off
DISCOVERY = Resource("", "", "apis", "APIResourceList")  # what a request for discovery is counted under
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

type_of_status: Mapping[int, type[ApiError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    422: Invalid,
}


class KubeClient:
    """Speaks to one API server; one connection pool, a deadline on every request.

    Args:
        connection: where and as whom.
        agent: the User-Agent, by which the audit log tells our requests from kopf's.
        timeout: seconds after which a request counts as Unreachable.
        observe: called with (verb, plural, status) after each request, for metrics.
        certain: raises NotLeader unless this replica may write; asked before every change, statuses and Events too,
            so that a replica which was stopped and resumed says nothing stale either.
    """

    def __init__(
        self,
        connection: Connection,
        agent: str,
        *,
        timeout: float = 15.0,
        observe: Callable[[str, str, int], None] = lambda verb, plural, status: None,
        certain: Callable[[], None] = lambda: None,
    ) -> None:
        self.connection = connection
        self._base = connection.server
        self._session = connection.session(agent)
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(5.0, timeout))
        self._observe = observe
        self._certain = certain

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def get(self, key: Key) -> Body:
        """Read one object whole. Raises NotFound when it is proven absent."""
        return await self._call("get", "GET", key.resource, key.path, str(key))

    async def find(self, key: Key) -> Body | None:
        """Read one object whole, None when it is proven absent."""
        try:
            return await self.get(key)
        except NotFound:
            return None

    async def pages(
        self, resource: Resource, *, namespace: str = "", selector: str = "", metadata_only: bool | None = None
    ) -> AsyncIterator[tuple[list[Body], str]]:
        """List in pages; yields (items, resourceVersion of the list).

        Metadata only where the resource says so, unless `metadata_only` decides. Raises Gone when the list took so
        long that its continue token expired: begin again.
        """
        partial = resource.metadata_only if metadata_only is None else metadata_only
        headers = {"Accept": METADATA_LIST} if partial else {}
        query = {"labelSelector": selector} if selector else {}
        limit = Limit(PAGE if partial else WHOLE)
        while True:
            path, most = resource.path(namespace), limit.bytes
            asked = {**query, "limit": str(limit.objects)}
            try:
                page = await self._call(
                    "list", "GET", resource, path, resource.plural, query=asked, headers=headers, most=most
                )
            except Oversize:
                limit.shrink(resource)
                continue
            meta = page["metadata"]
            yield page.get("items") or [], meta.get("resourceVersion", "")
            if not meta.get("continue"):
                return
            query["continue"] = meta["continue"]
            limit.grow()

    async def create(self, resource: Resource, body: Body, *, manager: str = "coffer") -> Body:
        """Create an object. Raises AlreadyExists when somebody was first."""
        self._certain()
        meta = body["metadata"]
        path = resource.path(meta.get("namespace", ""))
        place = f"{resource.kind} {meta.get('namespace', '')}/{meta.get('name', '')}"
        query = {"fieldManager": manager}
        return await self._call("create", "POST", resource, path, place, body=body, query=query)

    async def update(self, key: Key, body: Body, *, subresource: str = "", manager: str = "coffer") -> Body:
        """Replace an object; its resourceVersion must be the one that was read. Raises Conflict when it moved."""
        self._certain()
        path = key.resource.path(key.namespace, key.name, subresource)
        query = {"fieldManager": manager}
        return await self._call("update", "PUT", key.resource, path, str(key), body=body, query=query)

    async def patch(self, key: Key, patch: Body, *, subresource: str = "", manager: str = "coffer") -> Body:
        """Merge-patch an object; put uid and resourceVersion into its metadata as preconditions."""
        self._certain()
        path = key.resource.path(key.namespace, key.name, subresource)
        headers, query = {"Content-Type": MERGE_PATCH}, {"fieldManager": manager}
        return await self._call(
            "patch", "PATCH", key.resource, path, str(key), body=patch, query=query, headers=headers
        )

    async def patch_operations(self, key: Key, operations: list[Body], *, manager: str = "coffer") -> Body:
        """JSON-patch an object: the only patch that replaces a whole map without knowing what is in it."""
        self._certain()
        query, headers = {"fieldManager": manager}, {"Content-Type": JSON_PATCH}
        place, path = str(key), key.path
        return await self._call(
            "patch", "PATCH", key.resource, path, place, body=operations, query=query, headers=headers
        )

    async def delete(self, key: Key, *, uid: str, version: str) -> None:
        """Delete exactly the object that was read. Raises Conflict when it is another or has moved, NotFound."""
        self._certain()
        preconditions = {"uid": uid, "resourceVersion": version}
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions}
        await self._call("delete", "DELETE", key.resource, key.path, str(key), body=body)

    async def post(self, resource: Resource, path: str, body: Body) -> Body:
        """Call a subresource or review endpoint that answers with an object, such as TokenReview."""
        return await self._call("create", "POST", resource, path, resource.kind, body=body)

    async def served(self, resource: Resource) -> bool:
        """Tell whether the API server knows a resource: false until its CRD is installed."""
        return any(each.get("name") == resource.plural for each in await self.resources(resource.api_version))

    async def resources(self, api_version: str) -> list[Body]:
        """Return what the API server serves of a group and version, as discovery has it; nothing of an unknown one."""
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = await self._call("discover", "GET", DISCOVERY, path, path)
        except NotFound:
            return []
        found: list[Body] = listed.get("resources") or []
        return found

    async def watch(
        self, resource: Resource, *, namespace: str, selector: str, version: str, seconds: int = 300
    ) -> AsyncIterator[tuple[str, Body]]:
        """Stream (type, object) of one namespace from `version` on; ends after `seconds` or when the server closes."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        } | ({"labelSelector": selector} if selector else {})
        # Bookmarks come every minute: 75 silent seconds mean that the stream is dead though the socket is open.
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=75)
        url = self._base + resource.path(namespace)
        try:
            async with self._session.get(url, params=query, timeout=timeout, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise _refused(answer, await answer.read(), "watch", resource.plural)
                async for line in answer.content:
                    event = await parsed(line, read_event)
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unreachable(0, type(error).__name__, f"watch {resource.plural}") from error

    async def _call(
        self,
        verb: str,
        method: str,
        resource: Resource,
        path: str,
        place: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = 0,
    ) -> Body:
        status = 0
        try:
            data = None if body is None else json.dumps(body)
            sent = {"Content-Type": "application/json", **(headers or {})} if data else headers
            async with self._session.request(
                method,
                self._base + path,
                data=data,
                params=query,
                headers=sent,
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                status, content = answer.status, await read_within(answer.content, most or OBJECT.size)
        except Oversize:
            if most:
                raise
            raise Unusable(status, "TooLarge", f"{verb} {place}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(0, type(error).__name__, f"{verb} {place}") from error
        finally:
            self._observe(verb, resource.plural, status)
        if status >= 400:
            raise _refused(answer, content, verb, place, body)
        read = partial(read_page, alone=most == OBJECT.size) if verb == "list" else read_object
        return await _parsed(status, content, f"{verb} {place}", read)


def _word(reason: object) -> str:
    """Return a reason as far as it is one: an admission webhook may put a sentence there, with values in it."""
    return reason if isinstance(reason, str) and reason.isalnum() else ""


class Limit:
    """How many objects a list page asks for: fewer when they are large, more again afterwards.

    The API server bounds the number of objects alone, and each may have 1.5 MB.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.objects = most

    @property
    def bytes(self) -> int:
        """Bytes that a page may have; an object that is alone may be as large as any."""
        return PAGE_BYTES if self.objects > 1 else OBJECT.size

    def shrink(self, resource: Resource) -> None:
        """Ask for fewer. Raises Unusable where one object alone is too large."""
        if self.objects == 1:
            raise Unusable(200, "TooLarge", f"list {resource.plural}")
        self.objects = max(1, self.objects // 4)

    def grow(self) -> None:
        """Ask for more: a page was not too large."""
        self.objects = min(self._most, self.objects * 2)


async def _parsed(status: int, content: bytes, place: str, read: Callable[[bytes], Body]) -> Body:
    """Return the object of an answer; what is none comes from something between us and the API server.

    Raises:
        Unusable: it is JSON, and beyond the bounds of one object.
        Unreachable: it is anything else.

    """
    try:
        found = await parsed(content, read)
    except Beyond as error:
        raise Unusable(status, "TooComplex", place, str(error)) from None
    except Unreadable:
        raise Unreachable(0, "NoObject", place) from None
    if status >= 300 or ("items" in found and "metadata" not in found):
        raise Unreachable(0, "NoObject", place)
    return found


def _refused(response: aiohttp.ClientResponse, content: bytes, verb: str, place: str, sent: object = None) -> ApiError:
    """Turn a refusal into our error.

    The server's message may quote a value: only what an admission policy, a webhook or a quota says is kept, without
    values; causes keep field paths.
    """
    try:
        answer = read_json(content)
    except Unreadable:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    reason = _word(answer.get("reason"))
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    causes = [each for each in causes if isinstance(each, dict)] if isinstance(causes, list) else []
    pairs = ((str(cause.get("field") or ""), _word(cause.get("reason"))) for cause in causes)
    detail = ", ".join(sorted({": ".join(filter(None, pair)) for pair in pairs if any(pair)}))
    kind = type_of_status.get(response.status, Unreachable)
    denied = denial(answer.get("message"), sent) if sent is not None else ""
    if reason == "AlreadyExists":
        kind = AlreadyExists
    elif denied:
        kind, detail = Denied, denied
    elif response.status == 403 and any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        reason = "NamespaceTerminating"
    return kind(response.status, reason, f"{verb} {place}", detail, after=_after(response.headers))


def _after(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After; the API server sends no dates, and what is no number counts as not sent."""
    text = headers.get("Retry-After", "")
    return min(LONGEST_AFTER, float(text)) if text.isascii() and text.isdecimal() else 0.0
