"""Files made from code are compared, written and removed."""

from pathlib import Path

import pytest

from tools.generated import Generated, report


def test_a_missing_and_a_changed_file_differ(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    made = Generated("pages", lambda: {tmp_path / "a": "new", tmp_path / "b": "new"}, "make docs")

    assert made.differences() == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_what_nothing_makes_any_more_differs_and_goes(tmp_path: Path) -> None:
    (tmp_path / "left-over").write_text("")
    made = Generated("CRDs", lambda: {tmp_path / "a": "new"}, "make crds", only=tmp_path)

    assert made.differences() == [str(tmp_path / "a"), str(tmp_path / "left-over")]
    made.write()
    assert made.differences() == []
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_check_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["tool", "--check"])
    made = Generated("pages", lambda: {tmp_path / "a": "new"}, "make docs")

    assert made.main() == 1
    assert not (tmp_path / "a").exists()
    assert capsys.readouterr().out == f"pages: out of date, run make docs: {tmp_path / 'a'}\n"


def test_a_report_says_what_is_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text("new")

    assert not report(Generated("pages", lambda: {tmp_path / "a": "new"}, "make docs"))
    assert capsys.readouterr().out == "pages: current\n"
