"""The subject of custom resources, on a real API server."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import uuid4

from external.api.providers.crd import CustomResourcesResource
from external.providers.kubernetes import custom_resources
from external.providers.kubernetes.connection import Connection, Server
from external.providers.kubernetes.custom_resources import ResourceReader
from external.providers.kubernetes.whitelist import Whitelist
from external.providers.push import RemoteRef
from manager.core.secret_value import SecretValue
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube
from tests.cluster.wait import wait_until
from tests.conformance.providers.subject import EVERYWHERE, STORE, Subject

RBAC = "rbac.authorization.k8s.io"
WHOLE = "a search gives whole objects, in which the API server writes too"
NO_TAGS = "its labels are a part of the object"


class CustomResourceSubject(Subject):
    """A kind of its own, whose objects a ServiceAccount may read in the store's namespace."""

    NAME = "Custom resources"
    KIND = "crd"
    LABEL = "Kubernetes/CustomResources"
    SERVER = "a real API server"
    NEEDS = ("control_plane", "kube")
    NO_PUSHES = "external-secrets calls it ReadOnly"
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_version_is_read": "objects have no versions",
        "test_a_disabled_version_is_not_absent": "objects have no versions",
        "test_tags_are_read_as_metadata": NO_TAGS,
        "test_a_search_by_tags": NO_TAGS,
        "test_a_search_by_name": WHOLE,
        "test_a_search_below_a_path": "names of objects have no path",
        "test_a_name_with_dots_wins_over_the_path": "a path begins in the object, and not in the document",
        "test_bytes_that_are_no_text_are_read": "its values are text",
    }
    denied = (403, {"kind": "Status", "reason": "Forbidden", "message": "things is forbidden"})
    page = 3

    def __init__(self, plane: ControlPlane, kube: Kube) -> None:
        super().__init__()
        self.kube, self._url, self._authority = kube, plane.url, plane.ca_file.read_text()
        self.group = f"g{uuid4().hex[:8]}.coffer.test"
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": STORE.namespace}})
        kube.apply(self._definition())
        self._allow()
        self._path = f"/apis/{self.group}/v1/namespaces/{STORE.namespace}/things"
        wait_until(lambda: kube.request("GET", self._path), bool, what="the kind is served")
        self._token = kube.token("reader", STORE.namespace)

    @contextmanager
    def small_pages(self) -> Iterator[None]:
        with patch.object(custom_resources, "PAGE_OBJECTS", self.page):
            yield

    def stop(self) -> None:
        self.kube.delete("customresourcedefinitions", f"things.{self.group}")

    def spec(self, url: str = "") -> Mapping[str, Any]:
        del url
        bundle = base64.b64encode(self._authority.encode()).decode()
        auth = {"token": {"bearerToken": {"name": "login", "key": "token"}}}
        resource = {"group": self.group, "version": "v1", "kind": "Thing"}
        return {"server": {"url": self._url, "caBundle": bundle}, "auth": auth, "resource": resource}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": self._token.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": b"eyJ.wrong"}}

    def trusting(self, pem: str) -> Mapping[str, Any]:
        return {"server": {"url": self._url, "caBundle": base64.b64encode(pem.encode()).decode()}}

    def client(self, *, url: str = "", timeout: float = 20, **given: Any) -> Any:
        """Return a client; of a server without TLS past the store, which names no such server."""
        if not url:
            return super().client(timeout=timeout, **given)
        connection = Connection(Server(url, None, EVERYWHERE, SecretValue(b"token")), self.count, timeout)
        resource = CustomResourcesResource(group=self.group, version="v1", kind="Thing")
        return ResourceReader(connection, resource, Whitelist([], "", cluster=False), "ns", "x", timeout)

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(key, name or "spec.value")

    def inside(self, path: str) -> str:
        return f"spec.{path}"

    def extracting(self) -> Mapping[str, Any]:
        return {"property": "spec"}

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        del marks
        self._put(key, {"value": content.decode()})

    def put_document(self, key: str, content: bytes) -> None:
        self._put(key, json.loads(content))

    def remove(self, key: str) -> None:
        self.kube.request("DELETE", f"{self._path}/{key}")

    def content(self, key: str) -> bytes | None:
        raise NotImplementedError(key)

    def _put(self, key: str, spec: Mapping[str, Any]) -> None:
        meta = {"name": key, "namespace": STORE.namespace}
        body = {"apiVersion": f"{self.group}/v1", "kind": "Thing", "metadata": meta, "spec": dict(spec)}
        self.kube.request("POST", self._path, body)

    def _definition(self) -> dict[str, Any]:
        open_spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        schema = {"type": "object", "properties": {"spec": open_spec}}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"}
        spec = {"group": self.group, "scope": "Namespaced", "names": names, "versions": [version]}
        meta = {"name": f"things.{self.group}"}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": meta,
            "spec": spec,
        }

    def _allow(self) -> None:
        meta = {"name": "reader", "namespace": STORE.namespace}
        account = {"kind": "ServiceAccount", "name": "reader", "namespace": STORE.namespace}
        rules = [{"apiGroups": [self.group], "resources": ["things"], "verbs": ["get", "list"]}]
        role = {"apiGroup": RBAC, "kind": "Role", "name": "reader"}
        self.kube.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
            {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta, "rules": rules},
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": role,
                "subjects": [account],
            },
        )
