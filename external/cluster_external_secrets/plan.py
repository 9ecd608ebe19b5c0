"""A ClusterExternalSecret and its ExternalSecrets: in which namespaces they are, and what each should be. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from external.api.cluster_external_secret import ClusterExternalSecretSpec
from external.api.hashes import spec_hash
from external.api.selectors import problems, selects
from manager.core.errors import NeedsHuman
from manager.kube.cache import Meta
from manager.kube.managed_fields import owned_keys
from manager.kube.resources import CLUSTER_EXTERNAL_SECRETS, EXTERNAL_SECRETS, Body, Key

MANAGER = "coffer-clusterexternalsecrets"
FORCE_SYNC = "external-secrets.io/force-sync"
FINALIZER = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"
NAMESPACE_FINALIZER = "externalsecrets.external-secrets.io/ces-"
TAKEN = "external secret already exists in namespace"
REASON = "ClusterExternalSecretError"
KIND = CLUSTER_EXTERNAL_SECRETS.kind


@dataclass(frozen=True, slots=True)
class NamespaceSummary:
    """What the cache keeps of a namespace beside its labels."""

    finalizers: tuple[str, ...]
    """Those that the original set for ClusterExternalSecrets."""


def namespace_summary(body: Body) -> NamespaceSummary:
    """Read a namespace."""
    found = body["metadata"].get("finalizers") or ()
    return NamespaceSummary(tuple(each for each in found if each.startswith(NAMESPACE_FINALIZER)))


def chosen(spec: ClusterExternalSecretSpec, namespaces: Iterable[tuple[Key, Meta]]) -> list[str]:
    """Return the namespaces that are chosen, without those that are being deleted."""
    found = ((key.name, meta) for key, meta in namespaces)
    return sorted(name for name, meta in found if not meta.deleting and chooses(spec, name, meta.labels))


def chooses(spec: ClusterExternalSecretSpec, namespace: str, labels: Mapping[str, str]) -> bool:
    """Return True if any selector matches a namespace, or the list names it."""
    return namespace in (spec.namespaces or ()) or any(selects(each, labels) for _, each in _selectors(spec))


def require_selectors(spec: ClusterExternalSecretSpec) -> None:
    """Raise NeedsHuman for an invalid selector: it would choose nothing, and all ExternalSecrets would be deleted."""
    found = [text for at, selector in _selectors(spec) for text in problems(selector, at)]
    if found:
        raise NeedsHuman(REASON, "; ".join(found))


def _selectors(spec: ClusterExternalSecretSpec) -> Iterator[tuple[str, Mapping[str, Any]]]:
    several = [(f"spec.namespaceSelectors[{at}]", each) for at, each in enumerate(spec.namespace_selectors or ())]
    for at, each in [("spec.namespaceSelector", spec.namespace_selector), *several]:
        if each is not None:
            yield at, each.model_dump(by_alias=True, exclude_none=True)


@dataclass(frozen=True, slots=True)
class Copies:
    """What every ExternalSecret of one ClusterExternalSecret should be."""

    body: Body = field(repr=False)
    spec: ClusterExternalSecretSpec = field(repr=False)

    @property
    def name(self) -> str:
        """Their name."""
        return self.spec.external_secret_name or str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        """The uid of their owner."""
        return str(self.body["metadata"]["uid"])

    @property
    def metadata(self) -> Mapping[str, dict[str, str]]:
        """Their labels and annotations; a forced sync is passed on."""
        given = self.spec.external_secret_metadata
        labels = dict((given and given.labels) or {})
        annotations = dict((given and given.annotations) or {})
        force = (self.body["metadata"].get("annotations") or {}).get(FORCE_SYNC)
        return {"labels": labels, "annotations": annotations | ({FORCE_SYNC: force} if force else {})}

    def key(self, namespace: str) -> Key:
        """Return the key of the one in a namespace."""
        return Key(EXTERNAL_SECRETS, namespace, self.name)

    def new(self, namespace: str) -> Body:
        """Return one to create."""
        meta: Body = {"name": self.name, "namespace": namespace, "ownerReferences": [self._owner()]}
        meta |= {name: values for name, values in self.metadata.items() if values}
        about = {"apiVersion": EXTERNAL_SECRETS.api_version, "kind": EXTERNAL_SECRETS.kind}
        return {**about, "metadata": meta, "spec": self._spec}

    def ours(self, meta: Meta) -> bool:
        """Return True if an ExternalSecret was created for this object."""
        return meta.owner is not None and meta.owner.uid == self.uid

    def stands(self, meta: Meta) -> bool:
        """Return True if an ExternalSecret is as it should be, as far as the cache shows."""
        wanted, present = self.metadata, meta.digest.annotations
        labels = wanted["labels"].items() <= meta.labels.items()
        annotations: dict[str, str | None] = {FORCE_SYNC: None, **wanted["annotations"]}
        kept = all(present.get(name) == text for name, text in annotations.items())
        return labels and kept and bool(meta.digest.spec == spec_hash(self._spec))

    def mended(self, present: Body) -> Body:
        """Return an ExternalSecret as it should be; labels and annotations of others stay."""
        meta = dict(present["metadata"])
        for name, values in self.metadata.items():
            stale = owned_keys(present["metadata"], MANAGER, "metadata", name) | {FORCE_SYNC}
            kept = {key: text for key, text in (meta.get(name) or {}).items() if key not in stale} | values
            if kept or name in meta:
                meta[name] = kept
        return {**present, "metadata": meta, "spec": self._spec}

    @property
    def _spec(self) -> Any:
        return self.body["spec"]["externalSecretSpec"]

    def _owner(self) -> Body:
        meta = self.body["metadata"]
        owner = {"apiVersion": CLUSTER_EXTERNAL_SECRETS.api_version, "kind": KIND, "name": meta["name"]}
        return owner | {"uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}
