"""The budget script sees each kind of breach and names the place."""

from pathlib import Path

import pytest

from tools.budgets import measure

FINE = '"""A module."""\n\n\ndef explained() -> None:\n    """Do nothing."""\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project within its budgets."""
    for folder in ("manager", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "manager" / "fine.py").write_text(FINE + "\n\n" + FINE.partition("\n\n\n")[2].replace("ed()", "ed_2()"))
    (tmp_path / "tests" / "test_fine.py").write_text('"""Tests."""\n' + "\n" * 20)
    return tmp_path


def breaches(root: Path) -> dict[str, tuple[str, float, str, bool, str]]:
    return {row[0]: row for row in measure(root) if not row[3]}


def test_a_tidy_project_breaks_none(project: Path) -> None:
    assert breaches(project) == {}


@pytest.mark.parametrize("folder", ["manager", "tests"])
def test_a_long_file_is_named_wherever_it_is(project: Path, folder: str) -> None:
    (project / folder / "long.py").write_text('"""Long."""\n' + "\n" * 450)
    assert breaches(project)["lines of a file, longest"][4] == f"{folder}/long.py"


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_a_long_function_is_named(project: Path, keyword: str) -> None:
    body = "    a = 1\n" * 60
    (project / "tests" / "test_long.py").write_text(f'"""Long."""\n{keyword} test_all():\n{body}')
    assert breaches(project)["lines of a function, longest"][4] == "tests/test_long.py:2 test_all"


def test_many_long_functions_show_in_the_percentile(project: Path) -> None:
    body = '    """Long."""\n' + "    a = 1\n" * 35
    long = "".join(f"def long_{i}():\n{body}" for i in range(3))
    (project / "manager" / "long.py").write_text('"""Long."""\n' + long)
    assert "lines of a function, p90" in breaches(project)


def test_the_median_is_of_files_that_hold_code(project: Path) -> None:
    for i in range(3):
        (project / "manager" / f"big_{i}.py").write_text('"""Big."""\n' + "\n" * 130)
        (project / "manager" / f"package_{i}").mkdir()
        (project / "manager" / f"package_{i}" / "__init__.py").write_text('"""Nothing."""\n')
    assert breaches(project)["lines of a file, median"][1] == 131


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\n", "manager/mute.py"),
        ('"""A module."""\ndef mute(): ...\n', "manager/mute.py mute"),
        ('"""A module."""\nclass Mute: ...\n', "manager/mute.py Mute"),
        ('"""A module."""\nclass A:\n    """An A."""\n    def mute(self): ...\n', "manager/mute.py A mute"),
    ],
)
def test_what_is_public_and_unexplained_is_named(project: Path, text: str, place: str) -> None:
    (project / "manager" / "mute.py").write_text(text)
    assert breaches(project)["without a docstring"][4] == place


def test_what_is_private_may_speak_for_itself(project: Path) -> None:
    text = (
        '"""A module."""\nclass _A:\n    def mute(self): ...\ndef _b(): ...\ndef c():\n    """C."""\n    def d(): ...\n'
    )
    (project / "manager" / "private.py").write_text(text)
    assert "without a docstring" not in breaches(project)


def test_a_test_function_needs_no_docstring_but_its_module_does(project: Path) -> None:
    (project / "tests" / "test_mute.py").write_text('"""Tests."""\ndef test_a(): ...\n')
    assert "without a docstring" not in breaches(project)
    (project / "tests" / "test_mute.py").write_text("def test_a(): ...\n")
    assert breaches(project)["without a docstring"][4] == "tests/test_mute.py"


def test_too_few_tests_are_a_breach(project: Path) -> None:
    (project / "manager" / "untested.py").write_text('"""Untested."""\n' + "\n" * 40)
    assert breaches(project)["lines of test per line of code"][1] < 1.3
