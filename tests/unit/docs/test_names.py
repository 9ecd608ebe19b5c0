"""Every file, name and link that the documents mention exists.

A mention is text in backquotes: a path (`manager/app.py`), a path with names (`manager/kube/writer.py
refuse_privileged`), or a file name alone that is short for one beside the path before it on the line
(`tests/e2e/test_crash.py`, `test_faults.py`).
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
AT_THE_ROOT = ("README.md", "CONTRIBUTING.md", "AGENTS.md", "SECURITY.md")
PAGES = sorted([*(ROOT / name for name in AT_THE_ROOT), *(ROOT / "docs").rglob("*.md")])
MADE_IN_RECIPES = {
    "external/api/providers/previder.py",
    "external/providers/previder.py",
    "tests/unit/external/providers/test_previder.py",
    "external/generators/services/beyondtrust_workload_credentials_dynamic_secret.py",
    "tests/unit/external/generators/services/test_beyondtrust_workload_credentials_dynamic_secret.py",
}
"""Files that a reader of CONTRIBUTING.md is told to make; once one exists, the recipe needs another example."""
TOP = ("manager", "sealed", "external", "reflector", "tests", "tools", "charts", "docs", "examples", ".github", ".ci")
SUFFIXES = (".py", ".md", ".yaml", ".yml", ".json", ".go", ".txt", ".lock", ".toml", ".mod", ".in", ".tpl")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def lines(page: Path) -> list[str]:
    """Return the lines of a page without its blocks of code; a mention that is wrapped stands on its first line."""
    text = FENCE.sub(lambda found: "\n" * found[0].count("\n"), page.read_text())
    whole = re.sub(r"`[^`]+`", lambda found: " ".join(found[0].split()) + "\n" * found[0].count("\n"), text)
    return whole.splitlines()


def mentions(line: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (path, names) of each mention on a line; a file name alone takes the folder of the path before it."""
    folder = ""
    for quoted in re.findall(r"`([^`]+)`", line):
        first, *names = quoted.rstrip(",").split()
        path = first.removesuffix("/")
        if "/" in path and path.split("/")[0] in TOP:
            folder = path if first.endswith("/") else path.rpartition("/")[0]
        elif "/" in path or not path.endswith(SUFFIXES):
            continue
        elif folder and not ((ROOT / path).exists() and not (ROOT / folder / path).exists()):
            path = f"{folder}/{path}"
        elif not (ROOT / path).exists():
            continue
        if "…" not in path and "NAME" not in path and "<" not in path:
            yield path, [each.strip(",") for each in names if NAME.fullmatch(each.strip(","))]


@cache
def defined(path: Path) -> frozenset[str]:
    """Return functions, classes, methods (also as Class.method), fields and constants of a Python file."""
    found: set[str] = set()

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            names: list[str] = []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [each.id for each in node.targets if isinstance(each, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            found.update({*names, *(f"{prefix}{each}" for each in names)})
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{node.name}.")

    visit(ast.parse(path.read_text()).body, "")
    return frozenset(found)


def missing(line: str) -> list[str]:
    """Return what a line mentions and is not there."""
    wrong = []
    for path, names in mentions(line):
        if path in MADE_IN_RECIPES:
            continue
        found = [each for each in ROOT.glob(path) if "__pycache__" not in each.parts]
        if not found:
            wrong.append(path)
        elif found[0].suffix == ".py":
            wrong += [f"{path} {name}" for name in names if not any(name in defined(each) for each in found)]
    return wrong


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_name_of_a_page_exists(page: Path) -> None:
    wrong = [f"line {number}: {each}" for number, line in enumerate(lines(page), 1) for each in missing(line)]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    wrong = []
    for target in LINK.findall("\n".join(lines(page))):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            wrong.append(target)

    assert not wrong


def test_what_the_recipes_make_is_not_there_yet() -> None:
    assert [each for each in sorted(MADE_IN_RECIPES) if (ROOT / each).exists()] == []


def test_what_is_not_there_is_found() -> None:
    assert missing("`manager/nowhere.py`, `manager/kube/writer.py refuse_privileged`") == ["manager/nowhere.py"]
    assert missing("`manager/kube/writer.py refuse_nothing`") == ["manager/kube/writer.py refuse_nothing"]
    assert missing("`tests/e2e/test_crash.py`, `test_nowhere.py`") == ["tests/e2e/test_nowhere.py"]
    assert missing("`manager/kube/writer.py Writer.apply`, `DeleteBrake.take` and `x.y`") == []


def test_a_mention_that_is_wrapped_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("first `x`\nsee `manager/kube/writer.py\n  refuse_nothing` and `manager/app.py`\n")

    assert [missing(each) for each in lines(page)] == [[], ["manager/kube/writer.py refuse_nothing"], []]


def test_the_pages_mention_enough_to_be_checked() -> None:
    assert sum(len(list(mentions(line))) for page in PAGES if page.exists() for line in lines(page)) > 200
