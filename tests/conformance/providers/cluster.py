"""The subject of the Kubernetes provider, on a real API server."""

import base64
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import uuid4

from external.providers.kubernetes import lists
from external.providers.kubernetes.client import Cluster
from external.providers.kubernetes.connection import Connection, Server
from external.providers.push import RemoteRef
from manager.core.secret_value import SecretValue
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube
from tests.conformance.providers.subject import EVERYWHERE, Subject

RBAC = "rbac.authorization.k8s.io"
PROPERTY = "value"
NO_VERSIONS = "Secrets have no versions"


class ClusterSubject(Subject):
    """A namespace, in which the ServiceAccount `pusher` has the rights that the texts name."""

    NAME = "Kubernetes"
    KIND = "kubernetes"
    LABEL = "Kubernetes"
    SERVER = "a real API server"
    NEEDS = ("control_plane", "kube")
    WRITES = frozenset({"CreateSecret", "UpdateSecret", "DeleteSecret"})
    page = 3
    documents = False
    whole_is_text = False
    taken_over_if_recorded = True
    some_metadata: ClassVar[Mapping[str, Any]] = {
        "sourceMergePolicy": "Replace",
        "targetMergePolicy": "Merge",
        "labels": {"team": "a"},
        "annotations": {"note": "b"},
    }

    other_forms = ('{"data":{"metadata":[]}}',)
    refused_push = "get, create and update"
    denied = (403, {"kind": "Status", "reason": "Forbidden", "message": 'secrets "app" is forbidden'})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_record_alone_takes_nothing_over": "the Secrets of a namespace belong to who may write there",
        "test_versions_tell_whether_a_secret_changed": "no list of it tells versions",
        "test_a_disabled_version_is_not_absent": NO_VERSIONS,
        "test_a_version_is_read": NO_VERSIONS,
        "test_redirects_end": "an API server does not redirect, and only https is spoken: what it answers is garbage",
        "test_a_search_below_a_path": "names of Secrets have no path",
        "test_another_host_gets_no_credential": "stores reach API servers over https only",
    }

    def __init__(self, plane: ControlPlane, kube: Kube) -> None:
        super().__init__()
        self.kube, self.namespace = kube, f"push-{uuid4().hex[:8]}"
        kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        self._url = plane.url
        self._authority = plane.ca_file.read_text()
        self.allow("get", "list", "create", "update", "delete")
        self._token = self._token_of_pusher()

    @contextmanager
    def small_pages(self) -> Iterator[None]:
        with patch.object(lists, "PAGE_OBJECTS", self.page):
            yield

    def stop(self) -> None:
        self.kube.delete("namespaces", self.namespace)

    def allow(self, *verbs: str) -> None:
        """Give the identity these rights."""
        meta = {"name": "pusher", "namespace": self.namespace}
        rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": list(verbs)}]
        self.kube.apply({"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta, "rules": rules})

    def spec(self, url: str = "") -> Mapping[str, Any]:
        del url
        server = {"url": self._url, **_bundle(self._authority)}
        auth = {"token": {"bearerToken": {"name": "login", "key": "token"}}}
        return {"server": server, "auth": auth, "remoteNamespace": self.namespace}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": self._token.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": b"eyJ.wrong"}}

    def trusting(self, pem: str) -> Mapping[str, Any]:
        return {"server": {"url": self._url, **_bundle(pem)}}

    def client(self, *, url: str = "", timeout: float = 5, chooses_namespace: bool = False, **given: Any) -> Any:
        """Return a client; of a server without TLS past the store, which names no such server."""
        if not url and not chooses_namespace:
            return super().client(timeout=timeout, **given)
        trust = None if url else ssl.create_default_context(cadata=self._authority)
        server = Server(url or self._url, trust, EVERYWHERE, SecretValue(self._token.encode()))
        connection = Connection(server, self.count, timeout)
        return Cluster(connection, self.namespace, timeout, "x", chooses_namespace=chooses_namespace)

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(key, name or PROPERTY)

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        data = {PROPERTY: base64.b64encode(content).decode()}
        if content.startswith(b"{"):
            data |= {name: base64.b64encode(str(each).encode()).decode() for name, each in json.loads(content).items()}
        meta: dict[str, Any] = {"name": key, "namespace": self.namespace, "annotations": dict(marks or {})}
        self.kube.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})

    def put_tagged(self, key: str, content: bytes, tags: Mapping[str, str]) -> None:
        meta: dict[str, Any] = {"name": key, "namespace": self.namespace, "labels": dict(tags)}
        data = {PROPERTY: base64.b64encode(content).decode()}
        self.kube.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})

    def put_document(self, key: str, content: bytes) -> None:
        self.put_tagged(key, content, {})

    def put_value(self, key: str, content: bytes) -> None:
        self.put_tagged(key, content, {})

    def extracting(self) -> Mapping[str, Any]:
        return {"property": PROPERTY}

    def as_member(self, text: str) -> bytes:
        """The original keeps the quotes here."""
        return json.dumps(text).encode()

    def inside(self, path: str) -> str:
        return f"{PROPERTY}.{path}"

    def as_found(self, content: bytes) -> bytes:
        return json.dumps({PROPERTY: content.decode()}, separators=(",", ":")).encode()

    def tag_property(self, name: str) -> str:
        return f"labels.{name}"

    def remove(self, key: str) -> None:
        self.kube.delete("secrets", key, self.namespace)

    def content(self, key: str) -> bytes | None:
        secret = self.kube.find("secrets", key, self.namespace)
        if secret is None:
            return None
        data = {name: base64.b64decode(value) for name, value in (secret.get("data") or {}).items()}
        return data[PROPERTY] if set(data) == {PROPERTY} else json.dumps(_texts(data), sort_keys=True).encode()

    def found_marks(self, key: str) -> Mapping[str, str]:
        return self.kube.get("secrets", key, self.namespace)["metadata"].get("annotations") or {}

    def _token_of_pusher(self) -> str:
        meta = {"name": "pusher", "namespace": self.namespace}
        subjects = [{"kind": "ServiceAccount", **meta}]
        reference = {"apiGroup": RBAC, "kind": "Role", "name": "pusher"}
        bound = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": meta}
        self.kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        self.kube.apply(bound | {"subjects": subjects, "roleRef": reference})
        return self.kube.token("pusher", self.namespace)


def _bundle(pem: str) -> dict[str, str]:
    return {"caBundle": base64.b64encode(pem.encode()).decode()}


def _texts(data: Mapping[str, bytes]) -> dict[str, str]:
    return {name: value.decode(errors="replace") for name, value in data.items()}
