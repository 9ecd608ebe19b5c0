"""Custom resources of a cluster: whole objects as JSON, and their properties."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from external.api.providers.crd import CustomResources, CustomResourcesResource
from external.api.providers.kubernetes import KubernetesProvider
from external.providers.kubernetes.connect import server_of
from external.providers.kubernetes.connection import Connection
from external.providers.kubernetes.whitelist import Whitelist
from external.providers.protocol import (
    Client,
    ConnectContext,
    DocumentPath,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.lookup import INVALID
from external.providers.support.naming import compiled, document
from external.providers.support.plain_reads import require_plain
from external.providers.support.search import SearchResults
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

LABEL = "Kubernetes/CustomResources"
AT = "spec.provider.crd"
BATCH = 20
PAGE_OBJECTS = 200
MAX_PAGES = 50
VALUE = "value"
"""The key of `extract` for what is no object."""


class Resource(NamedTuple):
    """A kind as the API server serves it."""

    path: str
    """Of its group and version."""
    plural: str
    namespaced: bool


class ResourceReader:
    """Reads the objects of one kind.

    Args:
        namespace: of the objects; empty for a cluster store, whose keys name it.
        cluster: what messages call the cluster.
    """

    natural = False
    batch = BATCH
    sends_property = True
    converts_names = True

    def __init__(
        self,
        connection: Connection,
        resource: CustomResourcesResource,
        whitelist: Whitelist,
        namespace: str,
        cluster: str,
        seconds: float,
    ) -> None:
        self._connection = connection
        self._wanted = resource
        self._whitelist = whitelist
        self._namespace = namespace
        self._cluster = cluster
        self._seconds = seconds
        self._resource: Resource | None = None

    def validate(self) -> None:
        """Check that the kind exists and the identity may get its objects; none is read. Raises ProviderError."""
        found = self._served()
        attributes = {"verb": "get", "group": self._wanted.group, "version": self._wanted.version}
        attributes |= {"resource": found.plural} | ({"namespace": self._namespace} if found.namespaced else {})
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        call = "CreateSelfSubjectAccessReview"
        answer = self._connection.request(call, "POST", path, json={**body, "spec": {"resourceAttributes": attributes}})
        status = answer.get("status")
        if not isinstance(status, dict) or status.get("allowed") is not True:
            raise ProviderDenied(f"client is not allowed to get {found.plural}")

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._connection.close()

    def location(self, request: SecretRequest) -> str:
        """Return kind, namespace and cluster."""
        del request
        place = f"namespace {self._namespace} of " if self._namespace else ""
        return f"{self._wanted.kind} in {place}{self._cluster}"

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return whole objects, each read once for all its properties."""
        objects: dict[str, SecretValue | ProviderError] = {}

        def one(request: SecretRequest) -> SecretValue:
            require_plain(request, "CRD")
            namespace, name = self._place(request.key)
            if not self._whitelist.permits(name, namespace, request.property):
                raise ProviderDenied("the whitelist of the store does not let this be read")
            if request.key not in objects:
                objects[request.key] = self._got(namespace, name)
            found = objects[request.key]
            if isinstance(found, ProviderError):
                raise found.alone()
            return found

        return one_by_one(requests, one)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return all objects whose key matches, without those that the whitelist withholds."""
        if find.path or find.tags is not None:
            raise ProviderDenied("find.path and find.tags are not implemented in the CRD provider: use find.name")
        pattern, found = compiled(find.name), SearchResults()
        for each in self._listed():
            meta = each.get("metadata")
            name = meta.get("name") if isinstance(meta, dict) else None
            if not isinstance(meta, dict) or not isinstance(name, str):
                raise ProviderUnavailable("ListObjects: the answer is no list of objects")
            namespace = str(meta.get("namespace") or "")
            key = f"{namespace}/{name}" if namespace and not self._namespace else name
            if pattern.search(key) and self._whitelist.permits(name, namespace, ""):
                found[key] = document(each)
        return found

    def property_value(self, whole: SecretValue, path: str) -> SecretValue | DocumentPath | None:
        """Return the document to look in."""
        return DocumentPath(whole, path) if path else whole

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | SecretValue:
        """Return the JSON object to take apart; what is none becomes the member `value`."""
        return found if found.reveal().lstrip()[:1] == b"{" else {VALUE: found}

    def _got(self, namespace: str, name: str) -> SecretValue | ProviderError:
        found = self._served()
        path = _path(found, namespace) + f"/{quote(name, safe='')}"
        try:
            body = self._connection.request("GetObject", "GET", path)
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            return error
        meta = body.get("metadata")
        if not isinstance(meta, dict) or meta.get("name") != name:
            return ProviderUnavailable("GetObject: the answer is no object, or another one than was asked for")
        return document(body)

    def _place(self, key: str) -> tuple[str, str]:
        """Return namespace and name of a key. Raises ProviderDenied."""
        namespace, slash, name = key.rpartition("/")
        if self._namespace and slash:
            raise ProviderDenied("the key of a SecretStore is the name of an object, without a namespace")
        if not self._namespace and self._served().namespaced and not namespace:
            raise ProviderDenied("the key of a ClusterSecretStore is namespace/name")
        if not name or name in (".", "..") or "/" in namespace or namespace in (".", ".."):
            raise ProviderDenied("the key names no object")
        return self._namespace or namespace, name

    def _served(self) -> Resource:
        """Return how the API server serves the kind. Raises ProviderDenied if it does not."""
        if self._resource is None:
            group, version = self._wanted.group, self._wanted.version
            path = (
                f"/apis/{quote(group, safe='')}/{quote(version, safe='')}"
                if group
                else f"/api/{quote(version, safe='')}"
            )
            self._resource = _resource(self._discovered(path), self._wanted.kind, path)
        return self._resource

    def _discovered(self, path: str) -> list[Any]:
        try:
            listed = self._connection.request("DiscoverResources", "GET", path).get("resources")
        except SecretAbsent:
            raise ProviderDenied(f"{AT}.resource: the API server has no such group and version") from None
        if not isinstance(listed, list):
            raise ProviderUnavailable("DiscoverResources: the answer is no list of resources")
        return listed

    def _listed(self) -> Iterator[Mapping[str, Any]]:
        path, params = _path(self._served(), self._namespace), {"limit": str(PAGE_OBJECTS)}
        until = time.monotonic() + self._seconds
        for _ in range(MAX_PAGES):
            page = self._connection.request("ListObjects", "GET", path, params=params)
            items, meta = page.get("items"), page.get("metadata") or {}
            if not isinstance(items, list) or not isinstance(meta, dict) or not all(isinstance(e, dict) for e in items):
                raise ProviderUnavailable("ListObjects: the answer is no list of objects")
            yield from items
            if not meta.get("continue"):
                return
            if time.monotonic() > until:
                raise ProviderDenied(f"find takes over {self._seconds:g} s: there are too many objects")
            params["continue"] = str(meta["continue"])
        raise ProviderDenied(f"find goes through more than {MAX_PAGES * PAGE_OBJECTS} objects")


async def connect(spec: CustomResources, context: ConnectContext) -> Client:
    """Return the reader of one kind of a cluster."""
    if not spec.resource.group and spec.resource.kind.lower() == "secret":
        raise NeedsHuman(INVALID, f"{AT}.resource: Secrets are read by the provider kubernetes")
    rules = (spec.whitelist.rules if spec.whitelist is not None else None) or []
    namespace = context.lookup.store.namespace
    whitelist = Whitelist(rules, f"{AT}.whitelist", cluster=not namespace)
    given = spec.model_dump(by_alias=True, exclude_none=True, include={"auth", "auth_ref", "server"})
    server, cluster = await server_of(KubernetesProvider.model_validate(given), context, AT)

    def make() -> Client:
        connection = Connection(server, context.count, context.timeout, LABEL)
        return ResourceReader(connection, spec.resource, whitelist, namespace, cluster, context.timeout)

    return await context.run(make)


def _resource(listed: list[Any], kind: str, path: str) -> Resource:
    for each in listed:
        plural = each.get("name") if isinstance(each, dict) and each.get("kind") == kind else None
        if isinstance(plural, str) and "/" not in plural:  # what has a slash is a subresource
            if path.startswith("/api/") and plural == "secrets":
                raise ProviderDenied(f"{AT}.resource: Secrets are read by the provider kubernetes")
            return Resource(path, plural, each.get("namespaced") is True)
    raise ProviderDenied(f"{AT}.resource: the API server has no such kind in this group and version")


def _path(resource: Resource, namespace: str) -> str:
    place = f"/namespaces/{quote(namespace, safe='')}" if resource.namespaced and namespace else ""
    return f"{resource.path}{place}/{resource.plural}"
