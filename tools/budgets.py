"""Check the size budgets: short files, functions, classes and signatures, everything public explained, enough tests."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median, quantiles

CODE, TESTS = ("manager", "sealed", "external", "reflector"), ("tests", "tools")
MAX_CLASS_LINES, MAX_PARAMETERS, MAX_FOLDER_FILES = 200, 6, 16
EXCEPTIONS: dict[str, str] = {}
"""What broke the budgets of classes and signatures when they were introduced, and on which day it was listed here."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines(root: Path, folders: tuple[str, ...]) -> dict[str, list[str]]:
    """Read every Python file of the folders."""
    files = (file for folder in folders for file in (root / folder).rglob("*.py"))
    return {str(file.relative_to(root)): file.read_text().splitlines() for file in files}


def functions(files: dict[str, list[str]]) -> dict[str, int]:
    """Return the length of each function, docstring included."""
    found: dict[str, int] = {}
    for file, text in files.items():
        nodes = [node for node in ast.walk(_parsed("\n".join(text))) if isinstance(node, Function)]
        found |= {f"{file}:{each.lineno} {each.name}": (each.end_lineno or 0) - each.lineno + 1 for each in nodes}
    return found


@cache
def _parsed(text: str) -> ast.Module:
    """Parse a file once for all budgets."""
    return ast.parse(text)


def classes(files: dict[str, list[str]]) -> dict[str, int]:
    """Return the length of each class, docstring included."""
    nodes = [(file, node) for file, text in files.items() for node in ast.walk(_parsed("\n".join(text)))]
    return {
        f"{file} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file, node in nodes
        if isinstance(node, ast.ClassDef)
    }


def signatures(files: dict[str, list[str]]) -> dict[str, int]:
    """Return the number of parameters of each function and of each method, without `self` and `cls`."""
    found: dict[str, int] = {}
    for file, text in files.items():
        tree = _parsed("\n".join(text))
        found |= {f"{file} {name}": _parameters(node) for name, node in _named_functions(tree, "")}
    return found


def _named_functions(node: ast.AST, owner: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        name = f"{owner}{child.name}" if isinstance(child, Function | ast.ClassDef) else ""
        if isinstance(child, Function):
            yield name, child
        yield from _named_functions(child, f"{name}." if name else owner)


def _parameters(node: Function) -> int:
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def folders(files: dict[str, list[str]]) -> dict[str, int]:
    """Return the number of Python files directly in each folder, without `__init__.py`."""
    return Counter(str(Path(name).parent) for name in files if not name.endswith("__init__.py"))


def breaches(sizes: dict[str, int], limit: int, exceptions: dict[str, str]) -> list[str]:
    """Return the places above the limit that no exception allows."""
    return [f"{place} ({size})" for place, size in sizes.items() if size > limit and place not in exceptions]


def stale(exceptions: dict[str, str], sizes: dict[str, int], parameters: dict[str, int]) -> list[str]:
    """Return the exceptions that are not needed any more: their place is within the budgets, or gone."""
    return [
        place
        for place in exceptions
        if sizes.get(place, 0) <= MAX_CLASS_LINES and parameters.get(place, 0) <= MAX_PARAMETERS
    ]


def silent(node: ast.Module | ast.ClassDef | Function, place: str) -> Iterator[str]:
    """Yield what others may use and nothing explains: modules, and public classes, functions and methods in them."""
    if not ast.get_docstring(node):
        yield place
    for child in [] if isinstance(node, Function) else node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            yield from silent(child, f"{place} {child.name}")


Row = tuple[str, float, str, bool, str]
"""One budget: its name, the value, the limit, whether it holds, and where it is worst."""


def measure(root: Path, exceptions: dict[str, str]) -> list[Row]:
    """Return a row for each budget."""
    code, tests = lines(root, CODE), lines(root, TESTS)
    sizes, lengths = {name: len(text) for name, text in (code | tests).items()}, functions(code | tests)
    file, function = max(sizes, key=sizes.__getitem__), max(lengths, key=lengths.__getitem__)
    usual = median(sizes[file] for file in code if not file.endswith("__init__.py"))
    p90 = quantiles(functions(code).values(), n=10)[-1]
    mute = [place for name, text in code.items() for place in silent(_parsed("\n".join(text)), name)]
    mute += [name for name, text in tests.items() if not ast.get_docstring(_parsed("\n".join(text)))]
    ratio = sum(sizes[name] for name in tests) / sum(sizes[name] for name in code)
    return [
        ("lines of a file, median", usual, "<= 120", usual <= 120, ""),
        ("lines of a file, longest", sizes[file], "<= 450", sizes[file] <= 450, file),
        ("lines of a function, p90", p90, "<= 30", p90 <= 30, ""),
        ("lines of a function, longest", lengths[function], "<= 60", lengths[function] <= 60, function),
        ("without a docstring", len(mute), "= 0", not mute, ", ".join(mute[:5])),
        ("lines of test per line of code", ratio, ">= 1.3", ratio >= 1.3, ""),
        *_shapes(code, exceptions),
    ]


def _shapes(code: dict[str, list[str]], exceptions: dict[str, str]) -> Iterator[Row]:
    sizes, parameters = classes(code), signatures(code)
    for name, found, limit in (
        ("lines of a class, longest", sizes, MAX_CLASS_LINES),
        ("parameters of a signature, most", parameters, MAX_PARAMETERS),
        ("files of a folder, most", folders(code), MAX_FOLDER_FILES),
    ):
        over = breaches(found, limit, exceptions)
        checked = [size for place, size in found.items() if place not in exceptions]
        yield name, max(checked, default=0), f"<= {limit}", not over, ", ".join(over)
    unneeded = stale(exceptions, sizes, parameters)
    yield "exceptions that nothing needs", len(unneeded), "= 0", not unneeded, ", ".join(unneeded)


if __name__ == "__main__":
    for name, value, limit, holds, where in (rows := measure(Path(__file__).parents[1], EXCEPTIONS)):
        sys.stdout.write(f"{'ok' if holds else 'BREACH':7}{name:34}{value:8.4g}  {limit:8}{where}\n")
    sys.exit(not all(row[3] for row in rows))
