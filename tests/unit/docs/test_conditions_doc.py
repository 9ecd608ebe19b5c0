"""docs/conditions.md names every reason of a condition or an Event that the code gives."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from manager.core.errors import ReconcileError

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "conditions.md").read_text()
REASON = re.compile(r"[A-Z][A-Za-z]+")
POSITION = {"warning": 2, "normal": 2, "Note": 1}
"""Where a reason stands among the arguments."""
FIELDS = ("reason", "event")
NEVER_REPORTED = {"Moved"}
NO_REASONS = {"Ready", "Synced", "Resource"}
TOPS = ("sealed", "external", "reflector", "manager")


def classes(above: type) -> Iterator[str]:
    yield above.__name__
    for each in above.__subclasses__():
        yield from classes(each)


def value(node: ast.expr, module: ModuleType) -> str:
    """Return the text that an argument is, or that the module's name for it stands for."""
    if isinstance(node, ast.Name):
        return str(getattr(module, node.id, ""))
    return str(node.value) if isinstance(node, ast.Constant) else ""


def candidates(call: ast.Call, errors: set[str]) -> Iterator[ast.expr]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    at = 0 if name in errors else POSITION.get(name)
    if at is None:
        return
    yield from call.args[at : at + 1]
    yield from (each.value for each in call.keywords if each.arg in FIELDS)


def reasons(file: Path, errors: set[str]) -> Iterator[str]:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    tree = ast.parse(file.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [each for call in calls for each in candidates(call, errors)]
    module = importlib.import_module(name.removesuffix(".__init__")) if found else ModuleType(name)
    yield from (text for each in found if REASON.fullmatch(text := value(each, module)))


@pytest.mark.parametrize("module", ["sealed", "external", "reflector", "manager/kube", "manager/runtime"])
def test_every_reason_is_explained(module: str) -> None:
    errors = {each for each in classes(ReconcileError) if each != "ReconcileError"}
    found = {each for file in sorted((ROOT / module).rglob("*.py")) for each in reasons(file, errors)}

    assert found, "this test looks in the wrong place"
    assert {each for each in found - NEVER_REPORTED if f"`{each}`" not in PAGE} == set()


def sources() -> str:
    """Return all product code."""
    return "".join(file.read_text() for top in TOPS for file in (ROOT / top).rglob("*.py"))


def test_every_reason_of_the_page_is_given_by_the_code() -> None:
    code = sources()
    told = set(re.findall(r"`([A-Z][a-z]+[A-Za-z]*)`", PAGE)) - NO_REASONS

    assert {
        each for each in told if f'"{each}"' not in code and f'word}}{each.removeprefix("Secret")}"' not in code
    } == set()
