"""The budget script sees each kind of breach and names the place."""

from pathlib import Path

import pytest

from tools.budgets import Row, measure

FINE = '"""A module."""\n\n\ndef explained() -> None:\n    """Do nothing."""\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project within its budgets."""
    for folder in ("manager", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "manager" / "fine.py").write_text(FINE + "\n\n" + FINE.partition("\n\n\n")[2].replace("ed()", "ed_2()"))
    (tmp_path / "tests" / "test_fine.py").write_text('"""Tests."""\n' + "\n" * 20)
    return tmp_path


def breaches(root: Path, exceptions: tuple[str, ...] = ()) -> dict[str, Row]:
    return {row[0]: row for row in measure(root, dict.fromkeys(exceptions, "2026-11-29")) if not row[3]}


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


LONG_CLASS = '"""Long."""\nclass Long:\n    """Long."""\n' + "    a = 1\n" * 199
MANY = ", ".join("abcdefg")
WIDE = f'"""Wide."""\nclass Wide:\n    """Wide."""\n    def __init__(self, {MANY}): ...\n'


def test_a_long_class_is_named_with_its_size(project: Path) -> None:
    (project / "manager" / "long.py").write_text(LONG_CLASS)
    assert breaches(project)["lines of a class, longest"][4] == "manager/long.py Long (201)"


def test_a_class_at_the_limit_holds(project: Path) -> None:
    (project / "manager" / "long.py").write_text(LONG_CLASS.removesuffix("    a = 1\n"))
    assert "lines of a class, longest" not in breaches(project)


@pytest.mark.parametrize(
    ("signature", "place"),
    [
        (f"def wide({MANY}):", "wide"),
        (f"async def wide({MANY}):", "wide"),
        ("def wide(a, b, c, d, e, f, /, *, g):", "wide"),
        ("def outer():\n    def wide(a, b, c, /, d, e, f, g):", "outer.wide"),
        (f"class A:\n    def _wide(self, {MANY}):", "A._wide"),
        (f"class A:\n    @classmethod\n    def wide(cls, {MANY}):", "A.wide"),
    ],
)
def test_a_wide_signature_is_named(project: Path, signature: str, place: str) -> None:
    (project / "manager" / "wide.py").write_text(f'"""Wide."""\n{signature} ...\n')
    assert breaches(project)["parameters of a signature, most"][4] == f"manager/wide.py {place} (7)"


def test_self_cls_and_collected_arguments_do_not_count(project: Path) -> None:
    text = f"class _A:\n    def _six(self, {MANY.removesuffix(', g')}, *rest, **options): ...\n"
    (project / "manager" / "six.py").write_text(f'"""Six."""\n{text}')
    assert "parameters of a signature, most" not in breaches(project)


def test_a_full_folder_is_named(project: Path) -> None:
    for i in range(16):
        (project / "manager" / f"module_{i}.py").write_text('"""One."""\n')
    (project / "manager" / "__init__.py").write_text('"""All."""\n')
    assert breaches(project)["files of a folder, most"][4] == "manager (17)"
    (project / "manager" / "module_0.py").unlink()
    assert "files of a folder, most" not in breaches(project)


@pytest.mark.parametrize(
    ("text", "row", "place"),
    [
        (LONG_CLASS, "lines of a class, longest", "manager/odd.py Long"),
        (WIDE, "parameters of a signature, most", "manager/odd.py Wide.__init__"),
    ],
)
def test_an_exception_allows_one_place_until_it_is_mended(project: Path, text: str, row: str, place: str) -> None:
    (project / "manager" / "odd.py").write_text(text)
    assert row in breaches(project)
    assert row not in breaches(project, (place,))
    assert "exceptions that nothing needs" not in breaches(project, (place,))
    (project / "manager" / "odd.py").write_text('"""Mended."""\n')
    assert breaches(project, (place,))["exceptions that nothing needs"][4] == place


def test_tests_may_have_wide_signatures_and_full_folders(project: Path) -> None:
    for i in range(17):
        (project / "tests" / f"test_{i}.py").write_text(f'"""Tests."""\ndef test_{i}({MANY}): ...\n')
    assert breaches(project) == {}
