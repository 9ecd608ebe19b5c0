"""A small synchronous client for tests: kubectl's actions as function calls with plain dicts."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
import yaml

from tests.cluster.wait import wait_until

Object = dict[str, Any]
Objects = list[Object]

TOO_MANY_REQUESTS = 429
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_MERGE, _APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
AGENT = "coffer-test"
_CRDS = "customresourcedefinitions"
DAY = 86400


class ApiError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason = status, reason


LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where there is one: Python's own takes five seconds for the CRDs."""


@dataclass(frozen=True)
class Resource:
    """A kind that the API server serves."""

    base: str
    """/api/v1 or /apis/group/version."""
    plural: str
    """Its name in paths."""
    kind: str
    """Its name in manifests."""
    namespaced: bool
    """Whether its objects live in a namespace."""


class Kube:
    """The API server, used as administrator or with a token.

    `kind` is what kubectl accepts: secrets, Secret, or sealedsecrets.bitnami.com if a name alone is ambiguous.
    """

    wait_until = staticmethod(wait_until)

    def __init__(self, url: str, ca_file: Path, *, cert: tuple[Path, Path] | None = None, token: str = "") -> None:
        self.url = url
        cert_file, key_file = map(str, cert) if cert else (None, None)
        headers = {"User-Agent": AGENT} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._pool = urllib3.PoolManager(
            maxsize=8,
            headers=headers,
            retries=False,
            timeout=30.0,
            ca_certs=str(ca_file),
            cert_file=cert_file,
            key_file=key_file,
        )
        self._served: dict[str, Resource] = {}

    def close(self) -> None:
        """Close its connections."""
        self._pool.clear()

    def request(self, method: str, path: str, body: object = None, accept: str = "", content_type: str = "") -> Any:
        """Send any request; return the parsed answer, or its text if it is not JSON. Raises ApiError."""
        headers = {**self._pool.headers, "Accept": accept or "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type or "application/json"
        data = None if body is None else json.dumps(body).encode()
        send = partial(self._pool.request, method, self.url + path, body=data, headers=headers)
        answer = send()
        if answer.status == TOO_MANY_REQUESTS:  # such as for a kind whose CRD has just changed
            answer = wait_until(send, lambda again: again.status != TOO_MANY_REQUESTS, what=f"an answer to {path}")
        text = answer.data.decode()
        parsed = json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
        if answer.status >= 400:
            status = parsed if isinstance(parsed, dict) else {"message": text}
            raise ApiError(answer.status, status.get("reason", ""), status.get("message", ""))
        return parsed

    def resource(self, kind: str) -> Resource:
        """Return the served kind of this name; ask the server again before giving up. Raises LookupError."""
        if kind.lower() not in self._served:
            self._served = self._discover()
        try:
            return self._served[kind.lower()]
        except KeyError:
            raise LookupError(f"the API server serves no {kind}") from None

    def _discover(self) -> dict[str, Resource]:
        served: dict[str, Resource] = {}
        for root in ("/api", "/apis"):
            for group in self.request("GET", root, accept=_DISCOVERY)["items"]:
                name = group.get("metadata", {}).get("name", "")
                for version in group["versions"]:
                    base = "/".join(filter(None, (root, name, version["version"])))
                    for each in version["resources"]:
                        kind = each["responseKind"]["kind"]
                        found = Resource(base, each["resource"], kind, each["scope"] == "Namespaced")
                        api_version = base.removeprefix("/apis/").removeprefix("/api/")
                        for alias in (found.plural, kind, f"{found.plural}.{name}", f"{api_version}/{kind}"):
                            served.setdefault(alias.lower(), found)
        return served

    def path(self, kind: str, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Return the path of a collection, an object or its subresource."""
        resource = self.resource(kind)
        within = ("namespaces", namespace) if namespace and resource.namespaced else ()
        return "/".join(filter(None, (resource.base, *within, resource.plural, quote(name), subresource)))

    def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """Return an object, None if it does not exist."""
        try:
            return self.get(kind, name, namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """Return an object. Raises ApiError 404."""
        answer: Object = self.request("GET", self.path(kind, namespace, name))
        return answer

    def list(self, kind: str, namespace: str | None = None, **query: str) -> Objects:
        """Return the objects of one or all namespaces; query parameters such as `labelSelector=…` filter them."""
        suffix = f"?{urlencode(query)}" if query else ""
        items: Objects = self.request("GET", self.path(kind, namespace) + suffix)["items"]
        return items

    def create(self, manifest: Object) -> Object:
        """Create an object."""
        answer: Object = self.request("POST", self._path_of(manifest, named=False), manifest)
        return answer

    def apply(self, *manifests: Object, manager: str = AGENT, force: bool = True) -> Objects:
        """Apply objects server-side; with `force` take over fields of other managers."""
        query = urlencode({"fieldManager": manager, "force": str(force).lower()})
        return [
            self.request("PATCH", f"{self._path_of(each)}?{query}", each, content_type=_APPLY) for each in manifests
        ]

    def apply_file(self, path: Path) -> Objects:
        """Apply every document of a YAML file."""
        return self.apply(*(each for each in yaml.load_all(path.read_text(), LOADER) if each))

    def patch(self, kind: str, name: str, namespace: str | None, patch: Object, subresource: str = "") -> Object:
        """Merge a patch into an object or its subresource; None removes a field."""
        path = self.path(kind, namespace, name, subresource)
        answer: Object = self.request("PATCH", path, patch, content_type=_MERGE)
        return answer

    def annotate(self, kind: str, name: str, namespace: str | None, annotations: Mapping[str, str | None]) -> Object:
        """Set annotations; None removes one."""
        return self.patch(kind, name, namespace, {"metadata": {"annotations": dict(annotations)}})

    def delete(self, kind: str, name: str, namespace: str | None = None, propagation: str = "Background") -> None:
        """Delete an object; no error if it does not exist."""
        try:
            self.request("DELETE", self.path(kind, namespace, name), {"propagationPolicy": propagation})
        except ApiError as error:
            if error.status != 404:
                raise

    def token(self, service_account: str, namespace: str) -> str:
        """Return a new token of a ServiceAccount, valid for a day."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86400},
        }
        path = self.path("serviceaccounts", namespace, service_account, "token")
        token: str = self.request("POST", path, request)["status"]["token"]
        return token

    def events(self, namespace: str, name: str) -> Objects:
        """Return the Events about the objects of this name."""
        return self.list("v1/Event", namespace, fieldSelector=f"involvedObject.name={name}")

    def install_crds(self, folder: Path, timeout: float = 20.0) -> None:
        """Apply every CRD of a folder and wait until all are served."""
        applied = [crd for file in sorted(folder.glob("*.yaml")) for crd in self.apply_file(file)]
        for name in (crd["metadata"]["name"] for crd in applied):
            wait_until(partial(self.get, _CRDS, name), _established, timeout, f"CRD {name}")
        self._served = {}

    def delete_crds(self, *names: str, timeout: float = 60.0) -> None:
        """Delete CRDs and wait until they are gone."""
        for name in names:
            self.delete(_CRDS, name)
        wait_until(lambda: _remaining(self, names), lambda left: not left, timeout, "the CRDs to go")

    def _path_of(self, manifest: Object, *, named: bool = True) -> str:
        metadata = manifest["metadata"]
        kind = f"{manifest['apiVersion']}/{manifest['kind']}"
        return self.path(kind, metadata.get("namespace", "default"), metadata["name"] if named else "")


def _established(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions", [])
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _remaining(kube: Kube, names: Sequence[str]) -> list[str]:
    """Touch the CRDs that still exist, and return their names.

    The API server tries a deletion again only after it has seen a change that is not its own; after a conflict in
    its first moments it would wait for its resync, five minutes.
    """
    left = [name for name in names if kube.find(_CRDS, name) is not None]
    for name in left:
        with suppress(ApiError):
            kube.annotate(_CRDS, name, None, {"coffer.test/touched": str(time.monotonic())})
    return left


def decoded(secret: Object) -> dict[str, str]:
    """Return a Secret's data as text."""
    return {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}
