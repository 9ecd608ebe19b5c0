"""Fixtures and settings of all tests."""

import subprocess
import sys

import pytest

from manager.gotemplate import artefact
from tests import examples
from tests.cluster import build
from tests.cluster.fixtures import audit, control_plane, fault_proxy, kube, moto, moto_server, namespace, vault
from tests.cluster.programs import CONTROL_PLANE
from tools import template

__all__ = ["audit", "control_plane", "fault_proxy", "kube", "moto", "moto_server", "namespace", "vault"]


def pytest_configure(config: pytest.Config) -> None:
    """Draw the same examples in every run; only `make soak` explores, and its findings become rows of a table.

    Runs before the tests are imported: `@settings(…)` takes its defaults from the profile of that moment.
    """
    chosen = config.option.markexpr.split()
    examples.choose(explore="soak" in chosen and "not" not in chosen)


PLANES = ("arena_plane", "control_plane")
LONG = tuple(f"tests/e2e/test_{each}.py" for each in ("hostile_soak", "kubeseal_proxy", "late_crds", "demo"))
"""Modules of one or two tests that take longer than most modules: at the end of a run, all would wait for them."""
UNIT = ("tests/unit/", "tests/hazard/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each worker whole modules, and one worker all tests of a control plane: each start takes half a minute.

    The tests of a module that use no control plane go with those that do, because they share the module's fixtures.

    The groups that take longest begin first, small ones fill the end. pytest-xdist distributes by what follows the @.
    It would write the group there itself, but to an attribute that pytest no longer reads.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    planes = {item.path: plane for item in items if (plane := _plane(item))}
    groups = {item: _plane(item) or planes.get(item.path) or item.nodeid.partition("::")[0] for item in items}
    items.sort(key=lambda item: _rank(groups[item]))
    for item in items:
        assert item.parent is not None
        item._id = item.parent.id.child(f"{item.name}@{groups[item]}")


def _plane(item: pytest.Item) -> str:
    wanted = set(getattr(item, "fixturenames", ()))
    return next((each for each in PLANES if each in wanted), "")


def _rank(group: str) -> int:
    if group in PLANES:
        return PLANES.index(group)
    return 2 if group in LONG else 4 if group.startswith(UNIT) else 3


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch the binaries before the first test starts: a build takes longer than a test's timeout."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    programs = [*(CONTROL_PLANE if "control_plane" in wanted else ()), *({"vault"} & wanted)]
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        for name in programs:
            build.binary(name)
        if "built_template" in wanted:
            template.build()
        if artefact.ARTEFACT.exists() and not artefact.compiled():
            subprocess.run(
                [sys.executable, "-P", "-m", artefact.__name__, artefact.CACHE], check=True, stdout=subprocess.DEVNULL
            )


@pytest.fixture(scope="session")
def built_template() -> None:
    """Make sure that the template sandbox is compiled."""
