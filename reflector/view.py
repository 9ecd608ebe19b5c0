"""Build the view of a source and its mirrors from the cache."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from manager.core.clock import Clock
from manager.kube import auto_mirrors
from manager.kube.cache import MAX_ANNOTATION_BYTES, Index, Meta, MetadataCache, Oversized, newer
from manager.kube.resources import CONFIGMAPS, NAMESPACES, SECRETS, Body, Key, Resource
from manager.kube.writer import SEALING_KEY_LABEL, TOKEN_OWNER
from manager.settings.model import ReflectorSettings
from reflector.observed import ObservedState, ObservedStates
from reflector.rules.annotations import Marks, read
from reflector.rules.globs import administrators
from reflector.rules.policy import Policy
from reflector.rules.selection import PREFIX

KINDS = (SECRETS, CONFIGMAPS)
READ_PREFIXES = (auto_mirrors.PREFIX, PREFIX)
REFUSE_PUSH = "coffer.dev/refuse-push"
ACCEPT_LABELS = "coffer.dev/accept-labels"
"""Label of a namespace into which sources of others may copy labels and annotations."""
EXTERNAL_MANAGED = "reconcile.external-secrets.io/managed"
MAX_SHARED_CHARACTERS = 1024  # of annotations: shared marks stay in memory after their objects are gone
MAX_CHAIN_LINKS = 10  # mirrors of mirrors that are followed; a longer chain costs a step for each link at every link


@dataclass(frozen=True, slots=True)
class TargetNamespace:
    """One namespace as a target."""

    name: str
    labels: Mapping[str, str]
    version: str
    open: bool
    """True if a push may write there: it is not protected, refusing or being deleted."""
    leaving: bool
    """True if the namespace is being deleted."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """One object that names the source, or has the name that a push would use."""

    key: Key
    meta: Meta
    marks: Marks | None
    place: TargetNamespace | None
    """None if the namespace is not in the cache; then nothing is deleted."""
    excluded: bool
    """Whether pulls in its namespace are ignored."""
    proof: ObservedState | None = None
    """Its state when it was last written or read."""
    doubted: bool = False
    """True if an earlier process wrote it and it has not been read since."""
    behind: bool = False
    """True if the watch has not shown our last write yet: its labels and annotations are older."""


@dataclass(frozen=True, slots=True)
class View:
    """One source, the namespaces, and its mirrors."""

    key: Key
    meta: Meta | None
    """None if the source does not exist."""
    marks: Marks | None
    excluded: bool
    """Whether sources in its namespace are ignored."""
    leaving: bool
    """Whether the source is being deleted, alone or with its namespace."""
    places: tuple[TargetNamespace, ...]
    mirrors: tuple[Mirror, ...]
    """Objects whose `reflects` names this source."""
    target_name: str
    """The name of pushed mirrors."""
    occupied: Mapping[str, Mirror]
    """Namespace -> the object of that name in it, ours or not."""
    pending: frozenset[str]
    """Namespaces with a new mirror that is not in the cache yet."""
    rivals: tuple[tuple[Key, Meta, Marks], ...]
    """Older sources of the same name, which win if both push."""
    circular: bool
    """True if the source mirrors itself by way of other mirrors, or by too long a chain."""
    external: bool
    """True if an ExternalSecret made the source, directly or through mirrors."""
    policy: Policy
    """The administrator's rules about namespaces."""
    changed: float | None
    """When the source changed (monotonic seconds); None once all its mirrors are written."""
    scope: frozenset[str] | None = None
    """The namespaces of this installation; None: the whole cluster."""

    @property
    def outside(self) -> bool:
        """Whether the source is in a namespace that this installation may not read: it may exist."""
        return self.scope is not None and bool(self.key.namespace) and self.key.namespace not in self.scope

    def permitted(self, namespace: str) -> bool:
        """Return True if the administrator's rules permit mirrors of the source in a namespace."""
        return self.policy.permits(self.key.namespace, namespace)

    def accepting(self) -> frozenset[str]:
        """Return the namespaces that accept the source's labels and annotations, by their label or by a rule."""
        source = self.key.namespace
        names = (
            each.name
            for each in self.places
            if each.labels.get(ACCEPT_LABELS) == "true" or self.policy.names(source, each.name)
        )
        return frozenset(names)


class ViewBuilder:
    """Builds views from the cache; the only place that knows the indexes.

    Args:
        own_namespace: Coffer's own, never a target of a push.
        scope: the namespaces of this installation; None: the whole cluster.

    Raises:
        SettingsError: a rule of the policy or a list of globs cannot be read.
    """

    def __init__(
        self,
        cache: MetadataCache,
        settings: ReflectorSettings,
        own_namespace: str,
        clock: Clock,
        scope: frozenset[str] | None = None,
    ) -> None:
        self._cache = cache
        self._scope = scope
        self._own = own_namespace
        self._excluding = administrators("reflector.excluded_namespaces", settings.excluded_namespaces)
        self._protecting = administrators("reflector.protected_namespaces", settings.protected_namespaces)
        self._policy = Policy(settings.allow, settings.deny)
        self._denying = settings.provenance == "deny"
        self.observed = ObservedStates(clock)
        self.changed: dict[Key, float] = {}
        """Changed sources whose mirrors are not written yet, and since when (monotonic seconds)."""
        self._by_source: dict[Resource, Index] = {}
        self._auto: dict[Resource, Index] = {}
        self._pulls: dict[Resource, Index] = {}
        for resource in KINDS:
            cache.digest(resource, _marks_of)
            cache.name_labels(resource, SEALING_KEY_LABEL, EXTERNAL_MANAGED)
            cache.keep(resource, TOKEN_OWNER)  # by which the writer detects a token Secret
            self._by_source[resource] = cache.index(resource, lambda _, meta: _source_of(meta))
            self._auto[resource] = cache.index(resource, _auto_values)
            self._pulls[resource] = cache.index(resource, _pull_values)

    def sources(self) -> set[Key]:
        """Return every source that pushes."""
        return {key for resource in KINDS for key in self._auto[resource].find("")}

    def namesakes(self, key: Key) -> frozenset[Key]:
        """Return the pushing sources whose mirrors have the name of an object."""
        return self._auto[key.resource].find(key.name)

    def mirrored(self, key: Key) -> frozenset[Key]:
        """Return the objects that name this one as their source."""
        return self._by_source[key.resource].find((key.namespace, key.name))

    def pulled_into(self, namespace: str) -> set[Key]:
        """Return the sources of the pulls in a namespace."""
        pulls = (key for resource in KINDS for key in self._pulls[resource].find(namespace))
        return {Key(key.resource, *reflects) for key in pulls if (reflects := self.source_of(key))}

    def view(self, key: Key) -> View:
        """Return the view of a source."""
        meta = self._cache.get(key)
        marks = meta.digest if meta else None
        pushes = marks is not None and marks.source and marks.auto
        places = self._places() if pushes else {}
        mirrors = {each: self._mirror(each, places) for each in sorted(self.mirrored(key))}
        target_name = (marks.target_name if marks else "") or key.name
        targets = [Key(key.resource, name, target_name) for name in places]
        found = {each.namespace: mirrors.get(each) or self._mirror(each, places) for each in targets}
        return View(
            key=key,
            meta=meta,
            marks=marks,
            excluded=self._excluded(key.namespace),
            leaving=meta is not None and self._going(key, meta),
            places=tuple(places.values()),
            mirrors=tuple(each for each in mirrors.values() if each is not None),
            target_name=target_name,
            occupied={name: each for name, each in found.items() if each is not None},
            pending=frozenset(each.namespace for each in targets if self.observed.pending(each)),
            rivals=tuple(self._rivals(key, target_name, meta)) if pushes and meta else (),
            circular=self._circular(key),
            external=self._external(key),
            policy=self._policy,
            changed=self.changed.get(key),
            scope=self._scope,
        )

    def named(self) -> set[Key]:
        """Return every key that an object names as its source, existing or not."""
        pairs = ((resource, value) for resource in KINDS for value in self._by_source[resource].values())
        return {Key(resource, *value) for resource, value in pairs if isinstance(value, tuple)}

    def source_of(self, mirror: Key) -> tuple[str, str] | None:
        """Return what an object names as its source."""
        meta = self._cache.get(mirror)
        reflects: tuple[str, str] | None = meta.digest.reflects if meta and meta.digest else None
        return reflects

    def _excluded(self, namespace: str) -> bool:
        return self._excluding.match(namespace)

    def _going(self, key: Key, meta: Meta) -> bool:
        place = self._place_of(key.namespace)
        return meta.deleting or (place is not None and place.leaving)

    def _mirror(self, key: Key, places: Mapping[str, TargetNamespace]) -> Mirror | None:
        meta, proof = self._cache.get(key), self.observed.of(key)
        if meta is None:
            return None
        behind = proof is not None and proof.uid == meta.uid and newer(proof.version, meta.version)
        if proof is not None and behind:
            meta = replace(meta, version=proof.version)
        place = places.get(key.namespace) or self._place_of(key.namespace)
        excluded = self._excluded(key.namespace)
        return Mirror(key, meta, meta.digest, place, excluded, proof, self.observed.doubted(key), behind)

    def _places(self) -> dict[str, TargetNamespace]:
        return {key.name: self._place(key.name, meta) for key, meta in self._cache.items(NAMESPACES)}

    def _place_of(self, namespace: str) -> TargetNamespace | None:
        meta = self._cache.get(Key(NAMESPACES, "", namespace))
        return self._place(namespace, meta) if meta else None

    def _place(self, name: str, meta: Meta) -> TargetNamespace:
        protected = name == self._own or self._protecting.match(name)
        refusing = meta.labels.get(REFUSE_PUSH) == "true"
        is_open = not protected and not refusing and not meta.deleting
        return TargetNamespace(name, meta.labels, meta.version, is_open, meta.deleting)

    def _rivals(self, key: Key, target_name: str, meta: Meta) -> list[tuple[Key, Meta, Marks]]:
        """Return the older sources with the same target name, oldest first, without those that are never mirrored."""
        named = self.namesakes(Key(key.resource, "", target_name)) - {key}
        free = (each for each in named if not (self._denying and self._external(each)))
        known = ((each, self._cache.get(each)) for each in free if not self._excluded(each.namespace))
        found = [(each, other, other.digest) for each, other in known if other and not self._going(each, other)]
        older = [rival for rival in found if _age(rival[0], rival[1]) < _age(key, meta)]
        return sorted(older, key=lambda rival: _age(rival[0], rival[1]))

    def _circular(self, key: Key) -> bool:
        seen = {key}
        while (source := self.source_of(key)) is not None:
            key = Key(key.resource, *source)
            if key in seen or len(seen) > MAX_CHAIN_LINKS:
                return True
            seen.add(key)
        return False

    def _external(self, key: Key) -> bool:
        for _ in range(MAX_CHAIN_LINKS):
            meta = self._cache.get(key)
            if meta is None:
                return False
            owned = meta.owner is not None and meta.owner.kind == "ExternalSecret"
            if owned or meta.labels.get(EXTERNAL_MANAGED) == "true":
                return True
            if meta.digest is None or meta.digest.reflects is None:
                return False
            key = Key(key.resource, *meta.digest.reflects)
        return True  # too long a chain counts as external, the safe side


def _age(key: Key, meta: Meta) -> tuple[str, str, str]:
    return meta.created, key.namespace, key.name


def _marks_of(body: Body) -> Marks | None:
    annotations = body["metadata"].get("annotations") or {}
    size = sum(len(text) for name, text in annotations.items() if name.startswith(READ_PREFIXES))
    if size > MAX_ANNOTATION_BYTES:
        raise Oversized(f"its annotations for the reflector have more than {MAX_ANNOTATION_BYTES} bytes")
    marks = read(annotations)
    if marks is None or not marks.auto_reflects or sum(map(len, annotations.values())) > MAX_SHARED_CHARACTERS:
        return marks
    return _shared(marks)


@lru_cache(maxsize=1024)
def _shared(marks: Marks) -> Marks:
    """Return one shared instance for equal marks: saves 11 MB with 25,000 pushed mirrors."""
    return marks


def _source_of(meta: Meta) -> tuple[tuple[str, str], ...]:
    return (meta.digest.reflects,) if meta.digest is not None and meta.digest.reflects else ()


def _auto_values(key: Key, meta: Meta) -> tuple[str, ...]:
    """Index a pushing source under its mirrors' name, and under the empty text for the list of all."""
    marks: Marks | None = meta.digest
    return (marks.target_name or key.name, "") if marks is not None and marks.source and marks.auto else ()


def _pull_values(key: Key, meta: Meta) -> tuple[str, ...]:
    """Index a pull under its namespace, whose labels may decide about it."""
    return (key.namespace,) if _source_of(meta) and not meta.digest.auto_reflects else ()
