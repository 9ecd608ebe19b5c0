"""What every test may ask for."""

import pytest

from tests.cluster import build
from tests.cluster.fixtures import audit, control_plane, fault_proxy, kube, moto, moto_server, namespace
from tools import template

__all__ = ["audit", "control_plane", "fault_proxy", "kube", "moto", "moto_server", "namespace"]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Bring the binaries before the first test starts: a build takes longer than any test may."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        if "control_plane" in wanted:
            build.control_plane()
        if "built_template" in wanted:
            template.build()


@pytest.fixture(scope="session")
def built_template() -> None:
    """The compiled template sandbox is there."""
