"""Objects of any kind but Secret: what a store's identity and rules let be read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from external.api.providers.kubernetes import CustomResource
from external.providers.kubernetes.connection import Connection, Forbidden
from external.providers.kubernetes.lists import Listing, listed, reviewed
from external.providers.kubernetes.resource_rules import AccessRules, ObjectName
from external.providers.protocol import (
    DocumentPath,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    ValidationUnknown,
    one_by_one,
)
from external.providers.support.naming import compiled, document
from external.providers.support.search import SearchResults
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.secret_value import SecretValue

LABEL = "Kubernetes/CustomResources"
GET, LIST = "GetObject", "ListObjects"
"""The same for all kinds: a tenant chooses the kind, and these are labels of a metric."""
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
MAX_NAME_CHARACTERS = 253


@dataclass(frozen=True)
class Scope:
    """Where a store reads."""

    namespace: str
    """Of a namespaced store, which reads no other; empty for a cluster-scoped one."""
    cluster: str
    """What messages call the cluster."""
    seconds: float
    """Maximum duration of a search."""


@dataclass(frozen=True)
class ServedKind:
    """A kind as its API server serves it."""

    resource: CustomResource
    plural: str
    namespaced: bool

    def path(self, namespace: str) -> str:
        """Return the path of its objects; of all namespaces for an empty one."""
        inner = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{_api(self.resource)}{inner}/{quote(self.plural, safe='')}"


class ResourceObject(SecretValue):
    """One object as JSON, with the name by which the rules know it."""

    __slots__ = ("place",)

    def __init__(self, place: ObjectName, text: bytes) -> None:
        super().__init__(text)
        self.place = place


class CustomResources:
    """Reads objects of one kind; the first read finds out how the API server serves it."""

    natural = False
    batch = 1
    converts_names = True

    def __init__(self, connection: Connection, resource: CustomResource, scope: Scope, rules: AccessRules) -> None:
        self._connection = connection
        self._resource = resource
        self._scope = scope
        self._rules = rules
        self._known: ServedKind | None = None

    def validate(self) -> None:
        """Check that the kind is served and the identity may read it; no object is read. Raises ProviderError."""
        served = self._discovered()
        if not self._may("get", served):
            if served.namespaced and not self._scope.namespace:
                raise ValidationUnknown("the identity may not read all namespaces, and the store names none")
            raise ProviderDenied(f"the identity may not get {self._named(served)}")

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._connection.close()

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return whole objects, for `property_value` and `members`, which know the rules."""
        return one_by_one(requests, self._whole)

    def location(self, request: SecretRequest) -> str:
        """Return kind, namespace and cluster."""
        del request
        where = f"namespace {self._scope.namespace} of " if self._scope.namespace else ""
        return f"{self._resource.kind} in {where}{self._scope.cluster}"

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the objects whose name matches, which have all labels, and which the rules admit whole, as JSON."""
        if find.path:
            raise ProviderDenied("find.path has no effect on objects of a cluster: remove it")
        served = self._served()
        pattern, found = compiled(find.name), SearchResults()
        for each in self._listed(served, find.tags or ()):
            place = _place(each)
            name = f"{place.namespace}/{place.name}" if place.namespace and not self._scope.namespace else place.name
            if pattern.search(name) and self._rules.admit(place):
                found[name] = document(each)
        return found

    def property_value(self, whole: SecretValue, path: str) -> SecretValue | DocumentPath:
        """Return where a property is, or the whole object for an empty path. Raises ProviderDenied by the rules."""
        self._require_admitted(whole, path)
        return DocumentPath(whole, path) if path else whole

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | SecretValue:
        """Return an object's JSON; what is no object becomes the member `value`. Raises ProviderDenied by the rules."""
        if isinstance(found, ResourceObject):
            self._require_admitted(found, "")
            return found
        try:
            return found if isinstance(read_json(found.reveal(), ANSWER), dict) else {"value": found}
        except Unreadable:
            return {"value": found}

    def _require_admitted(self, whole: SecretValue, path: str) -> None:
        if not isinstance(whole, ResourceObject):
            raise ProviderDenied("a list of objects is no object")
        if not self._rules.admit(whole.place, path):
            what = f"property {path} of this object" if path else "this object as a whole"
            raise ProviderDenied(f"whitelist: no rule of the store lets {what} be read")

    def _whole(self, request: SecretRequest) -> SecretValue:
        if request.version:
            raise ProviderDenied("remoteRef.version: objects of a cluster have no versions; remove it")
        if request.metadata:
            raise ProviderDenied("metadataPolicy Fetch: read labels by the property metadata.labels instead")
        served = self._served()
        place = self._named_by(request.key, served)
        call, path = GET, f"{served.path(place.namespace)}/{quote(place.name, safe='')}"
        try:
            found = self._connection.request(call, "GET", path)
        except SecretAbsent:
            self._discovered()  # of a kind that is gone too every object is "not found", and comes back with it
            raise
        except Forbidden as error:
            raise Forbidden(f"{error}; its role needs get on {self._named(served)}") from None
        if found.get("kind") != self._resource.kind or _place(found) != place:
            raise ProviderUnavailable(f"{call}: the answer is not this object")
        return ResourceObject(place, document(found).reveal())

    def _named_by(self, key: str, served: ServedKind) -> ObjectName:
        """Return the object of a key. Raises ProviderDenied for a key that names none."""
        head, slash, name = key.rpartition("/")
        free = served.namespaced and not self._scope.namespace
        if bool(slash) is not free or (free and NAMESPACE.fullmatch(head) is None):
            raise ProviderDenied(f"the key must be {'NAMESPACE/NAME' if free else 'the name of an object'}")
        if not name or name in (".", "..") or "%" in name or len(name) > MAX_NAME_CHARACTERS:
            raise ProviderDenied("the key is no name of an object")
        return ObjectName(head if free else self._scope.namespace if served.namespaced else "", name)

    def _listed(self, served: ServedKind, labels: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        kind = {"apiVersion": _version(self._resource), "kind": self._resource.kind}
        listing = Listing(LIST, "objects", served.path(self._scope.namespace))
        try:
            for each in listed(self._connection, listing, labels, self._scope.seconds):
                yield {**kind, **each}  # the items of a list need not repeat them
        except SecretAbsent:
            raise ProviderUnavailable(f"{LIST}: the kind is not served any more") from None
        except Forbidden as error:
            raise Forbidden(f"{error}; its role needs list on {self._named(served)}") from None

    def _may(self, verb: str, served: ServedKind) -> bool:
        wanted = {"verb": verb, "group": self._resource.group, "resource": served.plural}
        body = {"spec": {"resourceAttributes": {**wanted, "namespace": self._scope.namespace}}}
        return bool(reviewed(self._connection, "SelfSubjectAccessReview", body).get("allowed"))

    def _named(self, served: ServedKind) -> str:
        group = f".{self._resource.group}" if self._resource.group else ""
        inner = f" in namespace {self._scope.namespace}" if served.namespaced and self._scope.namespace else ""
        return f"{served.plural}{group}{inner}"

    def _served(self) -> ServedKind:
        return self._known or self._discovered()

    def _discovered(self) -> ServedKind:
        """Return how the API server serves the kind now. Raises ProviderError, never SecretAbsent."""
        self._known = None
        call, resource = "GetAPIResources", self._resource
        try:
            answer = self._connection.request(call, "GET", _api(resource))
        except SecretAbsent:
            raise ProviderDenied(f"resource: the API server does not serve {_version(resource)}") from None
        items = answer.get("resources")
        if not isinstance(items, list) or not all(isinstance(each, dict) and each.get("name") for each in items):
            raise ProviderUnavailable(f"{call}: the answer is no list of resources")
        for each in items:
            name = str(each["name"])
            if each.get("kind") == resource.kind and "/" not in name:
                self._known = ServedKind(resource, name, each.get("namespaced") is True)
                return self._known
        raise ProviderDenied(f"resource: {_version(resource)} of the API server has no kind {resource.kind}")


def _api(resource: CustomResource) -> str:
    group, version = quote(resource.group, safe=""), quote(resource.version, safe="")
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _version(resource: CustomResource) -> str:
    return f"{resource.group}/{resource.version}" if resource.group else resource.version


def _place(found: Mapping[str, Any]) -> ObjectName:
    """Return the name of an object. Raises ProviderUnavailable for what has none."""
    meta = found.get("metadata")
    name, namespace = (meta.get("name"), meta.get("namespace") or "") if isinstance(meta, dict) else (None, "")
    if not isinstance(name, str) or not isinstance(namespace, str):
        raise ProviderUnavailable("the answer is an object without a name")
    return ObjectName(namespace, name)
