"""Print the doctor's report: lines for people, records for programs."""

from collections.abc import Iterator

from manager.cli.doctor.findings import Checkup, Finding, Severity

MARKS = {Severity.FAULT: "!", Severity.WARNING: "?"}
MAX_PROBLEM_CHARACTERS = 600


def lines(found: Checkup) -> Iterator[str]:
    """Yield each finding with its cure, then what passed, and last what was not checked."""
    for each in found.findings:
        yield f"{MARKS[each.severity]}  {each.area}: {each.about}: {each.problem[:MAX_PROBLEM_CHARACTERS]}"
        yield f"     -> {each.cure}"
    if found.passed:
        yield f"well        {', '.join(found.passed)}"
    yield from (f"not checked {area}: {why}" for area, why in found.unchecked)
    faults = sum(each.severity is Severity.FAULT for each in found.findings)
    yield f"{faults} faults, {len(found.findings) - faults} warnings"


def records(found: Checkup) -> list[dict[str, object]]:
    """Return the report as one object."""
    return [
        {
            "healthy": found.healthy,
            "findings": [_record(each) for each in found.findings],
            "passed": [str(each) for each in found.passed],
            "notChecked": [{"area": str(area), "why": why} for area, why in found.unchecked],
        }
    ]


def names(found: Checkup) -> Iterator[str]:
    """Yield the area and the object of each finding."""
    return (f"{each.area}/{each.about.replace(' ', '/')}" for each in found.findings)


def _record(finding: Finding) -> dict[str, object]:
    return {
        "area": str(finding.area),
        "severity": str(finding.severity),
        "about": finding.about,
        "problem": finding.problem,
        "cure": finding.cure,
    }
