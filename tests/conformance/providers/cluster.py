"""The bench of the Kubernetes provider, on a real API server."""

import base64
import json
import ssl
from collections.abc import Mapping
from typing import Any, ClassVar

from external.providers.kubernetes.client import Cluster
from external.providers.kubernetes.connection import Connection, Server
from external.providers.push import RemoteRef
from manager.core.secret_value import SecretValue
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube
from tests.conformance.providers.bench import EVERYWHERE, Bench

RBAC = "rbac.authorization.k8s.io"
PROPERTY = "value"


class ClusterBench(Bench):
    """A namespace, in which the ServiceAccount `pusher` has the rights that the texts name."""

    LABEL = "Kubernetes"
    WRITES = frozenset({"CreateSecret", "UpdateSecret", "DeleteSecret"})
    documents = False
    whole_is_text = False
    taken_over_if_recorded = True
    some_metadata: ClassVar[Mapping[str, Any]] = {
        "sourceMergePolicy": "Replace",
        "targetMergePolicy": "Merge",
        "labels": {"team": "a"},
        "annotations": {"note": "b"},
    }

    def __init__(self, plane: ControlPlane, kube: Kube, namespace: str) -> None:
        super().__init__()
        self.kube, self.namespace = kube, namespace
        self._url = plane.url
        self._trust = ssl.create_default_context(cafile=str(plane.ca_file))
        self.allow("get", "create", "update", "delete")
        self._token = self._token_of_pusher()

    def allow(self, *verbs: str) -> None:
        """Give the identity these rights."""
        meta = {"name": "pusher", "namespace": self.namespace}
        rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": list(verbs)}]
        self.kube.apply({"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta, "rules": rules})

    def client(self, *, chooses_namespace: bool = False) -> Any:
        server = Server(self._url, self._trust, EVERYWHERE, SecretValue(self._token.encode()))
        connection = Connection(server, self.count, 5)
        return Cluster(connection, self.namespace, 5, "x", chooses_namespace=chooses_namespace)

    def at(self, url: str) -> Any:
        """Return a client of another server."""
        return Cluster(Connection(Server(url, None, EVERYWHERE), self.count, 1), self.namespace, 5, "x")

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(key, name or PROPERTY)

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        data = {PROPERTY: base64.b64encode(content).decode()}
        if content.startswith(b"{"):
            data |= {name: base64.b64encode(str(each).encode()).decode() for name, each in json.loads(content).items()}
        meta: dict[str, Any] = {"name": key, "namespace": self.namespace, "annotations": dict(marks or {})}
        self.kube.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})

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


def _texts(data: Mapping[str, bytes]) -> dict[str, str]:
    return {name: value.decode(errors="replace") for name, value in data.items()}
