"""Builds what the comparison needs before the first test starts."""

import pytest

from tests.conformance.gotemplate.native import program


def pytest_collection_finish(session: pytest.Session) -> None:
    """The native program of external-secrets takes a minute to compile, so only the long comparison has it."""
    fuzzing = [item for item in session.items if "comparison" in getattr(item, "fixturenames", ())]
    profiles = ["sealed", "eso"] if any(item.get_closest_marker("soak") for item in fuzzing) else ["sealed"]
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        for profile in profiles if fuzzing else []:
            program(profile)
