"""Send and receive raw JSON; raise every failure as one of our errors."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
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
from manager.kube.resources import Body, Key, Resource
from manager.kube.responses.decoding import (
    PAGE_BYTES,
    Oversize,
    parsed,
    read_event,
    read_object,
    read_page,
    read_within,
)
from manager.kube.responses.denials import denial

BODY_PAGE_OBJECTS = 25  # of a LIST page with whole objects, and fewer if they are large
METADATA_PAGE_OBJECTS = 500  # of a LIST page: as kubectl and client-go use it; larger pages only raise our peak memory
MAX_RETRY_AFTER_SECONDS = 60.0  # of a server's Retry-After that are obeyed: our longest back-off
DISCOVERY = Resource("", "", "apis", "APIResourceList")  # the name of discovery requests in metrics
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

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
    """A client of one API server, with one connection pool and a deadline on every request.

    Args:
        connection: address and credentials.
        agent: the User-Agent, by which the audit log separates our requests from kopf's.
        timeout: seconds after which a request fails with Unreachable.
        observe: called with (verb, plural, status) after each request, for metrics.
        certain: raises NotLeader unless this replica may write; called before every change, of statuses and Events
            too, so that a replica that was stopped and resumed writes nothing stale.
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
        """Close the connections."""
        await self._session.close()

    async def get(self, key: Key) -> Body:
        """Read one whole object. Raises NotFound if it does not exist."""
        return await self._call(Request("get", "GET", key.resource, key.path, str(key)))

    async def find(self, key: Key) -> Body | None:
        """Read one whole object; return None if it does not exist."""
        try:
            return await self.get(key)
        except NotFound:
            return None

    async def find_metadata(self, key: Key) -> Body | None:
        """Read the metadata of one object, and no value; return None if it does not exist."""
        headers = {"Accept": METADATA}
        try:
            return await self._call(
                Request("get", "GET", key.resource, key.path, f"metadata of {key}", headers=headers)
            )
        except NotFound:
            return None

    async def pages(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        metadata_only: bool | None = None,
        most: int = BODY_PAGE_OBJECTS,
    ) -> AsyncIterator[tuple[list[Body], str]]:
        """List in pages; yield (items, resourceVersion of the list).

        Reads metadata only if the resource says so; `metadata_only` overrides it. `selector` is one of labels, `fields`
        one of fields; `most` bounds the objects of a page. Raises Gone if the list took too long: start again.
        """
        partial = resource.metadata_only if metadata_only is None else metadata_only
        headers = {"Accept": METADATA_LIST} if partial else {}
        query = {name: text for name, text in (("labelSelector", selector), ("fieldSelector", fields)) if text}
        place = resource.plural + (f" in namespace {namespace}" if namespace and resource.namespaced else "")
        limit = Limit(METADATA_PAGE_OBJECTS if partial else most)
        while True:
            path, max_bytes = resource.path(namespace), limit.bytes
            asked = {**query, "limit": str(limit.objects)}
            try:
                page = await self._call(Request("list", "GET", resource, path, place, None, asked, headers, max_bytes))
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
        """Create an object. Raises AlreadyExists if there is one of its name."""
        self._certain()
        meta = body["metadata"]
        path = resource.path(meta.get("namespace", ""))
        place = f"{resource.kind} {meta.get('namespace', '')}/{meta.get('name', '')}"
        query = {"fieldManager": manager}
        return await self._call(Request("create", "POST", resource, path, place, body, query))

    async def update(self, key: Key, body: Body, *, subresource: str = "", manager: str = "coffer") -> Body:
        """Replace an object; its resourceVersion must be the one that was read. Raises Conflict if it changed."""
        self._certain()
        path = key.resource.path(key.namespace, key.name, subresource)
        query = {"fieldManager": manager}
        return await self._call(Request("update", "PUT", key.resource, path, str(key), body, query))

    async def patch(self, key: Key, patch: Body, *, subresource: str = "", manager: str = "coffer") -> Body:
        """Merge-patch an object; the caller puts uid and resourceVersion into the patch as preconditions."""
        self._certain()
        path = key.resource.path(key.namespace, key.name, subresource)
        headers, query = {"Content-Type": MERGE_PATCH}, {"fieldManager": manager}
        return await self._call(Request("patch", "PATCH", key.resource, path, str(key), patch, query, headers))

    async def patch_operations(self, key: Key, operations: list[Body], *, manager: str = "coffer") -> Body:
        """JSON-patch an object: the only patch that replaces a whole map whose content is not known."""
        self._certain()
        query, headers = {"fieldManager": manager}, {"Content-Type": JSON_PATCH}
        request = Request("patch", "PATCH", key.resource, key.path, str(key), operations, query, headers)
        return await self._call(request)

    async def apply(self, key: Key, body: Body, *, manager: str) -> Body:
        """Server-side apply an object, and take the fields over that others have; create it if there is none.

        With a uid and resourceVersion in it, Conflict is raised unless the object is that one.
        """
        self._certain()
        query, headers = {"fieldManager": manager, "force": "true"}, {"Content-Type": APPLY_PATCH}
        return await self._call(Request("patch", "PATCH", key.resource, key.path, str(key), body, query, headers))

    async def delete(self, key: Key, *, uid: str, version: str) -> None:
        """Delete exactly the object that was read. Raises Conflict if it is another one or has changed, NotFound."""
        self._certain()
        preconditions = {"uid": uid, "resourceVersion": version}
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions}
        await self._call(Request("delete", "DELETE", key.resource, key.path, str(key), body))

    async def post(self, resource: Resource, path: str, body: Body) -> Body:
        """Call a subresource or a review endpoint, such as TokenReview; return the object in the answer."""
        return await self._call(Request("create", "POST", resource, path, resource.kind, body))

    async def served(self, resource: Resource) -> bool:
        """Return True if the API server serves a resource; False until its CRD is installed."""
        return any(each.get("name") == resource.plural for each in await self.resources(resource.api_version))

    async def resources(self, api_version: str) -> list[Body]:
        """Return the discovery entries of a group and version; none if the API server does not know it."""
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = await self._call(Request("discover", "GET", DISCOVERY, path, path))
        except NotFound:
            return []
        found: list[Body] = listed.get("resources") or []
        return found

    async def watch(
        self, resource: Resource, *, namespace: str, selector: str, version: str, seconds: int = 300
    ) -> AsyncIterator[tuple[str, Body]]:
        """Yield (type, object) of one namespace from `version` on, for `seconds` or until the server closes."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        } | ({"labelSelector": selector} if selector else {})
        # Bookmarks come every minute: after 75 silent seconds the stream is dead although the socket is open.
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=75)
        url = self._base + resource.path(namespace)
        try:
            async with self._session.get(url, params=query, timeout=timeout, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise _refused(answer, await answer.read(), f"watch {resource.plural}")
                async for line in answer.content:
                    event = await parsed(line, read_event)
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unreachable(0, type(error).__name__, f"watch {resource.plural}") from error

    async def _call(self, request: "Request") -> Body:
        status, place = 0, f"{request.verb} {request.place}"
        try:
            async with self._session.request(
                request.method,
                self._base + request.path,
                data=None if request.body is None else json.dumps(request.body),
                params=request.query,
                headers=request.sent_headers(),
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                status, content = answer.status, await read_within(answer.content, request.max_bytes or OBJECT.size)
        except Oversize:
            if request.max_bytes:
                raise
            raise Unusable(status, "TooLarge", place) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(0, type(error).__name__, place) from error
        finally:
            self._observe(request.verb, request.resource.plural, status)
        if status >= 400:
            raise _refused(answer, content, place, request.body)
        read = partial(read_page, alone=request.max_bytes == OBJECT.size) if request.verb == "list" else read_object
        return await _parsed(status, content, place, read)


@dataclass(frozen=True)
class Request:
    """One request and how errors and metrics name it."""

    verb: str
    method: str
    resource: Resource
    path: str
    place: str
    """What errors call the object."""
    body: Any = None
    query: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    max_bytes: int = 0
    """Above this, `Oversize` is raised for the caller to ask for less; 0: above the bound of one object, `Unusable`."""

    def sent_headers(self) -> Mapping[str, str] | None:
        """Return the headers, with the type of the body if there is one."""
        if self.body is None:
            return self.headers
        return {"Content-Type": "application/json", **(self.headers or {})}


def _word(reason: object) -> str:
    """Return a reason that is one word, else nothing: an admission webhook may put a sentence with values there."""
    return reason if isinstance(reason, str) and reason.isalnum() else ""


class Limit:
    """The number of objects that a list page asks for: fewer if they are large, then more again.

    The API server bounds the number of objects only, and each may have 1.5 MB.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.objects = most

    @property
    def bytes(self) -> int:
        """Bytes that a page may have; a page of one object may have as many as the largest object."""
        return PAGE_BYTES if self.objects > 1 else OBJECT.size

    def shrink(self, resource: Resource) -> None:
        """Ask for fewer objects. Raises Unusable if a page of one object is too large."""
        if self.objects == 1:
            raise Unusable(200, "TooLarge", f"list {resource.plural}")
        self.objects = max(1, self.objects // 4)

    def grow(self) -> None:
        """Ask for more objects, after a page that was not too large."""
        self.objects = min(self._most, self.objects * 2)


async def _parsed(status: int, content: bytes, place: str, read: Callable[[bytes], Body]) -> Body:
    """Return the object of an answer.

    Raises:
        Unusable: it is JSON beyond the bounds of one object.
        Unreachable: it is anything else, so it comes from a proxy between us and the API server.

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


def _refused(response: aiohttp.ClientResponse, content: bytes, place: str, sent: object = None) -> ApiError:
    """Return our error for a refused request.

    The server's message may quote a value, so it is dropped, except for the text of an admission policy, a webhook or
    a quota, from which values are removed. Causes keep their field paths.
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
    return kind(response.status, reason, place, detail, after=_after(response.headers))


def _after(headers: Mapping[str, str]) -> float:
    """Return the seconds of Retry-After, 0 if it is no number: the API server sends no dates."""
    text = headers.get("Retry-After", "")
    return min(MAX_RETRY_AFTER_SECONDS, float(text)) if text.isascii() and text.isdecimal() else 0.0
