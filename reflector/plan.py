"""Decide one step for each target of a source. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from manager.kube.cache import newer
from manager.kube.resources import CONFIGMAPS, Key
from manager.kube.writer import SEALING_KEY_LABEL
from reflector.rules.annotations import (
    ADOPT,
    ALLOWED_NAMESPACES,
    AUTO_NAMESPACES,
    MAX_SHOWN_CHARACTERS,
    Marks,
    ambiguous,
    problems,
)
from reflector.rules.patterns import unmatched
from reflector.view import ACCEPT_LABELS, MAX_CHAIN_LINKS, Mirror, TargetNamespace, View

YIELDS_TO = frozenset({"SealedSecret", "ExternalSecret"})
ROOT_CERTIFICATES = "kube-root-ca.crt"  # Kubernetes creates it in each namespace; Pods trust API servers by it
MAX_NAMED = 5  # namespaces that an aggregated message names


class Do(StrEnum):
    """What to do with one target."""

    CREATE = "create"
    REFRESH = "refresh"
    """The source has changed, or the mirror asks for a copy: write data and marks, unless it has the same data."""
    COMPARE = "compare"
    """Others may have written the mirror: read it, and repair it if its data differs."""
    REMOVE = "remove"
    """Delete it, after source and mirror were read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One target and what to do with it."""

    do: Do
    target: Key
    mirror: Mirror | None
    auto: bool
    bare: bool = False
    """True if labels and annotations are not copied because the namespace does not accept them."""


@dataclass(frozen=True, slots=True)
class Note:
    """A message to users, and the object at which it is posted."""

    about: Key
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps and the messages."""

    steps: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()
    frozen: bool = False
    """True if nothing may change."""


def plan(view: View, provenance: str = "warn") -> Plan:
    """Decide about every mirror of one source.

    Args:
        provenance: what to do if an ExternalSecret made the source: warn, deny or allow.
    """
    if view.outside:
        return _outside(view)
    if view.meta is None or view.marks is None:
        return _without_source(view)
    if view.excluded or SEALING_KEY_LABEL in view.meta.labels:
        return _closed(view)
    if view.circular:
        return _in_a_circle(view)
    notes = [Note(view.key, "InvalidAnnotation", text) for text in problems(view.marks)]
    notes += _beyond(view)
    if not view.marks.understood:
        return Plan(notes=tuple(notes), frozen=True)
    consenting = [place for place in view.places if _consents(view, place)] if not _reserved(view) else []
    wanted = {place.name for place in consenting if view.permitted(place.name) and not _beaten(view, place)}
    if view.external and (wanted or view.mirrors):
        notes += _provenance(view, provenance)
        if provenance == "deny":
            return Plan(notes=tuple(notes), frozen=True)
    steps = [*_pulls(view, notes), *_pushes(view, wanted)]
    steps += _withdrawals(view, wanted) if view.marks.legible else ()
    notes += [*(() if notes else _unreached(view, consenting)), *_unlabelled(view, wanted)]
    notes += _conflicts(view, consenting, wanted)
    return Plan(tuple(steps), tuple(notes))


def behind(view: View) -> int:
    """Return the number of mirrors that do not hold the source's data; all if there is no source."""
    if view.outside:
        return len(_pulling(view))
    if view.meta is None:
        return len(view.mirrors)
    stamps = ((each, each.marks.version) for each in view.mirrors if each.marks is not None)
    return sum(_outdated(view.meta.version, each, stamp) is not None for each, stamp in stamps)


def ours(mirror: Marks | None, owner_kind: str | None, source: Key) -> bool:
    """Return True if an object is an auto mirror of this source that no SealedSecret or ExternalSecret owns."""
    if mirror is None or not mirror.auto_reflects or mirror.reflects != (source.namespace, source.name):
        return False
    return owner_kind not in YIELDS_TO


def _without_source(view: View) -> Plan:
    """Delete auto mirrors of a source that is gone or offers nothing; pulls keep their data."""
    what, reason = "does not exist", "SourceNotFound"
    if view.meta is not None:
        what, reason = "does not allow reflection", "SourceNotPermitted"
    # A source without a namespace cannot exist, so no auto mirror was made of it.
    steps = tuple(_withdrawals(view, set())) if view.key.namespace else ()
    return Plan(steps, _told(view, reason, what))


def _outside(view: View) -> Plan:
    """Change nothing: the source may not be read, and another installation may push mirrors of it."""
    cure = "mirror it from a namespace among them, or add its namespace there"
    return Plan(notes=_told(view, "OutsideScope", f"is outside of {_served(view)}: {cure}"))


def _served(view: View) -> str:
    return f"the namespaces of this installation (modules.scope: {named(sorted(view.scope or ()))})"


def _closed(view: View) -> Plan:
    """Change nothing: the source is in an excluded namespace, or is a sealing key."""
    return Plan(notes=_told(view, "SourceNotPermitted", "is excluded from reflection"))


def _told(view: View, reason: str, what: str) -> tuple[Note, ...]:
    text = f"{view.key} {what}; data is left as it is"
    if not view.key.namespace:
        reason = "InvalidAnnotation"
        text = f"reflects: {view.key.name} names no namespace; write NAMESPACE/NAME of the source"
    return tuple(Note(each.key, reason, text) for each in _pulling(view) if not each.excluded)


def _pulling(view: View) -> list[Mirror]:
    return [each for each in view.mirrors if each.marks is not None and not each.marks.auto_reflects]


def _in_a_circle(view: View) -> Plan:
    """Leave mirrors of each other alone: every write would cause the next one."""
    text = f"{view.key} reflects itself by way of its mirrors, or by more than {MAX_CHAIN_LINKS}; nothing is copied"
    return Plan(notes=tuple(Note(each.key, "CircularReference", text) for each in view.mirrors))


def _pulls(view: View, notes: list[Note]) -> Iterator[Step]:
    """Yield the updates of pulls; a pull without consent keeps its data."""
    for each in view.mirrors:
        if each.marks is None or each.marks.auto_reflects or each.key == view.key:
            continue
        if each.excluded or each.meta.deleting:
            continue
        notes += [Note(each.key, "InvalidAnnotation", text) for text in each.marks.faults]
        if not each.marks.understood:
            continue
        if each.meta.owner is not None and each.meta.owner.kind in YIELDS_TO:
            text = f"{each.meta.owner.kind} {each.meta.owner.name} writes this object, so nothing is mirrored into it"
            notes.append(Note(each.key, "OwnedByAnother", f"{text}: remove the annotation reflects from its template"))
        elif not view.permitted(each.key.namespace):
            text = f"the administrator's rules keep {view.key} out of this namespace; data is left as it is"
            notes.append(Note(each.key, "DeniedByPolicy", text))
        elif not _marks(view).permits(each.key.namespace, each.place.labels if each.place else None):
            text = f"{view.key} does not permit reflection into this namespace; data is left as it is"
            notes.append(Note(each.key, "SourceNotPermitted", text))
        else:
            yield from _update(view, each, auto=False)


def _pushes(view: View, wanted: set[str]) -> Iterator[Step]:
    refusing = wanted - view.accepting() if _labels(view) else set()
    for name in sorted(wanted):
        found = view.occupied.get(name)
        if found is not None and (_ours(view, found) or _adopts(view, found)):
            yield from _update(view, found, auto=True, bare=name in refusing)
        elif found is None and name not in view.pending and not view.leaving:
            target = Key(view.key.resource, name, view.target_name)
            yield Step(Do.CREATE, target, None, auto=True, bare=name in refusing)


def _update(view: View, mirror: Mirror, *, auto: bool, bare: bool = False) -> Iterator[Step]:
    if mirror.meta.deleting or mirror.marks is None or view.meta is None:
        return
    do = _outdated(view.meta.version, mirror, mirror.marks.version)
    if do is None and mirror.proof is not None and mirror.proof.bare is not bare and _labels(view):
        do = Do.REFRESH
    if do is not None:
        yield Step(do, mirror.key, mirror, auto, bare)


def _outdated(source: str, mirror: Mirror, stamp: str) -> Do | None:
    """Return what a mirror needs; None if it is up to date as far as is known without reading it."""
    proof = mirror.proof
    if proof is not None and proof.version == mirror.meta.version:
        return None if proof.source == source else Do.REFRESH
    if proof is None and stamp == source and not mirror.doubted:
        return None  # as an earlier process left it; the background comparison reads it
    # An empty version, 0 or any text asks for a copy, as in the original. An earlier version may have the same data.
    written = stamp == source or (stamp.isdecimal() and int(stamp) > 0 and newer(source, stamp))
    return Do.COMPARE if written else Do.REFRESH


def _withdrawals(view: View, wanted: set[str]) -> Iterator[Step]:
    """Yield deletes of unwanted auto mirrors in known namespaces: an empty list of namespaces must delete none."""
    for each in view.mirrors:
        if each.meta.deleting or not _ours(view, each) or each.place is None or each.place.leaving:
            continue
        if each.place.name not in wanted or each.key.name != view.target_name:
            yield Step(Do.REMOVE, each.key, each, auto=True)


def _conflicts(view: View, consenting: list[TargetNamespace], wanted: set[str]) -> list[Note]:
    foreign = sorted(name for name in wanted if name in view.occupied and not _mirrors_it(view, view.occupied[name]))
    notes = []
    denied = sorted(place.name for place in consenting if not view.permitted(place.name))
    if denied:
        text = f"the administrator's rules keep this out of {len(denied)} namespace(s): {named(denied)}"
        notes.append(Note(view.key, "DeniedByPolicy", text))
    if foreign:
        text = (
            f"{len(foreign)} namespace(s) have another object of this name, which is left untouched: {named(foreign)}"
            f"; delete it, or hand it over by the annotation {ADOPT}: {view.key.namespace}/{view.key.name}"
        )
        notes.append(Note(view.key, "ConflictingObject", text))
    if _reserved(view):
        text = f"Kubernetes makes a ConfigMap {ROOT_CERTIFICATES} in each namespace: pull this one under another name"
        notes.append(Note(view.key, "ReservedName", text))
    lost = sorted(place.name for place in consenting if _beaten(view, place))
    if lost:
        winner = view.rivals[0][0]
        text = f"an older source, {winner.namespace}/{winner.name}, is mirrored into {named(lost)}"
        notes.append(Note(view.key, "ConflictingSource", text))
    if any(ambiguous(_marks(view), place.name) for place in view.places):
        text = "a pattern covers a whole name only by a later alternative, and is read as not matching it"
        notes.append(Note(view.key, "PatternAmbiguous", f"{text}: put the longer alternative first"))
    return notes


def _labels(view: View) -> bool:
    """Return True if the source asks for labels or annotations to be copied."""
    shape = _marks(view).shape
    return bool(shape.labels.only or shape.annotations.only)


def _unlabelled(view: View, wanted: set[str]) -> list[Note]:
    """Report where labels and annotations are not copied: controllers there may act on them."""
    left_out = sorted(wanted - view.accepting()) if _labels(view) else []
    if not left_out:
        return []
    text = f"labels and annotations are not copied into {len(left_out)} namespace(s): {named(left_out)}"
    cure = f'label them {ACCEPT_LABELS}="true", or let reflector.allow name the pair'
    return [Note(view.key, "LabelsNotAccepted", f"{text}; {cure}")]


def _unreached(view: View, consenting: list[TargetNamespace]) -> list[Note]:
    """Report why a source pushes into no namespace."""
    marks = _marks(view)
    if consenting or not (marks.source and marks.auto):
        return []
    others = [place for place in view.places if place.name != view.key.namespace]
    scopes = (("allowed", marks.allowed_scope), ("auto", marks.auto_scope))
    reached = {word: {each.name for each in others if scope.admits(each.name, each.labels)} for word, scope in scopes}
    if reached["allowed"] & reached["auto"] or not others:
        return []  # what is reached is closed: protected, refusing or going away
    empty = [f"reflection-{word}-namespaces" for word, names in reached.items() if not names]
    if empty:
        text = f"{' and '.join(empty)}: no namespace matches, so nothing is mirrored"
        return [Note(view.key, "NothingReached", text)]
    text = "no namespace is in both reflection-allowed-namespaces and reflection-auto-namespaces"
    return [Note(view.key, "NothingReached", f"{text}: put what is to be mirrored into both")]


def _beyond(view: View) -> list[Note]:
    """Report what a source names as targets and no namespace of the installation matches."""
    marks = _marks(view)
    if view.scope is None or not (marks.source and marks.auto):
        return []
    chosen = (AUTO_NAMESPACES, marks.auto_scope.names), (ALLOWED_NAMESPACES, marks.allowed_scope.names)
    annotation, names = next((each for each in chosen if each[1]), chosen[0])
    missed = [each[:MAX_SHOWN_CHARACTERS] for each in unmatched(names, view.scope)]
    if not missed:
        return []
    text = f"{annotation}: {named(missed)} matches none of {_served(view)}, so nothing is mirrored there"
    return [Note(view.key, "OutsideScope", text)]


def _mirrors_it(view: View, found: Mirror) -> bool:
    """Return True if an object in the way is a mirror after all: pushed by us, pulled by a user, or one to be."""
    pulled = found.marks is not None and not found.marks.auto_reflects and found in view.mirrors
    return _ours(view, found) or pulled or _adopts(view, found)


def _adopts(view: View, found: Mirror) -> bool:
    """Return True if who made an object gives it to this source."""
    marks, owner = found.marks, found.meta.owner
    if marks is None or marks.reflects is not None or (owner is not None and owner.kind in YIELDS_TO):
        return False
    return marks.adopted_by == (view.key.namespace, view.key.name)


def _provenance(view: View, provenance: str) -> list[Note]:
    if provenance == "allow":
        return []
    text = "an ExternalSecret made this object; each service should use its own identity at the provider"
    if provenance == "deny":
        return [Note(view.key, "MirrorDenied", f"{text}; it is not mirrored (reflector.provenance: deny)")]
    return [Note(view.key, "MirrorsExternalSecret", f"{text} instead of a mirror (reflector.provenance: warn)")]


def _consents(view: View, place: TargetNamespace) -> bool:
    return place.open and place.name != view.key.namespace and _marks(view).pushes(place.name, place.labels)


def _reserved(view: View) -> bool:
    """Return True if a push would be made under a name that Kubernetes fills a moment after a namespace is there."""
    return view.key.resource is CONFIGMAPS and view.target_name == ROOT_CERTIFICATES and _marks(view).auto


def _beaten(view: View, place: TargetNamespace) -> bool:
    """Return True if an older source is there or is mirrored there, as far as the administrator lets it."""

    def pushed(rival: Key, marks: Marks) -> bool:
        elsewhere = rival.namespace != place.name  # it never is pushed into its own namespace, whatever its name
        return elsewhere and marks.pushes(place.name, place.labels) and view.policy.permits(rival.namespace, place.name)

    itself = (place.name, view.target_name)
    return any((rival.namespace, rival.name) == itself or pushed(rival, marks) for rival, _, marks in view.rivals)


def _ours(view: View, mirror: Mirror) -> bool:
    owner = mirror.meta.owner
    return ours(mirror.marks, owner.kind if owner else None, view.key)


def _marks(view: View) -> Marks:
    if view.marks is None:
        raise ValueError("a source without annotations is decided elsewhere")
    return view.marks


def named(names: list[str]) -> str:
    """Return the first of many names."""
    return ", ".join(names[:MAX_NAMED]) + (" …" if len(names) > MAX_NAMED else "")
