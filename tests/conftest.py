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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each worker one of the two control planes: starting a second one and its controller takes half a minute.

    All other tests are distributed by module, because fixtures are shared.
    """
    for item in items:
        wanted = set(getattr(item, "fixturenames", ()))
        plane = next((each for each in PLANES if each in wanted), "")
        item.add_marker(pytest.mark.xdist_group(plane or item.nodeid.partition("::")[0]))


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
