"""A cluster that runs originals, in memory: what `coffer migrate` lists of it."""

import base64
import gzip
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from manager.cli.migrate.listed import CRDS, SERVICES, Listed
from manager.cli.migrate.originals import CHART_LABEL, NAME_LABEL, RELEASE_NAME, RELEASE_NAMESPACE
from manager.cli.migrate.reading import INSTANCE_LABEL, Reader
from manager.core.clock import SystemClock
from manager.kube.cache import MetadataCache
from manager.kube.resources import DEPLOYMENTS, NAMESPACES, SECRETS, Body, Key, Resource, key_of
from manager.kube.selectors import parse_selector
from manager.kube.writer import SEALING_KEY_LABEL
from manager.settings.model import ReflectorSettings
from reflector.view import ViewBuilder

if TYPE_CHECKING:
    from manager.core.errors import ApiError

CHARTS = {"sealed-secrets": "2.19.1", "external-secrets": "2.9.0", "reflector": "9.1.7"}


class ClusterStandIn:
    """Has the methods of KubeClient that reading needs; lists by group and plural, as the API server does."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], list[Body]] = {}
        self.failures: dict[str, ApiError] = {}
        """Plural -> what a list of it raises."""
        self.allowed = True
        """Whether ServiceAccounts may write Secrets in every namespace."""
        self.closed = False

    def put(self, resource: Resource, body: Body) -> Body:
        """Store an object."""
        meta = body["metadata"]
        meta.setdefault("uid", f"uid-{resource.plural}-{meta.get('namespace', '')}-{meta['name']}")
        meta.setdefault("resourceVersion", "1")
        self.objects.setdefault((resource.group, resource.plural), []).append(body)
        return body

    def remove(self, resource: Resource, name: str) -> None:
        """Remove the objects of a name."""
        held = self.objects[resource.group, resource.plural]
        self.objects[resource.group, resource.plural] = [each for each in held if each["metadata"]["name"] != name]

    async def pages(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        metadata_only: bool | None = None,
        most: int = 0,
    ) -> AsyncIterator[tuple[list[Body], str]]:
        """Yield one page."""
        name = fields.removeprefix("metadata.name=") if fields.startswith("metadata.name=") else ""
        if resource.plural in self.failures:
            raise self.failures[resource.plural]
        wanted = parse_selector(selector) if selector else ()
        partial = resource.metadata_only if metadata_only is None else metadata_only
        found = [
            {"metadata": each["metadata"]} if partial else each
            for each in self.objects.get((resource.group, resource.plural), [])
            if all(need.holds(each["metadata"].get("labels") or {}) for need in wanted)
            and namespace in ("", each["metadata"].get("namespace", ""))
            and name in ("", each["metadata"]["name"])
        ]
        yield found, "1"

    async def find(self, key: Key) -> Body | None:
        """Return an object."""
        held = self.objects.get((key.resource.group, key.resource.plural), [])
        return next((each for each in held if key_of(key.resource, each) == key), None)

    async def get(self, key: Key) -> Body:
        """Return an object that exists."""
        found = await self.find(key)
        assert found is not None, key
        return found

    async def find_metadata(self, key: Key) -> Body | None:
        """Return the metadata of an object."""
        found = await self.find(key)
        return None if found is None else {"metadata": found["metadata"]}

    async def post(self, _resource: Resource, _path: str, _body: Body) -> Body:
        """Answer a question for rights."""
        return {"status": {"allowed": self.allowed}}

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    async def listed(self, remembered: frozenset[tuple[str, str, str]] = frozenset()) -> Listed:
        """Read all of it."""
        return (await self.viewed(remembered))[0]

    async def viewed(self, remembered: frozenset[tuple[str, str, str]] = frozenset()) -> tuple[Listed, ViewBuilder]:
        """Read all of it; return the reflector's views of it, too."""
        client: Any = self
        found = Listed(MetadataCache())
        builder = ViewBuilder(found.cache, ReflectorSettings(), "coffer", SystemClock())
        await Reader(client, found, remembered).read()
        return found, builder

    def namespace(self, name: str) -> None:
        """Store a namespace."""
        self.put(NAMESPACES, {"metadata": {"name": name}})

    def crd(self, kind: str, plural: str, group: str, version: str = "v1", **metadata: Any) -> Body:
        """Store a CRD that serves one version."""
        names = {"kind": kind, "plural": plural}
        spec = {"group": group, "names": names, "scope": "Namespaced", "versions": [{"name": version, "served": True}]}
        return self.put(CRDS, {"metadata": {"name": f"{plural}.{group}", **metadata}, "spec": spec})

    def deployment(self, name: str, release: str, namespace: str, *, product: str = "", replicas: int = 1) -> Body:
        """Store a Deployment of a release; its Pods are ready."""
        chart = next((each for each in CHARTS if name.startswith(each)), name)
        labels = {
            NAME_LABEL: product or name,
            INSTANCE_LABEL: release,
            CHART_LABEL: f"{chart}-{CHARTS.get(chart, '1')}",
        }
        marks = owned(release, namespace) if release else {}
        spec = {"replicas": replicas, "template": {"spec": {"serviceAccountName": name}}}
        meta = {"name": name, "namespace": namespace, "labels": labels, "annotations": marks}
        return self.put(DEPLOYMENTS, {"metadata": meta, "spec": spec, "status": {"readyReplicas": replicas}})

    def service(self, name: str, namespace: str, product: str) -> Body:
        """Store a Service of an original."""
        meta = {"name": name, "namespace": namespace, "labels": {NAME_LABEL: product}}
        return self.put(SERVICES, {"metadata": meta})

    def release(self, name: str, namespace: str, chart: str, crds: Any = None, revision: int = 1) -> None:
        """Store the record of a release; `crds` says which CRDs its manifest has, and whether it keeps them."""
        documents = [_crd(each, keep=keep) for each, keep in (crds or {}).items()]
        about = {"name": chart, "version": CHARTS.get(chart, "1")}
        record = {"manifest": "---\n".join(documents), "chart": {"metadata": about}}
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
        labels = {"owner": "helm", "name": name, "status": "deployed", "version": str(revision)}
        meta = {"name": f"sh.helm.release.v1.{name}.v{revision}", "namespace": namespace, "labels": labels}
        self.put(SECRETS, {"metadata": meta, "data": {"release": packed}})

    def sealing_key(self, namespace: str) -> None:
        """Store a sealing key."""
        meta = {"name": "key", "namespace": namespace, "labels": {SEALING_KEY_LABEL: "active"}}
        self.put(SECRETS, {"metadata": meta})


def owned(release: str, namespace: str) -> dict[str, str]:
    """Return the annotations of an object that a release owns."""
    return {RELEASE_NAME: release, RELEASE_NAMESPACE: namespace}


def _crd(name: str, *, keep: bool) -> str:
    policy = "keep" if keep else "other"
    return (
        f"kind: CustomResourceDefinition\nmetadata:\n  name: {name}\n"
        f"  annotations: {{helm.sh/resource-policy: {policy}}}\nspec: {{}}\n"
    )


def three_originals(*, keep: bool = False) -> ClusterStandIn:
    """Return a cluster with the three originals, each a Helm release in kube-system, and a CRD of each."""
    found, home = ClusterStandIn(), "kube-system"
    found.namespace(home)
    found.crd("SealedSecret", "sealedsecrets", "bitnami.com", "v1alpha1")
    marks = owned("external-secrets", home)
    found.crd("ExternalSecret", "externalsecrets", "external-secrets.io", annotations=marks)
    found.deployment("sealed-secrets", "sealed-secrets", home)
    for suffix in ("", "-webhook", "-cert-controller"):
        found.deployment(f"external-secrets{suffix}", "external-secrets", home, replicas=2)
    found.deployment("reflector", "reflector", home)
    found.service("sealed-secrets-controller", home, "sealed-secrets")
    found.service("external-secrets-webhook", home, "external-secrets-webhook")
    found.release("sealed-secrets", home, "sealed-secrets")
    found.release("external-secrets", home, "external-secrets", {"externalsecrets.external-secrets.io": keep})
    found.release("reflector", home, "reflector")
    found.sealing_key(home)
    return found
