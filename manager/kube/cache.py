"""The metadata of every watched object, with indexes: what decisions need, without a request."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from types import MappingProxyType
from typing import Any

from manager.kube.resources import Body, Key, Resource, key_of

EMPTY: Mapping[str, str] = MappingProxyType({})
MAX_LABELS = 1_000  # kept of one object: the API server bounds the length of each only, so an object may have 45,000
MAX_ANNOTATION_BYTES = 32 << 10  # kept of one object: the names of five hundred namespaces take half of that


class Oversized(Exception):
    """An object exceeds what is kept of one; the cache keeps its last state."""


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
    """The resourceVersion; compared as a number where order matters (Kubernetes API concepts, resource versions)."""
    generation: int
    created: str
    deleting: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """The annotations that a module registered with `keep`."""
    owner: Owner | None
    digest: Any
    """What the module's digest function extracted from the body; None if it has none for this object."""
    cut: bool = False
    """True if there are too many labels to keep; those registered by name are kept all the same."""


@dataclass(frozen=True, slots=True)
class Change:
    """One observed transition. Handlers use the key and the two states, never the kind of event."""

    key: Key
    before: Meta | None
    after: Meta | None


type_digest = Callable[[Body], Any]


class MetadataCache:
    """Current metadata by key, with reverse indexes. Not thread-safe: it belongs to the event loop.

    Args:
        digests: for each resource, a function that extracts what else to keep of a body; small and hashable.
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
        """Register what to extract from the bodies of a resource; call before the first object is observed."""
        self._digests[resource] = function

    def keep(self, resource: Resource, *prefixes: str) -> None:
        """Keep the annotations of a resource with these prefixes; call before the first object is observed.

        All others are dropped: an object may have 256 KiB of them, and kubectl stores a copy of a Secret's data in one.
        """
        self._kept[resource] = (*self._kept.get(resource, ()), *prefixes)

    def name_labels(self, resource: Resource, *names: str) -> None:
        """Keep these labels of a resource, and the others only of objects that have a digest.

        Tenants may put megabytes of labels on objects that no module uses. Without this call all labels of a resource
        are kept, because selectors may need any. Call before the first object is observed.
        """
        self._named[resource] = self._named.get(resource, frozenset()) | frozenset(names)

    def get(self, key: Key) -> Meta | None:
        """Return what is kept of an object, None if it is not cached."""
        return self._objects.get(key.resource, {}).get((key.namespace, key.name))

    def count(self, resource: Resource) -> int:
        """Return the number of cached objects of a resource."""
        return len(self._objects.get(resource, ()))

    def items(self, resource: Resource) -> Iterator[tuple[Key, Meta]]:
        """Iterate over the cached objects of a resource; do not await inside, as the cache must not change."""
        for (namespace, name), meta in self._objects.get(resource, {}).items():
            yield Key(resource, namespace, name), meta

    def observe(self, resource: Resource, event: str | None, body: Body) -> Change | None:
        """Cache one object from a list (`event` None) or a watch.

        Returns the change, or None if the version is not newer than the cached one.
        """
        key = key_of(resource, body)
        before = self.get(key)
        if event == "DELETED":
            if before is None or before.uid != body["metadata"].get("uid", ""):
                return None  # this is an older object of the name; the cached one was created since
            return self.forget(key)
        # Also for another uid of the name: a list that is read slowly may still hold the previous object.
        # Checked first, so that listing known objects costs no digests.
        if before is not None and not newer(body["metadata"].get("resourceVersion", ""), before.version):
            return None
        after = self._meta(resource, body)
        self._objects.setdefault(resource, {})[key.namespace, key.name] = after
        self._reindex(key, before, after)
        return Change(key, before, after)

    def forget(self, key: Key) -> Change | None:
        """Drop an object that does not exist any more."""
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
        if sum(len(name) + len(text) for name, text in annotations.items()) > MAX_ANNOTATION_BYTES:
            raise Oversized(f"its annotations for Coffer have more than {MAX_ANNOTATION_BYTES} bytes")
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
        """Return the labels to keep, and whether some are missing that a selector may need."""
        given, named = meta.get("labels"), self._named.get(resource)
        number = len(given) if isinstance(given, dict) else 0
        wanted = named is None or always
        if wanted and number <= MAX_LABELS:
            return _compact(given, ("",)), False
        few = {name: given[name] for name in named or () if name in given} if isinstance(given, dict) else {}
        return few or EMPTY, wanted


type_index = Callable[[Key, Meta], Iterable[Hashable]]


class Index:
    """A reverse index, from a value to the objects that hold it."""

    def __init__(self, function: type_index) -> None:
        self._function = function
        self._keys: dict[Hashable, set[Key]] = {}

    def find(self, value: Hashable) -> frozenset[Key]:
        """Return the objects that hold a value."""
        return frozenset(self._keys.get(value, ()))

    def values(self) -> frozenset[Hashable]:
        """Return every value that an object holds."""
        return frozenset(self._keys)

    def move(self, key: Key, before: Meta | None, after: Meta | None) -> None:
        """Update the index after a change; the cache calls it."""
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
    """Return True if a resourceVersion is later; versions that are not numbers are later if they differ."""
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
    """Return the labels or annotations with these prefixes, under interned names to save memory."""
    if not isinstance(values, dict):
        return EMPTY
    return {intern(name): value for name, value in values.items() if name.startswith(prefixes)} or EMPTY
