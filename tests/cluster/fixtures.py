"""Fixtures for every test that needs an API server: one control plane a session, fresh namespaces for each test."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from uuid import uuid4

import pytest

from tests.cluster.audit import AuditLog
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube
from tests.cluster.moto import Moto
from tests.cluster.proxy import FaultProxy
from tests.cluster.vault import VaultServer

MakeNamespace = Callable[..., str]


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """The session's control plane; the first test that needs it starts it."""
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="session")
def kube(control_plane: ControlPlane) -> Iterator[Kube]:
    """An administrator's client."""
    with closing(control_plane.client()) as client:
        yield client


@pytest.fixture(scope="session")
def audit(control_plane: ControlPlane) -> AuditLog:
    """The audit log."""
    return AuditLog(control_plane.audit_log)


@pytest.fixture
def fault_proxy(control_plane: ControlPlane) -> Iterator[FaultProxy]:
    """A fault proxy in front of the API server, new for each test."""
    with FaultProxy(control_plane.url, control_plane.ca_file) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Moto]:
    """The session's own AWS; tests ask for `moto`."""
    with Moto() as aws:
        yield aws


@pytest.fixture
def moto(moto_server: Moto) -> Moto:
    """AWS without data and without faults."""
    moto_server.reset()
    return moto_server


@pytest.fixture(scope="session")
def vault() -> Iterator[VaultServer]:
    """The session's Vault; each test uses its own names for engines, policies and roles."""
    with VaultServer() as server:
        yield server


@pytest.fixture
def namespace(kube: Kube) -> Iterator[MakeNamespace]:
    """Create namespaces that no other test uses: `namespace("rabbitmq", labels={…})` returns the name.

    They are deleted after the test, without waiting until they are gone.
    """
    made: list[str] = []

    def make(prefix: str = "test", labels: Mapping[str, str] | None = None) -> str:
        name = f"{prefix}-{uuid4().hex[:8]}"
        metadata = {"name": name, "labels": dict(labels or {})}
        kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        made.append(name)
        return name

    yield make
    for name in made:
        kube.delete("namespaces", name)
