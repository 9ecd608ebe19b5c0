"""The rules: from a source and what mirrors it to one step a target. Pure (reflector.md 2.8, 2.9 and 8)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from manager.kube.apply import SEALING_KEY_LABEL
from manager.kube.resources import Key
from reflector.annotations import Marks, ambiguous, problems
from reflector.view import Mirror, Place, View

YIELDS_TO = frozenset({"SealedSecret", "ExternalSecret"})
MOST_NAMED = 5  # namespaces that an aggregated message names


class Do(StrEnum):
    """What to do with one target."""

    CREATE = "create"
    REFRESH = "refresh"
    """Write data and marks: the source has moved, or the mirror asks for it."""
    COMPARE = "compare"
    """Somebody else wrote the mirror: read it, and repair it if its data differs."""
    REMOVE = "remove"
    """Delete it, once both ends have been read and agree."""


@dataclass(frozen=True, slots=True)
class Step:
    """One target and what to do with it."""

    do: Do
    target: Key
    mirror: Mirror | None
    auto: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Something to tell a user, at the object that it concerns."""

    about: Key
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and what to say."""

    steps: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()
    frozen: bool = False
    """The provenance guard keeps everything as it is."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that decide."""

    provenance: str = "warn"
    excluded: Callable[[str], bool] = field(default=lambda _: False)
    labels: Callable[[str], Mapping[str, str] | None] = field(default=lambda _: None)


def plan(view: View, policy: Policy) -> Plan:
    """Decide about every mirror of one source."""
    if view.meta is None or view.marks is None:
        return _without_source(view)
    if policy.excluded(view.key.namespace) or SEALING_KEY_LABEL in view.meta.labels:
        return Plan()  # ignored at the source's side; nothing is made and nothing is taken away (1.6)
    if view.circular:
        return _in_a_circle(view)
    notes = [Note(view.key, "InvalidAnnotation", text) for text in problems(view.marks)]
    wanted = {place.name for place in view.places if _pushed(view, place)}
    if view.external and (wanted or view.mirrors):
        notes += _provenance(view, policy)
        if policy.provenance == "deny":
            return Plan(notes=tuple(notes), frozen=True)
    steps = [*_pulls(view, policy, notes), *_pushes(view, wanted), *_withdrawals(view, wanted)]
    notes += _conflicts(view, wanted)
    return Plan(tuple(steps), tuple(notes))


def ours(mirror: Marks | None, owner_kind: str | None, source: Key) -> bool:
    """Tell whether an object is an auto mirror of this source that nobody else has claimed (DESIGN.md 4a, 3 and 4)."""
    if mirror is None or not mirror.auto_reflects or mirror.reflects != (source.namespace, source.name):
        return False
    return owner_kind not in YIELDS_TO


def _without_source(view: View) -> Plan:
    """Auto mirrors of a source that is gone, or that no longer offers anything, go; pulled ones keep their data."""
    steps = [Step(Do.REMOVE, each.key, each, auto=True) for each in view.mirrors if _ours(view, each)]
    notes: list[Note] = []
    for each in view.mirrors:
        if each.marks is not None and not each.marks.auto_reflects:
            what, reason = ("does not exist", "SourceNotFound")
            if view.meta is not None:
                what, reason = ("does not allow reflection", "SourceNotPermitted")
            text = f"{view.key.resource.kind} {view.key.namespace}/{view.key.name} {what}; data is left as it is"
            notes.append(Note(each.key, reason, text))
    return Plan(tuple(steps), tuple(notes))


def _in_a_circle(view: View) -> Plan:
    """Leave mirrors that feed each other alone: every write would ask for the next one."""
    text = f"{view.key.namespace}/{view.key.name} reflects itself by way of its mirrors; nothing is copied"
    return Plan(notes=tuple(Note(each.key, "CircularReference", text) for each in view.mirrors))


def _pulls(view: View, policy: Policy, notes: list[Note]) -> Iterator[Step]:
    """Mirrors that users made and that name the source; withdrawn consent freezes them."""
    for each in view.mirrors:
        if each.marks is None or each.marks.auto_reflects or each.key == view.key:
            continue
        if policy.excluded(each.key.namespace) or each.meta.deleting:
            continue
        if not _marks(view).permits(each.key.namespace, policy.labels(each.key.namespace)):
            text = f"{view.key.namespace}/{view.key.name} does not permit reflection into this namespace"
            notes.append(Note(each.key, "SourceNotPermitted", f"{text}; data is left as it is"))
            continue
        yield from _update(view, each, auto=False)


def _pushes(view: View, wanted: set[str]) -> Iterator[Step]:
    for name in sorted(wanted):
        found = view.occupied.get(name)
        if found is None:
            yield Step(Do.CREATE, Key(view.key.resource, name, view.key.name), None, auto=True)
        elif _ours(view, found):
            yield from _update(view, found, auto=True)


def _update(view: View, mirror: Mirror, *, auto: bool) -> Iterator[Step]:
    if mirror.meta.deleting or mirror.marks is None or view.meta is None:
        return
    if mirror.marks.version != view.meta.version:
        yield Step(Do.REFRESH, mirror.key, mirror, auto)
    elif mirror.suspect:
        yield Step(Do.COMPARE, mirror.key, mirror, auto)


def _withdrawals(view: View, wanted: set[str]) -> Iterator[Step]:
    for each in view.mirrors:
        kept = each.key.namespace in wanted and each.key.name == view.key.name
        if not kept and _ours(view, each) and not each.meta.deleting:
            yield Step(Do.REMOVE, each.key, each, auto=True)


def _conflicts(view: View, wanted: set[str]) -> list[Note]:
    foreign = sorted(name for name in wanted if name in view.occupied and not _ours(view, view.occupied[name]))
    notes = []
    if foreign:
        text = (
            f"{len(foreign)} namespace(s) have another object of this name, which is left untouched: {_named(foreign)}"
        )
        notes.append(Note(view.key, "ConflictingObject", text))
    lost = sorted(place.name for place in view.places if _consents(view, place) and _beaten(view, place))
    if lost:
        winner = view.rivals[0][0]
        text = f"an older source, {winner.namespace}/{winner.name}, is mirrored into {_named(lost)}"
        notes.append(Note(view.key, "ConflictingSource", text))
    if any(ambiguous(_marks(view), place.name) for place in view.places):
        text = "a pattern covers a whole name only by a later alternative, and is read as not matching it"
        notes.append(Note(view.key, "PatternAmbiguous", f"{text}: put the longer alternative first"))
    return notes


def _provenance(view: View, policy: Policy) -> list[Note]:
    if policy.provenance == "allow":
        return []
    text = "an ExternalSecret made this object; each service should use its own identity at the provider"
    if policy.provenance == "deny":
        return [Note(view.key, "MirrorDenied", f"{text}; it is not mirrored (reflector.provenance: deny)")]
    return [Note(view.key, "MirrorsExternalSecret", f"{text} instead of a mirror (reflector.provenance: warn)")]


def _pushed(view: View, place: Place) -> bool:
    return _consents(view, place) and not _beaten(view, place)


def _consents(view: View, place: Place) -> bool:
    return place.open and place.name != view.key.namespace and _marks(view).pushes(place.name, place.labels)


def _beaten(view: View, place: Place) -> bool:
    return any(
        rival.namespace == place.name or marks.pushes(place.name, place.labels) for rival, _, marks in view.rivals
    )


def _ours(view: View, mirror: Mirror) -> bool:
    owner = mirror.meta.owner
    return ours(mirror.marks, owner.kind if owner else None, view.key)


def _marks(view: View) -> Marks:
    if view.marks is None:
        raise ValueError("a source without annotations is decided elsewhere")
    return view.marks


def _named(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
