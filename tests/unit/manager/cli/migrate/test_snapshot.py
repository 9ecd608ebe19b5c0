"""What is remembered of a cluster, and what a later look says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from manager.cli.migrate.snapshot import FAILURES, Change, Seen, compared, load, present, save, taken
from manager.core.errors import SettingsError
from manager.findings import ObjectFinding, Verdict
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS, Key
from tests.builders.migration_cluster import three_originals

DUE = 1_000_000.0
SECRET = Seen("Secret", "ns", "s", "u", "7")
EXTERNAL = Seen("ExternalSecret", "ns", "e", "u", "1", DUE, "1970-01-01T00:00:00Z")


def change(before: Seen, *, at: float = DUE - 1, **now: Any) -> Change | None:
    found = compared([before], {before.place: replace(before, **now)}, at)
    return found[0].change if found else None


def test_what_is_as_it_was_is_no_change() -> None:
    assert change(SECRET) is None
    assert change(EXTERNAL) is None


def test_what_is_gone_is_lost_and_another_object_is_replaced() -> None:
    (gone,) = compared([SECRET], {}, DUE)

    assert gone.change is Change.LOST
    assert change(SECRET, uid="another") is Change.REPLACED
    assert Change.REPLACED in FAILURES


@pytest.mark.parametrize(
    ("due", "at", "expected"),
    [
        (None, DUE, Change.REWRITTEN),
        (DUE, DUE - 1, Change.REWRITTEN),
        (DUE, DUE + 1, Change.REFRESHED),
    ],
)
def test_a_write_is_excused_by_a_refresh_that_was_due(due: Any, at: float, expected: Change) -> None:
    assert change(replace(SECRET, due=due), at=at, version="8") is expected


@pytest.mark.parametrize(
    ("moment", "due", "expected"),
    [
        ("1970-01-12T13:00:00Z", DUE, Change.EARLY),
        ("1970-01-12T13:46:40Z", DUE, None),
        ("1970-01-12T13:50:00Z", DUE, None),
        ("1970-01-12T13:50:00Z", None, Change.EARLY),
        ("no moment", DUE, None),
    ],
)
def test_a_read_before_it_was_due_is_seen_by_its_time(moment: str, due: Any, expected: Any) -> None:
    assert change(replace(EXTERNAL, due=due), at=DUE * 2, refreshed=moment) is expected


def test_a_refresh_that_was_due_is_no_failure() -> None:
    assert set(Change) - FAILURES == {Change.REFRESHED}


async def test_targets_keys_and_custom_resources_are_remembered_without_values() -> None:
    cluster = three_originals()
    meta = {"namespace": "ns", "name": "e", "generation": 3, "resourceVersion": "9"}
    status = {"refreshTime": "2026-01-01T00:00:00Z"}
    cluster.put(EXTERNAL_SECRETS, {"metadata": meta, "spec": {"secret": "hunter2"}, "status": status})
    cluster.put(
        SECRETS, {"metadata": {"namespace": "ns", "name": "e", "resourceVersion": "7"}, "data": {"k": "hunter2"}}
    )
    listed = await cluster.listed()
    key = Key(EXTERNAL_SECRETS, "ns", "e")
    findings = [ObjectFinding("external", key, Verdict.NOTHING, due=DUE, target=Key(SECRETS, "ns", "e"))]

    found = {str(each): each for each in taken(listed, findings)}

    assert set(found) == {
        "CustomResourceDefinition externalsecrets.external-secrets.io",
        "CustomResourceDefinition sealedsecrets.bitnami.com",
        "ExternalSecret ns/e",
        "Secret ns/e",
        "Secret kube-system/key",
    }
    assert (found["ExternalSecret ns/e"].version, found["ExternalSecret ns/e"].due) == ("3", DUE)
    assert found["ExternalSecret ns/e"].refreshed == "2026-01-01T00:00:00Z"
    assert (found["Secret ns/e"].version, found["Secret ns/e"].due) == ("7", DUE)
    assert "hunter2" not in str(found)
    assert compared(found.values(), present(listed), DUE - 1) == []


def test_a_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = str(tmp_path / "before.json")

    save(file, [SECRET, EXTERNAL], 5.0)

    assert load(file) == ([SECRET, EXTERNAL], 5.0)


@pytest.mark.parametrize(
    "content",
    ["", "{}", json.dumps({"format": 2, "at": 1, "objects": []}), json.dumps({"format": 1, "at": 1, "objects": [{}]})],
)
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "before.json"
    file.write_text(content)

    with pytest.raises(SettingsError, match="coffer migrate check --save"):
        load(str(file))


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file or directory"):
        load(str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="no such file or directory"):
        save(str(tmp_path / "no" / "folder"), [], 0.0)
