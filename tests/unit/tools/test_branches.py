"""The measurement of branches names each module that is below the floor, and every module has tests of its own."""

from pathlib import Path
from typing import Any

import pytest

from tools import branches
from tools.branches import MIN_PERCENT, ROOT, deciding, own_tests, rows


def report(statements: float, taken: float, *missing: tuple[int, int]) -> dict[str, Any]:
    summary = {"percent_statements_covered": statements, "percent_branches_covered": taken}
    return {"summary": summary, "missing_lines": [7], "missing_branches": [list(each) for each in missing]}


def project(root: Path, *listed: str) -> Path:
    (root / "pyproject.toml").write_text(f"[tool.coffer]\ndeciding = {list(listed)}\n")
    (root / "reflector").mkdir()
    (root / "reflector" / "plan.py").write_text("")
    (root / "reflector" / "__init__.py").write_text("")
    return root


def test_every_module_that_decides_has_tests_of_its_own() -> None:
    found = deciding(ROOT)

    assert {"reflector/plan.py", "manager/kube/writer.py", "sealed/crypto/wire_format.py"} <= set(found)
    assert all(own_tests(ROOT, each) for each in found)


def test_every_plan_is_listed() -> None:
    modules = (ROOT / each for each in ("external", "reflector", "sealed"))
    plans = {str(path.relative_to(ROOT)) for folder in modules for path in folder.rglob("plan.py")}

    assert plans <= set(deciding(ROOT))


def test_a_module_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"reflector/gone\.py"):
        deciding(project(tmp_path, "reflector/plan.py", "reflector/gone.py"))


def test_a_module_without_tests_is_named(tmp_path: Path) -> None:
    (module,) = deciding(project(tmp_path, "reflector/*.py"))

    with pytest.raises(LookupError, match=r"reflector/plan\.py has no tests/unit/reflector/test_plan\.py"):
        own_tests(tmp_path, module)


@pytest.mark.parametrize(
    ("statements", "taken", "enough"),
    [(100, 100, True), (MIN_PERCENT, MIN_PERCENT, True), (94.9, 100, False), (100, 94.9, False)],
)
def test_statements_and_branches_have_the_floor_each(statements: float, taken: float, enough: bool) -> None:
    (row,) = rows(["a.py"], {"a.py": report(statements, taken, (3, 5), (9, -1))})

    assert row.enough is enough
    assert row.missing == ("7", "3->5", "9->exit")


def test_a_module_that_is_never_imported_has_nothing() -> None:
    (row,) = rows(["a.py"], {})

    assert not row.enough


@pytest.mark.parametrize(("taken", "code"), [(100, 0), (90, 1)])
def test_the_exit_code_says_whether_all_is_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], taken: float, code: int
) -> None:
    monkeypatch.setattr(branches, "deciding", lambda _: ["a.py"])
    monkeypatch.setattr(branches, "measured", lambda *_: {"a.py": report(100, taken, (3, 5))})

    assert branches.main() == code
    assert ("below 95 %: a.py" in capsys.readouterr().out) is bool(code)
