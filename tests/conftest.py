"""What every test may ask for."""

import pytest

from tests.cluster import build
from tests.cluster.fixtures import audit, control_plane, fault_proxy, kube, moto, moto_server, namespace

__all__ = ["audit", "control_plane", "fault_proxy", "kube", "moto", "moto_server", "namespace"]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Bring the binaries before the first test starts: a build takes longer than any test may."""
    if any("control_plane" in getattr(item, "fixturenames", ()) for item in session.items):
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            build.control_plane()
