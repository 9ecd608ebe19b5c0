"""The metadata of every watched object, with indexes; what a decision needs without asking the API server."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from types import MappingProxyType
from typing import Any

from manager.kube.resources import Body, Key, Resource, key_of

EMPTY: Mapping[str, str] = MappingProxyType({})
MOST_LABELS = 1_000  # kept of one object: the API server bounds the length of each alone, and 45,000 fit into an object
ANNOTATION_BYTES = 32 << 10  # kept of one object: the names of five hundred namespaces take half of that


class Oversized(Exception):
    """An object has more of something than is kept of one; what was known of it stands."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of an object, as its ownerReference names it."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Meta:
    """What is kept of one object."""

    uid: str
    version: str
    """resourceVersion; compared as a number where order matters (Kubernetes API concepts, resource versions)."""
    generation: int
    created: str
    deleting: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """Those that a module asked for with `keep`."""
    owner: Owner | None
    digest: Any
    """What the module's digest function took from the body; None for metadata-only resources."""
    cut: bool = False
    """Whether there are too many labels to keep: of those that are looked at by name, none is missing."""


@dataclass(frozen=True, slots=True)
class Change:
    """One observed transition. Handlers look at the key and the two states, never at the kind of event."""

    key: Key
    before: Meta | None
    after: Meta | None


type_digest = Callable[[Body], Any]


class MetadataCache:
    """Current metadata by key, and reverse indexes kept with it. Not thread-safe: it belongs to the event loop.

    Args:
        digests: per resource, what else to keep of a body (spec references, status marks); small and hashable.
    """

    def __init__(self, digests: Mapping[Resource, type_digest] = MappingProxyType({})) -> None:
        self._digests = dict(digests)
        self._objects: dict[Resource, dict[tuple[str, str], Meta]] = {}
        self._index_of: dict[Resource, list[Index]] = {}
        self._kept: dict[Resource, tuple[str, ...]] = {}
        self._named: dict[Resource, frozenset[str]] = {}

    def index(self, resource: Resource, function: "type_index") -> "Index":
        """Create a reverse index over a resource; call before the first object is observed."""
        index = Index(function)
        self._index_of.setdefault(resource, []).append(index)
        return index

    def digest(self, resource: Resource, function: type_digest) -> None:
        """Register what to keep of the bodies of a resource; call before the first object is observed."""
        self._digests[resource] = function

    def keep(self, resource: Resource, *prefixes: str) -> None:
        """Keep the annotations of a resource whose names begin so; call before the first object is observed.

        No others are: an object may carry 256 KiB of them, and kubectl leaves a copy of a Secret's data in one.
        """
        self._kept[resource] = (*self._kept.get(resource, ()), *prefixes)

    def name_labels(self, resource: Resource, *names: str) -> None:
        """Keep these labels of a resource, and others only of objects of which a digest is kept.

        Tenants may put megabytes of labels on an object that is nobody's business here. Of a resource for which nobody
        calls this all labels are kept, as selectors may ask for any. Call before the first object is observed.
        """
        self._named[resource] = self._named.get(resource, frozenset()) | frozenset(names)

    def get(self, key: Key) -> Meta | None:
        """Return what is known of an object."""
        return self._objects.get(key.resource, {}).get((key.namespace, key.name))

    def count(self, resource: Resource) -> int:
        """Return the number of known objects of a resource."""
        return len(self._objects.get(resource, ()))

    def items(self, resource: Resource) -> Iterator[tuple[Key, Meta]]:
        """Iterate over the known objects of a resource; the cache must not change meanwhile (no await inside)."""
        for (namespace, name), meta in self._objects.get(resource, {}).items():
            yield Key(resource, namespace, name), meta

    def observe(self, resource: Resource, event: str | None, body: Body) -> Change | None:
        """Take in one object from a list (`event` None) or a watch.

        Returns the change, or None when nothing new was seen: a repeated version, or an older one than is known.
        """
        key = key_of(resource, body)
        before = self.get(key)
        if event == "DELETED":
            if before is None or before.uid != body["metadata"].get("uid", ""):
                return None  # an object of that name made since must not be forgotten
            return self.forget(key)
        # Another object of the name is no exception: a list that is read slowly may still hold the one before.
        # Looked at first: a list of what is known already must not cost a digest of each.
        if before is not None and not newer(body["metadata"].get("resourceVersion", ""), before.version):
            return None
        after = self._meta(resource, body)
        self._objects.setdefault(resource, {})[key.namespace, key.name] = after
        self._reindex(key, before, after)
        return Change(key, before, after)

    def forget(self, key: Key) -> Change | None:
        """Drop an object that is proven gone."""
        before = self._objects.get(key.resource, {}).pop((key.namespace, key.name), None)
        if before is None:
            return None
        self._reindex(key, before, None)
        return Change(key, before, None)

    def _reindex(self, key: Key, before: Meta | None, after: Meta | None) -> None:
        for index in self._index_of.get(key.resource, ()):
            index.move(key, before, after)

    def _meta(self, resource: Resource, body: Body) -> Meta:
        meta = body["metadata"]
        digest = self._digests.get(resource)
        taken = digest(body) if digest else None
        labels, cut = self._labels(resource, meta, always=taken is not None)
        annotations = _compact(meta.get("annotations"), self._kept.get(resource, ()))
        if sum(len(name) + len(text) for name, text in annotations.items()) > ANNOTATION_BYTES:
            raise Oversized(f"its annotations for Coffer have more than {ANNOTATION_BYTES} bytes")
        return Meta(
            uid=meta.get("uid", ""),
            version=meta.get("resourceVersion", ""),
            generation=meta.get("generation", 0),
            created=meta.get("creationTimestamp", ""),
            deleting="deletionTimestamp" in meta,
            labels=labels,
            annotations=annotations,
            owner=controller_of(meta),
            digest=taken,
            cut=cut,
        )

    def _labels(self, resource: Resource, meta: Body, *, always: bool) -> tuple[Mapping[str, str], bool]:
        """Return the labels to keep, and whether some are missing that might have been looked at."""
        given, named = meta.get("labels"), self._named.get(resource)
        number = len(given) if isinstance(given, dict) else 0
        wanted = named is None or always
        if wanted and number <= MOST_LABELS:
            return _compact(given, ("",)), False
        few = {name: given[name] for name in named or () if name in given} if isinstance(given, dict) else {}
        return few or EMPTY, wanted


type_index = Callable[[Key, Meta], Iterable[Hashable]]


class Index:
    """From a value to the objects that hold it."""

    def __init__(self, function: type_index) -> None:
        self._function = function
        self._keys: dict[Hashable, set[Key]] = {}

    def find(self, value: Hashable) -> frozenset[Key]:
        """Return the objects under a value."""
        return frozenset(self._keys.get(value, ()))

    def values(self) -> frozenset[Hashable]:
        """Return every value that some object holds."""
        return frozenset(self._keys)

    def move(self, key: Key, before: Meta | None, after: Meta | None) -> None:
        """Follow one change; the cache calls it."""
        old = set(self._function(key, before)) if before else set()
        new = set(self._function(key, after)) if after else set()
        for value in old - new:
            keys = self._keys[value]
            keys.discard(key)
            if not keys:
                del self._keys[value]
        for value in new - old:
            self._keys.setdefault(value, set()).add(key)


def newer(version: str, than: str) -> bool:
    """Tell whether a resourceVersion is later; ones that are not numbers are new when they differ."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than


def controller_of(meta: Body) -> Owner | None:
    """Return the controlling ownerReference of an object's metadata."""
    for ref in meta.get("ownerReferences") or ():
        if ref.get("controller"):
            return Owner(intern(ref.get("kind", "")), ref.get("name", ""), ref.get("uid", ""))
    return None


def _compact(values: object, prefixes: tuple[str, ...]) -> Mapping[str, str]:
    """Keep labels or annotations small: those that somebody reads, under shared names."""
    if not isinstance(values, dict):
        return EMPTY
    return {intern(name): value for name, value in values.items() if name.startswith(prefixes)} or EMPTY
