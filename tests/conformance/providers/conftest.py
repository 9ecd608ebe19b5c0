"""The subjects, each started once a module by the first test that asks for it."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conformance.providers.faulty import FaultyService
from tests.conformance.providers.subject import Subject
from tests.conformance.providers.table import SUBJECTS, require_complete, spared


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option by which the table runs on the subject of another package."""
    parser.addoption("--subject", default="", help="module:Class of a Subject: the table runs on it alone")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the table on every subject to which it applies."""
    if "running_subject" in metafunc.fixturenames:
        module = metafunc.module.__name__.rpartition(".")[2]
        found = [each for each in _subjects(metafunc.config) if not spared(each, module, metafunc.function.__name__)]
        metafunc.parametrize("running_subject", found, ids=lambda each: each.NAME, indirect=True, scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the table alone to the subject of another package, without the rows that do not apply to it."""
    if not config.getoption("--subject", default=""):
        return
    here = Path(__file__).parent
    theirs = [each for each in items if each.path.parent == here]
    left = [each for each in theirs if "running_subject" not in getattr(getattr(each, "callspec", None), "params", {})]
    left += [each for each in theirs if "NOTSET" in each.name]
    config.hook.pytest_deselected(items=left)
    items[:] = [each for each in items if each not in left]


def _subjects(config: pytest.Config) -> tuple[type[Subject], ...]:
    chosen = str(config.getoption("--subject", default="") or "")
    if not chosen:
        return SUBJECTS
    module, _, name = chosen.partition(":")
    return (require_complete(getattr(import_module(module), name)),)


@pytest.fixture(scope="module")
def running_subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """The subject that a test is parametrised with, and its server."""
    kind: type[Subject] = request.param
    made = kind(*map(request.getfixturevalue, kind.NEEDS))
    yield made
    made.stop()


@pytest.fixture
def subject(running_subject: Subject) -> Subject:
    """The subject of the test, which has counted no call yet."""
    running_subject.calls.clear()
    return running_subject


@pytest.fixture(scope="module")
def running_service() -> Iterator[FaultyService]:
    made = FaultyService()
    yield made
    made.stop()


@pytest.fixture
def service(running_service: FaultyService) -> FaultyService:
    """A server that answers as the test says."""
    running_service.forget()
    return running_service


@pytest.fixture
def key() -> str:
    """A remote key that no other test uses."""
    return f"app-{uuid4().hex[:12]}"
