"""The worlds of the end-to-end tests; two controllers never work on one control plane.

`world` has a controller that all tests share, for tests that only use Coffer. The arena is a second control plane:
`arena` has no controller, a test starts its own with `arena_coffer(…)`, or several replicas; `stage` has one behind the
fault proxy that all tests of a module share, restarted whenever it dies, with the module's FLAGS and VALUES (of the
chart).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial

import pytest
from urllib3.exceptions import HTTPError

from external.providers.gcp.connection import ENDPOINT_VARIABLE
from tests.builders.manifests import CANARIES
from tests.cluster.controlplane import ControlPlane
from tests.cluster.forked import ForkServer
from tests.cluster.kube import Kube
from tests.cluster.moto import Moto
from tests.cluster.proxy import FaultProxy
from tests.controller import CRDS, Coffer, Installation, kubelet
from tests.doubles.google import Google
from tests.e2e import kubeseals
from tests.e2e.oracles import assert_nothing_leaked
from tests.e2e.world import CUSTOM, World

QUICK = (
    "--process-log-level=DEBUG",  # the log is searched for secret values, so it has every level
    "--reflector-absent-source-grace=2",  # seconds; the default of 30 would only make tests wait
    "--reflector-excluded-namespaces=excluded-*",
    "--external-egress-allowed=127.0.0.0/8",  # the address of the tests' Vault
    "--modules-deletes-per-minute=10000",  # the suite deletes more in a minute than the default allows
)
SMALL_KEY = "--sealed-key-size=2048"  # a key of 4,096 bits takes seconds to make; the shared controller has one
BRISK = ("--lease-duration=6", "--lease-renew-deadline=4", "--lease-retry=1")

MakeCoffer = Callable[..., Coffer]


@pytest.fixture(scope="session")
def google_cloud() -> Iterator[Google]:
    """The double of Google to which the shared controller is directed."""
    with Google() as google:
        yield google


@pytest.fixture(scope="session")
def shared_coffer(control_plane: ControlPlane, kube: Kube, moto_server: Moto, google_cloud: Google) -> Iterator[Coffer]:
    """The controller that most tests share, run as the chart runs it."""
    install_crds(control_plane, kube)
    installation = Installation(control_plane, kube, "settings.process.status_page=true")
    environment = {**moto_server.environment(), ENDPOINT_VARIABLE: google_cloud.url}
    coffer = Coffer(installation, flags=QUICK, environment=environment)
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
    """A second control plane, for controllers that tests start and stop."""
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
def arena_coffer(arena: World, arena_proxy: FaultProxy) -> Iterator[MakeCoffer]:
    """Start controllers in the arena: `arena_coffer("a", "--flag=…", proxy=arena_proxy)`; they end before the proxy.

    All controllers of one test belong to one installation, so the second is a second replica.
    """
    del arena_proxy  # a parameter only so that the proxy outlives the controllers
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


@pytest.fixture(scope="module")
def staged_proxy(arena_plane: ControlPlane) -> Iterator[FaultProxy]:
    """The fault proxy of a module's controller."""
    with FaultProxy(arena_plane.url, arena_plane.ca_file) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def staged_coffer(
    request: pytest.FixtureRequest, arena_plane: ControlPlane, staged_proxy: FaultProxy, moto_server: Moto
) -> Iterator[Coffer]:
    """The controller of a module."""
    with closing(arena_plane.client()) as kube:
        installation = Installation(arena_plane, kube, *getattr(request.module, "VALUES", ()))
        flags = (SMALL_KEY, *QUICK, *getattr(request.module, "FLAGS", ()))
        environment = moto_server.environment()
        coffer = Coffer(installation, flags=flags, environment=environment, server=staged_proxy.url)
        coffer.start()
        coffer.wait_leading()
        with kubelet(coffer):
            yield coffer
        finish(coffer)


@pytest.fixture
def stage(arena_plane: ControlPlane, staged_coffer: Coffer, staged_proxy: FaultProxy, moto: Moto) -> Iterator[World]:
    """The arena with the module's controller behind the fault proxy."""
    staged_coffer.wait_leading()
    with closing(arena_plane.client()) as kube:
        world = World(arena_plane, kube, moto, staged_coffer, proxy=staged_proxy)
        yield world
        staged_proxy.heal()
        world.close()


@pytest.fixture(scope="session")
def our_kubeseal() -> Iterator[ForkServer]:
    """Our kubeseal, started once for all runs of a worker."""
    with kubeseals.ready() as server:
        yield server


def install_crds(plane: ControlPlane, kube: Kube) -> None:
    """Apply the chart's CRDs, and make the garbage collector notice them now."""
    kube.install_crds(CRDS)
    for kind in CUSTOM:
        kube.wait_until(partial(kube.list, kind), lambda _: True, what=f"the storage of {kind}")
    plane.restart_controllers()


def finish(coffer: Coffer) -> None:
    """Stop a controller and search all of its output for secret values."""
    if coffer.alive:
        coffer.resume()
        with suppress(HTTPError):  # the last test may have killed it, and it may still be starting
            for path in ("/healthz", "/readyz", "/v1/cert.pem"):
                coffer.http(path)
            coffer.metrics()
        coffer.stop()
    log = coffer.log.read_text(errors="replace")
    assert_nothing_leaked(CANARIES, [("log", log), *((f"HTTP {at}", text) for at, text in enumerate(coffer.said))])
