"""Say what becomes of sources and mirrors that kubernetes-reflector left, by the module's own plan. Pure."""

from collections.abc import Iterator, Mapping

from manager.core.errors import NeedsHuman
from manager.findings import ObjectFinding, Verdict
from manager.kube.resources import Body, Key
from reflector.executor import require_made_by_a_reflector
from reflector.plan import Do, Note, Plan, Step, plan
from reflector.view import View, ViewBuilder

WARNINGS = frozenset({"MirrorsExternalSecret", "LabelsNotAccepted", "NothingReached", "PatternAmbiguous"})
"""Notes that change nothing."""
STEPS = {
    Do.CREATE: "the mirror is missing: Coffer creates it",
    Do.REFRESH: "the mirror is older than its source: Coffer updates it",
    Do.COMPARE: "the mirror was written for an earlier version: Coffer compares it, and updates it if its data differs",
    Do.REMOVE: "Coffer deletes this mirror: its source is gone, or does not want it there",
}


def findings(
    builder: ViewBuilder, provenance: str, metadata: Mapping[Key, Body], namespace: str = ""
) -> Iterator[ObjectFinding]:
    """Yield what Coffer does with every source, mirror and missing mirror, or with those of one namespace.

    Args:
        builder: has seen the metadata of all namespaces, Secrets and ConfigMaps.
        provenance: the setting of that name.
        metadata: of objects that name a source.
        namespace: of the objects; empty for all.

    """
    for source in sorted(builder.sources() | builder.named(), key=str):
        view = builder.view(source)
        found = _of_source(view, plan(view, provenance), metadata)
        yield from (each for each in found if namespace in ("", each.key.namespace))


def _of_source(view: View, decided: Plan, metadata: Mapping[Key, Body]) -> Iterator[ObjectFinding]:
    notes: dict[Key, list[Note]] = {}
    for note in decided.notes:
        notes.setdefault(note.about, []).append(note)
    if view.meta is not None and view.marks is not None:
        yield _noted(view.key, notes.get(view.key, []))
    steps = {step.target: step for step in decided.steps}
    for mirror in view.mirrors:
        if mirror.key not in steps and mirror.key != view.key:
            yield _noted(mirror.key, notes.get(mirror.key, []), mirror.key)
    present = {mirror.key for mirror in view.mirrors}
    for step in steps.values():
        yield _step(view.key, step, metadata, step.target if step.target in present else None)


def _step(source: Key, step: Step, metadata: Mapping[Key, Body], target: Key | None) -> ObjectFinding:
    why, blocks = STEPS[step.do], step.do is Do.REMOVE
    if step.do is Do.REMOVE and step.target in metadata:
        try:
            require_made_by_a_reflector(source, step.target, metadata[step.target]["metadata"])
        except NeedsHuman as error:
            why, blocks = error.message, False
    return ObjectFinding("reflector", step.target, Verdict.DIFFERS, why, blocks, target=target)


def _noted(key: Key, notes: list[Note], target: Key | None = None) -> ObjectFinding:
    verdict = Verdict.DIFFERS if any(each.reason not in WARNINGS for each in notes) else Verdict.NOTHING
    why = "; ".join(f"{each.reason}: {each.message}" for each in notes)
    return ObjectFinding("reflector", key, verdict, why, target=target)
