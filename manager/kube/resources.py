"""The resource types that Coffer knows, and the keys by which objects are named."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from manager.core.errors import NotFound

PLAIN = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._:]*")
Body = dict[str, Any]
"""A Kubernetes object as parsed JSON."""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One REST resource of the API server; there is one instance of each, compared by identity."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    metadata_only: bool = False
    """Watched as PartialObjectMetadata; whole objects are read only when a decision needs them."""

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path; without a namespace, that of all namespaces.

        Raises NotFound for a name that no object can have: a slash or dots in it would lead to other objects.
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", self._part(namespace)]
        parts += [self.plural] + [self._part(part) for part in (name, subresource) if part]
        return "/".join(parts)

    def _part(self, name: str) -> str:
        """Return a name as a part of a path (Kubernetes: path segment names). Raises NotFound."""
        if PLAIN.fullmatch(name):
            return name
        if name in (".", "..") or "/" in name or "%" in name:
            raise NotFound(404, "NotFound", f"{self.kind}: no object can have this name")
        return quote(name, safe="")


SECRETS = Resource("", "v1", "secrets", "Secret", metadata_only=True)
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", metadata_only=True)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False, metadata_only=True)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
EVENTS = Resource("", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
SUBJECT_ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
LOCAL_SUBJECT_ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview"
)
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
SEALED_SECRETS = Resource("bitnami.com", "v1alpha1", "sealedsecrets", "SealedSecret")
EXTERNAL_SECRETS = Resource("external-secrets.io", "v1", "externalsecrets", "ExternalSecret")
SECRET_STORES = Resource("external-secrets.io", "v1", "secretstores", "SecretStore")
CLUSTER_SECRET_STORES = Resource(
    "external-secrets.io", "v1", "clustersecretstores", "ClusterSecretStore", namespaced=False
)
CLUSTER_EXTERNAL_SECRETS = Resource(
    "external-secrets.io", "v1", "clusterexternalsecrets", "ClusterExternalSecret", namespaced=False
)
PUSH_SECRETS = Resource("external-secrets.io", "v1alpha1", "pushsecrets", "PushSecret")
CLUSTER_PUSH_SECRETS = Resource(
    "external-secrets.io", "v1alpha1", "clusterpushsecrets", "ClusterPushSecret", namespaced=False
)


class Key(NamedTuple):
    """The name of one object; queues hold nothing else."""

    resource: Resource
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"

    @property
    def path(self) -> str:
        """The URL path of the object."""
        return self.resource.path(self.namespace, self.name)


def key_of(resource: Resource, body: Body) -> Key:
    """Return the key of an object. The resource comes from the request: items of a list may have no kind."""
    meta = body["metadata"]
    return Key(resource, meta.get("namespace", ""), meta["name"])
