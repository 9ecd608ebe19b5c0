"""The two worlds of the end-to-end tests: one with a controller that all share, one for tests that kill theirs.

`world` is for tests that only use Coffer. `arena` has a control plane without one: a test starts its own there with
`arena_coffer(…)`, through the fault proxy or in several replicas. Two controllers never work on one control plane.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube
from tests.cluster.moto import Moto
from tests.cluster.proxy import FaultProxy
from tests.controller import CRDS, Coffer, Installation
from tests.e2e.manifests import CANARIES
from tests.e2e.oracles import assert_nothing_leaked
from tests.e2e.world import World

QUICK = (
    "--reflector-absent-source-grace=2",  # seconds that a GitOps tool is given; 30 would be waited for in vain
    "--reflector-excluded-namespaces=excluded-*",
    "--modules-deletes-per-minute=10000",  # a whole suite in a minute looks like a catastrophe
)
SMALL_KEY = "--sealed-key-size=2048"  # a key of 4,096 bits takes seconds to make; the shared controller has one
BRISK = ("--lease-duration=6", "--lease-renew-deadline=4", "--lease-retry=1")

MakeCoffer = Callable[..., Coffer]


@pytest.fixture(scope="session")
def shared_coffer(control_plane: ControlPlane, kube: Kube, moto_server: Moto) -> Iterator[Coffer]:
    """The controller that most tests share, as the chart would run it."""
    install_crds(control_plane, kube)
    installation = Installation(control_plane, kube)
    coffer = Coffer(installation, flags=QUICK, environment=moto_server.environment())
    coffer.start()
    coffer.wait_leading()
    coffer.wait_ready()
    yield coffer
    finish(coffer)


@pytest.fixture
def world(shared_coffer: Coffer, control_plane: ControlPlane, kube: Kube, moto: Moto) -> Iterator[World]:
    """A control plane with a controller; the test's own namespaces are checked and deleted at its end."""
    assert shared_coffer.alive, shared_coffer.process.tail()
    world = World(control_plane, kube, moto, shared_coffer)
    yield world
    world.close()


@pytest.fixture(scope="session")
def arena_plane() -> Iterator[ControlPlane]:
    """A second control plane, whose controllers come and go."""
    with ControlPlane() as plane, closing(plane.client()) as kube:
        install_crds(plane, kube)
        yield plane


@pytest.fixture
def arena(arena_plane: ControlPlane, moto: Moto) -> Iterator[World]:
    """A control plane without a controller."""
    with closing(arena_plane.client()) as kube:
        world = World(arena_plane, kube, moto)
        yield world
        world.close()


@pytest.fixture
def arena_coffer(arena: World) -> Iterator[MakeCoffer]:
    """Start controllers in the arena: `arena_coffer("a", "--flag=…", proxy=fault_proxy)`; they end with the test.

    All of one test belong to one installation, so the second is a second replica.
    """
    installation = Installation(arena.plane, arena.kube)

    def start(name: str = "coffer-0", *flags: str, proxy: FaultProxy | None = None) -> Coffer:
        coffer = Coffer(
            installation,
            name,
            flags=[SMALL_KEY, *QUICK, *flags],
            environment=arena.moto.environment(),
            server=proxy.url if proxy else "",
        )
        arena.coffers.append(coffer)
        arena.coffer = arena.coffer or coffer
        coffer.start()
        coffer.wait_ready()
        return coffer

    with ExitStack() as stack:
        stack.callback(arena.kube.delete, "namespaces", installation.namespace)
        yield start
        for coffer in arena.coffers:
            finish(coffer)


@pytest.fixture
def arena_proxy(arena_plane: ControlPlane) -> Iterator[FaultProxy]:
    """A fault proxy in front of the arena's API server."""
    with FaultProxy(arena_plane.url, arena_plane.ca_file) as proxy:
        yield proxy


def install_crds(plane: ControlPlane, kube: Kube) -> None:
    """Bring the chart's CRDs, and let the garbage collector know them now."""
    kube.install_crds(CRDS)
    plane.restart_controllers()


def finish(coffer: Coffer) -> None:
    """End a controller and search all that it ever said for secret values."""
    if coffer.alive:
        coffer.resume()
        for path in ("/healthz", "/readyz", "/v1/cert.pem"):
            coffer.http(path)
        coffer.metrics()
        coffer.stop()
    log = coffer.log.read_text(errors="replace")
    assert_nothing_leaked(CANARIES, [("log", log), *((f"HTTP {at}", text) for at, text in enumerate(coffer.said))])
