"""The benches, each started by the first test that asks for it."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest

from tests.conformance.providers.amazon import ParameterStoreBench, SecretsManagerBench
from tests.conformance.providers.bench import Bench
from tests.conformance.providers.cluster import ClusterBench
from tests.conformance.providers.engines import EngineBench
from tests.conformance.providers.in_memory import FakeBench

Get = Callable[[str], Any]


def _cluster(get: Get) -> Bench:
    return ClusterBench(get("control_plane"), get("kube"), get("namespace")("push"))


BENCHES: Mapping[str, Callable[[Get], Bench]] = {
    "fake": lambda _: FakeBench(),
    "kubernetes": _cluster,
    "secretsmanager": lambda get: SecretsManagerBench(get("amazon")),
    "parameterstore": lambda get: ParameterStoreBench(get("amazon")),
    "vault-v1": lambda get: EngineBench(get("vault"), "v1"),
    "vault-v2": lambda get: EngineBench(get("vault"), "v2"),
}


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Bench:
    """The bench of the provider that a test is parametrised with."""
    return BENCHES[request.param](request.getfixturevalue)


@pytest.fixture
def amazon(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """AWS, to which the SDK's variables lead."""
    moto = request.getfixturevalue("moto")
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    return moto


@pytest.fixture
def key() -> str:
    """A remote key that no other test uses."""
    return f"app-{uuid4().hex[:12]}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the table on every bench."""
    if "bench" in metafunc.fixturenames:
        metafunc.parametrize("bench", BENCHES, indirect=True)
