"""A ClusterExternalSecret and its ExternalSecrets: in which namespaces they are, and what each should be. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from external.api.cluster_external_secret import ClusterExternalSecretSpec, CopiedMetadata
from external.api.fields import Model
from external.api.hashes import spec_hash
from external.api.selectors import problems, selects
from external.api.store import LabelSelector
from manager.core.errors import NeedsHuman
from manager.kube.cache import Meta
from manager.kube.managed_fields import owned_keys
from manager.kube.resources import CLUSTER_EXTERNAL_SECRETS, EXTERNAL_SECRETS, Body, Key, Resource

MANAGER = "coffer-clusterexternalsecrets"
FORCE_SYNC = "external-secrets.io/force-sync"
FINALIZER = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"
NAMESPACE_FINALIZER = "externalsecrets.external-secrets.io/ces-"
TAKEN = "external secret already exists in namespace"
REASON = "ClusterExternalSecretError"
ADOPT = "coffer.dev/adopt"
"""Annotation of a copy that was renamed: `namespace/name` of the earlier one, whose work it takes over."""


class CopySpec(Protocol):
    """The spec of an object that is copied into namespaces."""

    @property
    def copy_name(self) -> str | None:
        """The name of the copies, if it is not that of the object."""
        ...

    @property
    def copy_metadata(self) -> CopiedMetadata | None:
        """The metadata of the copies."""
        ...

    @property
    def namespace_selector(self) -> LabelSelector | None:
        """Namespaces by label."""
        ...

    @property
    def namespace_selectors(self) -> list[LabelSelector] | None:
        """Namespaces by label; one match is enough."""
        ...

    @property
    def namespaces(self) -> list[str] | None:
        """Namespaces by name."""
        ...


@dataclass(frozen=True)
class CopyKind:
    """A kind whose objects are copied into the namespaces that they choose.

    Args:
        cluster: the kind itself.
        copy: the kind of the copies.
        model: of the spec.
        spec: the field with the spec of the copies.
        name: the field with the name of the copies, in spec and status.
        manager: the field manager of the copies.
        reason: of errors.
        taken: what is said of a namespace in which another object has the name.
        finalizer: that the original sets; empty for none.
        namespace_finalizer: that the original sets on namespaces, without the object's name; empty for none.
        hands_over: whether a renamed copy takes over what the earlier one has done, so that it is created first.
    """

    cluster: Resource
    copy: Resource
    model: type[Model]
    spec: str
    name: str
    manager: str
    reason: str
    taken: str
    finalizer: str = ""
    namespace_finalizer: str = ""
    hands_over: bool = False

    def owns(self, meta: Meta) -> bool:
        """Return True if an object of this kind controls a copy."""
        return meta.owner is not None and meta.owner.kind == self.cluster.kind


EXTERNAL_COPIES = CopyKind(
    CLUSTER_EXTERNAL_SECRETS,
    EXTERNAL_SECRETS,
    ClusterExternalSecretSpec,
    spec="externalSecretSpec",
    name="externalSecretName",
    manager=MANAGER,
    reason=REASON,
    taken=TAKEN,
    finalizer=FINALIZER,
    namespace_finalizer=NAMESPACE_FINALIZER,
)


@dataclass(frozen=True, slots=True)
class NamespaceSummary:
    """What the cache keeps of a namespace beside its labels."""

    finalizers: tuple[str, ...]
    """Those that the original set for ClusterExternalSecrets."""


def namespace_summary(body: Body) -> NamespaceSummary:
    """Read a namespace."""
    found = body["metadata"].get("finalizers") or ()
    return NamespaceSummary(tuple(each for each in found if each.startswith(NAMESPACE_FINALIZER)))


def chosen(spec: CopySpec, namespaces: Iterable[tuple[Key, Meta]]) -> list[str]:
    """Return the namespaces that are chosen, without those that are being deleted."""
    found = ((key.name, meta) for key, meta in namespaces)
    return sorted(name for name, meta in found if not meta.deleting and chooses(spec, name, meta.labels))


def chooses(spec: CopySpec, namespace: str, labels: Mapping[str, str]) -> bool:
    """Return True if any selector matches a namespace, or the list names it."""
    return namespace in (spec.namespaces or ()) or any(selects(each, labels) for _, each in _selectors(spec))


def require_selectors(spec: CopySpec, reason: str = REASON) -> None:
    """Raise NeedsHuman for an invalid selector: it would choose nothing, and all copies would be deleted."""
    found = [text for at, selector in _selectors(spec) for text in problems(selector, at)]
    if found:
        raise NeedsHuman(reason, "; ".join(found))


def _selectors(spec: CopySpec) -> Iterator[tuple[str, Mapping[str, Any]]]:
    several = [(f"spec.namespaceSelectors[{at}]", each) for at, each in enumerate(spec.namespace_selectors or ())]
    for at, each in [("spec.namespaceSelector", spec.namespace_selector), *several]:
        if each is not None:
            yield at, each.model_dump(by_alias=True, exclude_none=True)


@dataclass(frozen=True, slots=True)
class Copies:
    """What every copy of one object should be."""

    body: Body = field(repr=False)
    spec: CopySpec = field(repr=False)
    kind: CopyKind = EXTERNAL_COPIES

    @property
    def name(self) -> str:
        """Their name."""
        return self.spec.copy_name or str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        """The uid of their owner."""
        return str(self.body["metadata"]["uid"])

    @property
    def metadata(self) -> Mapping[str, dict[str, str]]:
        """Their labels and annotations; a forced sync is passed on."""
        given = self.spec.copy_metadata
        labels = dict((given and given.labels) or {})
        annotations = dict((given and given.annotations) or {})
        force = (self.body["metadata"].get("annotations") or {}).get(FORCE_SYNC)
        return {"labels": labels, "annotations": annotations | ({FORCE_SYNC: force} if force else {})}

    def key(self, namespace: str) -> Key:
        """Return the key of the one in a namespace."""
        return Key(self.kind.copy, namespace, self.name)

    def new(self, namespace: str, earlier: str = "") -> Body:
        """Return one to create.

        Args:
            namespace: where it is created.
            earlier: name of the copy whose work it takes over; empty for none.

        """
        meta: Body = {"name": self.name, "namespace": namespace, "ownerReferences": [self._owner()]}
        wanted = {name: dict(values) for name, values in self.metadata.items()}
        if earlier:
            wanted["annotations"].setdefault(ADOPT, f"{namespace}/{earlier}")
        meta |= {name: values for name, values in wanted.items() if values}
        about = {"apiVersion": self.kind.copy.api_version, "kind": self.kind.copy.kind}
        return {**about, "metadata": meta, "spec": self._spec}

    def ours(self, meta: Meta) -> bool:
        """Return True if a copy was made for this object."""
        return meta.owner is not None and meta.owner.uid == self.uid

    def stands(self, meta: Meta) -> bool:
        """Return True if a copy is as it should be, as far as the cache shows."""
        wanted, present = self.metadata, meta.digest.annotations
        labels = wanted["labels"].items() <= meta.labels.items()
        annotations: dict[str, str | None] = {FORCE_SYNC: None, **wanted["annotations"]}
        kept = all(present.get(name) == text for name, text in annotations.items())
        return labels and kept and bool(meta.digest.spec == spec_hash(self._spec))

    def mended(self, present: Body) -> Body:
        """Return a copy as it should be; labels and annotations of others stay."""
        meta = dict(present["metadata"])
        for name, values in self.metadata.items():
            stale = (owned_keys(present["metadata"], self.kind.manager, "metadata", name) | {FORCE_SYNC}) - {ADOPT}
            kept = {key: text for key, text in (meta.get(name) or {}).items() if key not in stale} | values
            if kept or name in meta:
                meta[name] = kept
        return {**present, "metadata": meta, "spec": self._spec}

    @property
    def _spec(self) -> Any:
        return self.body["spec"][self.kind.spec]

    def _owner(self) -> Body:
        meta = self.body["metadata"]
        cluster = self.kind.cluster
        owner = {"apiVersion": cluster.api_version, "kind": cluster.kind, "name": meta["name"]}
        return owner | {"uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}
