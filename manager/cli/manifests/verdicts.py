"""What is said of manifests, as lines, records and JUnit."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from manager.access.explanations import file_fault
from manager.cli.manifests.reading import Manifest, Unread
from manager.core.errors import SettingsError
from manager.tables import printable


class Weight(StrEnum):
    """How much a problem matters."""

    FAULT = "fault"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a manifest; the text names the field and the cure, and no value."""

    text: str
    weight: Weight = Weight.FAULT


@dataclass(frozen=True)
class Judged:
    """One manifest, what is wrong with it, and what else is told."""

    file: str
    number: int
    about: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What happens to the keys of its Secret."""

    @property
    def faulty(self) -> bool:
        """Whether it must be mended."""
        return any(each.weight is Weight.FAULT for each in self.problems)


def judged(
    manifest: Manifest,
    problems: Iterable[Problem],
    notes: Iterable[str] = (),
    keys: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Judged:
    """Return the verdict on a manifest; the same problem counts once."""
    found = tuple(dict.fromkeys(problems))
    return Judged(manifest.file, manifest.number, str(manifest), found, tuple(notes), keys)


def unusable(unread: Iterable[Unread]) -> list[Judged]:
    """Return the verdicts on files that hold nothing usable."""
    return [Judged(each.file, 0, "the file", (Problem(each.why),)) for each in unread]


def lines(found: Sequence[Judged]) -> Iterator[str]:
    """Yield each manifest that has a problem or a note, and the numbers last."""
    for each in found:
        if each.problems or each.notes:
            yield f"{each.file}: {each.about}"
        for problem in each.problems:
            yield f"{'!' if problem.weight is Weight.FAULT else '?'}  {problem.text}"
        yield from (f"   {note}" for note in each.notes)
    faulty = sum(each.faulty for each in found)
    yield f"{len(found)} objects, {faulty} with faults"


def records(found: Sequence[Judged]) -> list[dict[str, object]]:
    """Return each manifest as a record."""
    return [
        {
            "file": each.file,
            "document": each.number,
            "object": each.about,
            "faulty": each.faulty,
            "problems": [{"weight": str(one.weight), "text": one.text} for one in each.problems],
            "notes": list(each.notes),
            **({"keys": {name: list(given) for name, given in each.keys.items()}} if each.keys else {}),
        }
        for each in found
    ]


def names(found: Sequence[Judged]) -> Iterator[str]:
    """Yield the objects with faults."""
    return (each.about.replace(" ", "/", 1).lower() for each in found if each.faulty)


def write_junit(file: str, suite: str, found: Sequence[Judged]) -> None:
    """Write the verdicts for CI: a test case for each manifest. Raises SettingsError."""
    try:
        Path(file).write_text(junit(suite, found))
    except OSError as error:
        raise SettingsError(f"--junit {file}: {file_fault(error)}") from None


def junit(suite: str, found: Sequence[Judged]) -> str:
    """Return the verdicts as JUnit's XML."""
    faulty = sum(each.faulty for each in found)
    top = ET.Element("testsuite", name=suite, tests=str(len(found)), failures=str(faulty), errors="0")
    for each in found:
        case = ET.SubElement(top, "testcase", classname=printable(each.file), name=printable(each.about))
        faults = [printable(one.text) for one in each.problems if one.weight is Weight.FAULT]
        if faults:
            ET.SubElement(case, "failure", message=faults[0]).text = "\n".join(faults)
        others = [printable(one.text) for one in each.problems if one.weight is Weight.WARNING]
        if others or each.notes:
            ET.SubElement(case, "system-out").text = "\n".join([*others, *map(printable, each.notes)])
    ET.indent(top)
    return ET.tostring(top, encoding="unicode", xml_declaration=True) + "\n"
