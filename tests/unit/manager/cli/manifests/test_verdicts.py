"""Verdicts as lines, records and JUnit."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from manager.cli.manifests.reading import Manifest, Unread
from manager.cli.manifests.verdicts import Problem, Weight, judged, junit, lines, names, records, unusable, write_junit
from manager.core.errors import SettingsError
from tests.builders.hostile_text import HOSTILE

A = Manifest("f.yaml", 1, {"kind": "A", "metadata": {"name": "a", "namespace": "n"}})
FAULT, DOUBT = Problem("spec.x: wrong"), Problem("spec.y: odd", Weight.WARNING)


def test_the_same_problem_counts_once_and_a_warning_is_no_fault() -> None:
    found = [judged(A, [FAULT, FAULT, DOUBT], ["+ k: ***"], {"added": ("k",)}), judged(A, [DOUBT]), judged(A, [])]

    assert list(lines(found)) == [
        "f.yaml: A n/a",
        "!  spec.x: wrong",
        "?  spec.y: odd",
        "   + k: ***",
        "f.yaml: A n/a",
        "?  spec.y: odd",
        "3 objects, 1 with faults",
    ]
    assert list(names(found)) == ["a/n/a"]
    assert [each["faulty"] for each in records(found)] == [True, False, False]
    assert records(found)[0]["keys"] == {"added": ["k"]}


def test_a_file_without_objects_is_a_fault() -> None:
    (found,) = unusable([Unread("f", "no objects")])

    assert found.faulty
    assert next(iter(lines([found]))) == "f: the file"


def test_junit_has_a_case_for_each_manifest() -> None:
    root = ET.fromstring(junit("suite", [judged(A, [FAULT, DOUBT]), judged(A, [], ["a note"])]))

    assert root.attrib == {"name": "suite", "tests": "2", "failures": "1", "errors": "0"}
    first, second = root
    failure = first.find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("spec.x: wrong", "spec.x: wrong")
    assert first.findtext("system-out") == "spec.y: odd"
    assert second.findtext("system-out") == "a note"


@pytest.mark.parametrize("payload", HOSTILE, ids=ascii)
def test_a_hostile_text_leaves_the_report_readable(payload: str) -> None:
    manifest = Manifest(payload, 1, {"kind": payload, "metadata": {"name": payload}})

    (case,) = ET.fromstring(junit("suite", [judged(manifest, [Problem(payload)])]))

    assert case.tag == "testcase"
    assert case.find("failure") is not None


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--junit"):
        write_junit(str(tmp_path / "no" / "r.xml"), "suite", [])
