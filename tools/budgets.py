"""Checks the size budgets: short files and functions, everything public explained, more tests than code."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

CODE, TESTS = ("manager", "sealed", "external", "reflector"), ("tests", "tools")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines(root: Path, folders: tuple[str, ...]) -> dict[str, list[str]]:
    """Read every Python file of the folders."""
    files = (file for folder in folders for file in (root / folder).rglob("*.py"))
    return {str(file.relative_to(root)): file.read_text().splitlines() for file in files}


def functions(files: dict[str, list[str]]) -> dict[str, int]:
    """Return the length of each function, docstring included."""
    found: dict[str, int] = {}
    for file, text in files.items():
        nodes = [node for node in ast.walk(ast.parse("\n".join(text))) if isinstance(node, Function)]
        found |= {f"{file}:{each.lineno} {each.name}": (each.end_lineno or 0) - each.lineno + 1 for each in nodes}
    return found


def silent(node: ast.Module | ast.ClassDef | Function, place: str) -> Iterator[str]:
    """Yield what others may use and nothing explains: modules, and public classes, functions and methods in them."""
    if not ast.get_docstring(node):
        yield place
    for child in [] if isinstance(node, Function) else node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            yield from silent(child, f"{place} {child.name}")


def measure(root: Path) -> list[tuple[str, float, str, bool, str]]:
    """Return for each budget: its name, the value, the limit, whether it holds, and where it is worst."""
    code, tests = lines(root, CODE), lines(root, TESTS)
    sizes, lengths = {name: len(text) for name, text in (code | tests).items()}, functions(code | tests)
    file, function = max(sizes, key=sizes.__getitem__), max(lengths, key=lengths.__getitem__)
    usual = median(sizes[file] for file in code if not file.endswith("__init__.py"))
    p90 = quantiles(functions(code).values(), n=10)[-1]
    mute = [place for name, text in code.items() for place in silent(ast.parse("\n".join(text)), name)]
    mute += [name for name, text in tests.items() if not ast.get_docstring(ast.parse("\n".join(text)))]
    ratio = sum(sizes[name] for name in tests) / sum(sizes[name] for name in code)
    return [
        ("lines of a file, median", usual, "<= 120", usual <= 120, ""),
        ("lines of a file, longest", sizes[file], "<= 450", sizes[file] <= 450, file),
        ("lines of a function, p90", p90, "<= 30", p90 <= 30, ""),
        ("lines of a function, longest", lengths[function], "<= 60", lengths[function] <= 60, function),
        ("without a docstring", len(mute), "= 0", not mute, ", ".join(mute[:5])),
        ("lines of test per line of code", ratio, ">= 1.3", ratio >= 1.3, ""),
    ]


if __name__ == "__main__":
    for name, value, limit, holds, where in (rows := measure(Path(__file__).parents[1])):
        sys.stdout.write(f"{'ok' if holds else 'BREACH':7}{name:32}{value:8.4g}  {limit:8}{where}\n")
    sys.exit(not all(row[3] for row in rows))
