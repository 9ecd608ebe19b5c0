"""Print reports, steps and comparisons: lines for people, records for programs. Names only, never values."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from manager.cli.migrate.assessment import Report
from manager.cli.migrate.hazards import Hazard
from manager.cli.migrate.snapshot import FAILURES, Change, Changed, Seen
from manager.cli.migrate.steps import BACK, MOVE, UNDO, Step
from manager.findings import ObjectFinding, Verdict

Record = dict[str, object]
TITLES = {
    MOVE: "The move",
    UNDO: "The way back before an original is uninstalled",
    BACK: "The way back after the originals were uninstalled",
}


def report_lines(report: Report, *, every: bool, namespace: str = "") -> Iterator[str]:
    """Yield the numbers, the objects that do not stay as they are (or every object), the hazards and the verdict.

    Args:
        report: of the cluster, or of one namespace.
        every: whether objects that stay as they are have a line too.
        namespace: the one that was asked for; empty for all.

    """
    for (module, kind), counts in sorted(report.counts().items()):
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
        yield f"{module:10}{kind}: {told}"
    for each in report.findings:
        if every or each.blocks or each.verdict is not Verdict.NOTHING or each.why:
            yield f"{_mark(each.blocks)}  {each.verdict}  {each.key}" + (f": {each.why}" if each.why else "")
    for hazard in report.hazards:
        cure = f" -> {hazard.cure}" if hazard.cure else ""
        yield f"{_mark(hazard.blocks)}  {hazard.kind}  {hazard.about}: {hazard.problem}{cure}"
    if report.safe:
        where = f" in namespace {namespace}; leave -n out for the others" if namespace else ""
        yield f"safe: nothing must be cured before the move{where}"
    else:
        yield f"not safe: {report.blocking} finding{'' if report.blocking == 1 else 's'} must be cured (marked !)"


def report_records(report: Report) -> list[Record]:
    """Return every finding."""
    return [*map(_object, report.findings), *map(_hazard, report.hazards)]


def report_names(report: Report) -> Iterator[str]:
    """Yield the names of what must be cured."""
    yield from (f"{each.key.resource.kind.lower()}/{each.key.name}" for each in report.findings if each.blocks)
    yield from ("/".join(each.about.split(" ", 1)) for each in report.hazards if each.blocks)


def step_lines(steps: Iterable[Step]) -> Iterator[str]:
    """Yield a script: what is not a command is a comment."""
    phase = ""
    for number, each in enumerate(steps, 1):
        if each.phase != phase:
            phase = each.phase
            yield f"# {TITLES[phase]}"
        yield f"# {number}. {each.module + ': ' if each.module else ''}{each.why}"
        if each.command:
            yield each.command


def step_records(steps: Iterable[Step]) -> list[Record]:
    """Return every step."""
    return [
        {"phase": each.phase, "module": each.module or None, "why": each.why, "command": each.command or None}
        for each in steps
    ]


def comparison_lines(
    before: Sequence[Seen], at: float, changes: Sequence[Changed], live: Mapping[str, str], calls: Iterable[str]
) -> Iterator[str]:
    """Yield what became of the objects since a time, who writes now, and what was called."""
    counts = Counter(each.change for each in changes)
    told = ", ".join(f"{counts[change]} {change}" for change in Change)
    since = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    yield f"{len(before)} objects since {since}: {len(before) - len(changes)} as they were, {told}"
    for each in changes:
        yield f"{_mark(each.change in FAILURES)}  {each.change}  {each.seen}"
    for module, place in sorted(live.items()):
        yield f"   {module}: " + (f"the original {place} runs" if place else "no original runs")
    yield from calls


def comparison_records(before: Sequence[Seen], changes: Sequence[Changed]) -> list[Record]:
    """Return every object with what became of it."""
    known = {each.seen.place: each.change for each in changes}
    return [
        {
            "kind": each.kind,
            "namespace": each.namespace or None,
            "name": each.name,
            "state": str(known.get(each.place, "unchanged")),
            "failed": known.get(each.place) in FAILURES,
        }
        for each in before
    ]


def _object(finding: ObjectFinding) -> Record:
    due = None if finding.due is None else datetime.fromtimestamp(finding.due, UTC).isoformat(timespec="seconds")
    return {
        "module": finding.module,
        "kind": finding.key.resource.kind,
        "namespace": finding.key.namespace or None,
        "name": finding.key.name,
        "verdict": str(finding.verdict),
        "why": finding.why or None,
        "mustBeCured": finding.blocks,
        "nextRead": due,
    }


def _hazard(hazard: Hazard) -> Record:
    kind, _, name = hazard.about.partition(" ")
    namespace, _, alone = name.rpartition("/")
    return {
        "module": hazard.module,
        "kind": kind,
        "namespace": namespace or None,
        "name": alone,
        "hazard": str(hazard.kind),
        "why": hazard.problem,
        "cure": hazard.cure or None,
        "mustBeCured": hazard.blocks,
    }


def _mark(blocks: bool) -> str:
    return "!" if blocks else " "
