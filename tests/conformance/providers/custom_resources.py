"""The subject of the provider of custom resources, on a real API server with a CRD of its own."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import uuid4

from external.api.providers.kubernetes import CustomResource
from external.providers.kubernetes import lists
from external.providers.kubernetes.connection import Connection, Server
from external.providers.kubernetes.custom_resources import LABEL, CustomResources, Scope
from external.providers.kubernetes.resource_rules import AccessRules
from external.providers.push import RemoteRef
from manager.core.secret_value import SecretValue
from tests.builders.manifests import bound_account, widget_definition
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube
from tests.cluster.wait import wait_until
from tests.conformance.providers.subject import EVERYWHERE, STORE, Subject

PROPERTY = "spec.value"
NO_VERSIONS = "objects have no versions"


class _Whole(bytes):
    """The value of an object; equal to the whole object as JSON."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and json.loads(other)["spec"]["value"] == self.decode()

    __hash__ = bytes.__hash__


class CustomResourceSubject(Subject):
    """A kind, and a namespace in which the ServiceAccount `reader` may read it."""

    NAME = "Custom resources"
    KIND = "crd"
    LABEL = LABEL
    SERVER = "a real API server"
    NEEDS = ("control_plane", "kube")
    NO_PUSHES = "objects of other kinds are read only, as in the original"
    page = 3
    denied = (403, {"kind": "Status", "reason": "Forbidden", "message": 'widgets "app" is forbidden'})
    other_forms = ('{"resources":[{"kind":"Widget"}]}', '{"resources":{}}')
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_disabled_version_is_not_absent": NO_VERSIONS,
        "test_a_version_is_read": NO_VERSIONS,
        "test_bytes_that_are_no_text_are_read": "objects are JSON",
        "test_tags_are_read_as_metadata": "labels are a property, metadata.labels",
        "test_a_name_with_dots_wins_over_the_path": "the path leads through the whole object",
        "test_redirects_end": "an API server does not redirect, and only https is spoken: what it answers is garbage",
        "test_a_search_below_a_path": "names of objects have no path",
        "test_another_host_gets_no_credential": "stores reach API servers over https only",
    }

    def __init__(self, plane: ControlPlane, kube: Kube) -> None:
        super().__init__()
        self.kube, self.namespace = kube, STORE.namespace
        self._group = f"{uuid4().hex[:8]}.example.com"
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        kube.apply(*widget_definition(self._group), *bound_account(self.namespace, "reader", self._group, "widgets"))
        wait_until(self._served, what="the API server to serve the kind")
        self._url, self._authority = plane.url, plane.ca_file.read_text()
        self._token = kube.token("reader", self.namespace)

    @contextmanager
    def small_pages(self) -> Iterator[None]:
        with patch.object(lists, "PAGE_OBJECTS", self.page):
            yield

    def stop(self) -> None:
        self.kube.delete("customresourcedefinitions", f"widgets.{self._group}")

    def spec(self, url: str = "") -> Mapping[str, Any]:
        del url
        return {
            "server": self._server(self._authority),
            "auth": {"token": {"bearerToken": {"name": "login", "key": "token"}}},
            "resource": {"group": self._group, "version": "v1", "kind": "Widget"},
        }

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": self._token.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": b"eyJ.wrong"}}

    def trusting(self, pem: str) -> Mapping[str, Any]:
        return {"server": self._server(pem)}

    def client(self, *, url: str = "", timeout: float = 5, **given: Any) -> Any:
        """Return a client; of a server without TLS past the store, which names no such server."""
        if not url:
            return super().client(timeout=timeout, **given)
        server = Server(url, None, EVERYWHERE, SecretValue(self._token.encode()))
        resource = CustomResource(group=self._group, version="v1", kind="Widget")
        rules = AccessRules((), cluster=False, at="rules")
        connection = Connection(server, self.count, timeout, LABEL)
        return CustomResources(connection, resource, Scope(self.namespace, "x", timeout), rules)

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(key, name or PROPERTY)

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        del marks
        self._put(key, content.decode(), {})

    def put_tagged(self, key: str, content: bytes, tags: Mapping[str, str]) -> None:
        self._put(key, content.decode(), tags)

    def put_document(self, key: str, content: bytes) -> None:
        self._put(key, json.loads(content), {})

    def extracting(self) -> Mapping[str, Any]:
        return {"property": PROPERTY}

    def inside(self, path: str) -> str:
        return f"{PROPERTY}.{path}"

    def remove(self, key: str) -> None:
        self.kube.delete(f"widgets.{self._group}", key, self.namespace)

    def content(self, key: str) -> bytes | None:
        found = self.kube.find(f"widgets.{self._group}", key, self.namespace)
        return None if found is None else str(found["spec"]["value"]).encode()

    def as_found(self, content: bytes) -> bytes:
        """Return what equals a whole object with this value: a search gives whole objects."""
        return _Whole(content)

    def _put(self, key: str, value: Any, labels: Mapping[str, str]) -> None:
        meta = {"name": key, "namespace": self.namespace, "labels": dict(labels)}
        about = {"apiVersion": f"{self._group}/v1", "kind": "Widget", "metadata": meta}
        path = f"/apis/{self._group}/v1/namespaces/{self.namespace}/widgets"
        self.kube.request("POST", path, {**about, "spec": {"value": value}})

    def _served(self) -> bool:
        found = self.kube.get("customresourcedefinitions", f"widgets.{self._group}")
        told = found.get("status", {}).get("conditions", ())
        return any(each["type"] == "Established" and each["status"] == "True" for each in told)

    def _server(self, pem: str) -> dict[str, str]:
        return {"url": self._url, "caBundle": base64.b64encode(pem.encode()).decode()}
