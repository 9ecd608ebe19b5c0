"""Manifests come from files, folders and standard input."""

from pathlib import Path

import pytest

from manager.cli.manifests import reading
from manager.cli.manifests.reading import Manifest, manifests
from manager.core.errors import SettingsError

LIST = "apiVersion: v1\nkind: List\nitems: [{kind: A, metadata: {name: a}}, {kind: B}]\n"


def test_every_object_of_every_file_is_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b.json").write_text('{"kind": "C", "metadata": {"name": "c", "namespace": "n"}}')
    (tmp_path / "a.yaml").write_text(LIST + "---\n---\nkind: D\n")
    (tmp_path / "c.txt").write_text("kind: E\n")
    (tmp_path / "d.yml").write_text("just text\n")

    found, unread = manifests([str(tmp_path)])

    assert [(Path(each.file).name, each.number, each.kind) for each in found] == [
        ("a.yaml", 1, "A"),
        ("a.yaml", 2, "B"),
        ("a.yaml", 3, "D"),
        ("b.json", 1, "C"),
    ]
    assert [Path(each.file).name for each in unread] == ["d.yml"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"kind": "A", "metadata": {"name": "a", "namespace": "n"}}, "A n/a"),
        ({"kind": "A", "metadata": {"name": "a"}}, "A a"),
        ({"kind": "A", "metadata": "x"}, "A"),
        ({}, "an object without kind"),
    ],
)
def test_a_manifest_is_called_by_kind_and_name(body: dict[str, object], shown: str) -> None:
    assert str(Manifest("f", 1, body)) == shown


def test_group_is_that_of_the_api_version() -> None:
    assert [Manifest("f", 1, {"apiVersion": each}).group for each in ("v1", "apps/v1", "", "a/b/c")] == [
        "",
        "apps",
        "",
        "a",
    ]


def test_too_many_files_and_missing_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (tmp_path / f"{number}.yaml").write_text("kind: A\n")
    monkeypatch.setattr(reading, "MAX_FILES", 2)

    with pytest.raises(SettingsError, match="more than 2 files"):
        manifests([str(tmp_path)])
    with pytest.raises(SettingsError, match="nowhere"):
        manifests(["/nowhere"])
