"""Measures the branch coverage of the modules that decide, each by its own unit tests: `make branches`.

`pyproject.toml` lists the modules. A module's own tests are those of its path: `reflector/plan.py` has
`tests/unit/reflector/test_plan*.py`. What only other tests pass through does not count: they do not say what is right.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
MIN_PERCENT = 95.0


class Row(NamedTuple):
    """The figures of one module."""

    module: str
    statements: float
    """Percent of its statements."""
    branches: float
    """Percent of its branches."""
    missing: tuple[str, ...]
    """The lines, and the branches as `from->to`, that no test takes."""

    @property
    def enough(self) -> bool:
        """Whether both figures reach the floor."""
        return min(self.statements, self.branches) >= MIN_PERCENT


def deciding(root: Path) -> list[str]:
    """Return the paths of the modules that `pyproject.toml` lists, wildcards resolved. Raises LookupError."""
    listed: list[str] = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["coffer"]["deciding"]
    found = {each: sorted(root.glob(each)) for each in listed}
    gone = [each for each, paths in found.items() if not paths]
    if gone:
        raise LookupError(f"pyproject.toml lists {gone[0]}, which does not exist")
    paths = {path for paths in found.values() for path in paths if path.name != "__init__.py"}
    return sorted(str(path.relative_to(root)) for path in paths)


def own_tests(root: Path, module: str) -> list[str]:
    """Return the test files of a module. Raises LookupError if it has none."""
    path = Path(module)
    found = sorted(root.glob(f"tests/unit/{path.parent}/test_{path.stem}*.py"))
    if not found:
        raise LookupError(f"{module} has no tests/unit/{path.parent}/test_{path.stem}.py")
    return [str(each.relative_to(root)) for each in found]


def measured(root: Path, modules: list[str]) -> Mapping[str, Any]:
    """Run the tests of some modules; return coverage's report. Raises CalledProcessError if a test fails."""
    tests = sorted({each for module in modules for each in own_tests(root, module)})
    coverage = [sys.executable, "-m", "coverage"]
    with tempfile.TemporaryDirectory() as folder:
        data, report = f"--data-file={folder}/data", Path(folder, "report.json")
        include = f"--include={','.join(modules)}"
        subprocess.run([*coverage, "run", "--branch", data, include, "-m", "pytest", *tests], cwd=root, check=True)
        subprocess.run([*coverage, "json", data, "--quiet", "-o", str(report)], cwd=root, check=True)
        found: dict[str, Any] = json.loads(report.read_text())["files"]
        return found


def rows(modules: list[str], report: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the figures of each module; one that no test imports has none of its lines."""
    for module in modules:
        if module not in report:
            yield Row(module, 0.0, 0.0, ("it is never imported",))
            continue
        found = report[module]
        summary = found["summary"]
        lines = (str(each) for each in found["missing_lines"])
        branches = (f"{start}->{end if end > 0 else 'exit'}" for start, end in found["missing_branches"])
        yield Row(
            module,
            summary["percent_statements_covered"],
            summary["percent_branches_covered"],
            (*lines, *branches),
        )


def main() -> int:
    """Print the figures; return 1 if a module is below the floor or a test fails."""
    modules = deciding(ROOT)
    try:
        found = list(rows(modules, measured(ROOT, modules)))
    except subprocess.CalledProcessError as error:
        return error.returncode
    for each in found:
        figures = f"{each.statements:.0f} % of statements, {each.branches:.0f} % of branches"
        sys.stdout.write(f"{each.module}: {figures}\n")
        if each.missing:
            sys.stdout.write(f"    not taken: {' '.join(each.missing)}\n")
    low = [each.module for each in found if not each.enough]
    if low:
        sys.stdout.write(f"below {MIN_PERCENT:.0f} %: {', '.join(low)}\n")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
