"""The benches, each started by the first test that asks for it."""

from uuid import uuid4

import pytest

from tests.conformance.providers.bench import Bench
from tests.conformance.providers.cluster import ClusterBench
from tests.conformance.providers.in_memory import FakeBench

BENCHES = ("fake", "kubernetes")


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Bench:
    """The bench of the provider that a test is parametrised with."""
    name: str = request.param
    return FakeBench() if name == "fake" else request.getfixturevalue(f"{name}_bench")


@pytest.fixture
def kubernetes_bench(request: pytest.FixtureRequest) -> ClusterBench:
    """A namespace of the control plane."""
    make = request.getfixturevalue("namespace")
    return ClusterBench(request.getfixturevalue("control_plane"), request.getfixturevalue("kube"), make("push"))


@pytest.fixture
def key() -> str:
    """A remote key that no other test uses."""
    return f"app-{uuid4().hex[:12]}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the table on every bench."""
    if "bench" in metafunc.fixturenames:
        metafunc.parametrize("bench", BENCHES, indirect=True)
