"""Two replicas: one writes, both serve; if either ends in any way, the other continues."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.builders.manifests import canary, external_secret, generated, generator, sealed_secret, secret
from tests.cluster.controlplane import ControlPlane
from tests.cluster.moto import Moto
from tests.controller import Coffer, Installation, always_serving, leader_of, seconds_until
from tests.doubles.gitlab import GitLab
from tests.e2e.conftest import SMALL_KEY, finish
from tests.e2e.world import World

LOOPBACK = "--external-egress-allowed=127.0.0.0/8"  # the address of the double of GitLab
TAKEOVER_SECONDS, HANDOVER_SECONDS = 20.0, 3.0  # promised seconds after a crash and after SIGTERM


@dataclass
class Pair:
    """Two replicas of one installation; the leader changes from test to test."""

    world: World
    coffers: tuple[Coffer, Coffer]

    def roles(self) -> tuple[Coffer, Coffer]:
        """Return the leader and the standby."""
        name = leader_of(self.world.kube, self.coffers[0].installation.namespace)
        first, second = self.coffers
        return (first, second) if first.name == name else (second, first)

    def work_is_done(self) -> float:
        """Return the seconds until a SealedSecret that is applied now has its Secret, from either replica."""
        world, values = self.world, {"password": canary()}
        namespace = world.namespace()
        world.apply(sealed_secret(world.certificate, namespace, "app", values))
        return seconds_until(lambda: world.data(namespace, "app") == values, timeout=40, what="the Secret")


@pytest.fixture(scope="module")
def replicas(arena_plane: ControlPlane, moto_server: Moto) -> Iterator[tuple[Coffer, Coffer]]:
    """Two replicas with the lease settings of the chart."""
    with closing(arena_plane.client()) as kube:
        installation, environment = Installation(arena_plane, kube), moto_server.environment()
        first, second = (
            Coffer(installation, name, flags=[SMALL_KEY, LOOPBACK], environment=environment) for name in "ab"
        )
        yield first, second
        finish(first)
        finish(second)


@pytest.fixture
def pair(replicas: tuple[Coffer, Coffer], arena_plane: ControlPlane, moto: Moto) -> Iterator[Pair]:
    """Both replicas, ready, and the world that they run in."""
    for each in replicas:
        if not each.alive:
            each.start()
    for each in replicas:
        each.wait_ready()
    with closing(arena_plane.client()) as kube:
        world = World(arena_plane, kube, moto, replicas[0])
        assert world.certificate
        pair = Pair(world, replicas)
        pair.work_is_done()
        yield pair
        world.close()


def test_both_are_ready_and_serve_the_same_certificate(pair: Pair) -> None:
    leader, standby = pair.roles()

    assert leader.certificate() == standby.certificate()
    assert [each.metrics()["coffer_leader"] for each in (leader, standby)] == [1, 0]


def test_a_killed_leader_is_followed_within_twenty_seconds(pair: Pair) -> None:
    leader, standby = pair.roles()
    with always_serving(standby):
        leader.kill()
        assert pair.work_is_done() <= TAKEOVER_SECONDS
    assert pair.roles()[0] is standby


def test_a_leader_told_to_end_hands_over_within_three_seconds(pair: Pair) -> None:
    leader, standby = pair.roles()
    with always_serving(standby):
        assert leader.stop() == 0
        assert pair.work_is_done() <= HANDOVER_SECONDS
    assert pair.roles()[0] is standby


def test_a_standby_that_ends_disturbs_nobody(pair: Pair) -> None:
    leader, standby = pair.roles()
    with always_serving(leader):
        assert standby.stop() == 0
        pair.work_is_done()
    assert pair.roles()[0] is leader


def test_a_credential_is_made_once_and_ended_by_who_leads_then(pair: Pair) -> None:
    """The next leader finds on the target that it holds one, and in the state how to end it."""
    world, ns = pair.world, pair.world.namespace()
    leader, standby = pair.roles()
    with GitLab() as gitlab:
        auth = {"token": {"secretRef": {"name": "gitlab", "key": "token"}}}
        spec = {"url": gitlab.url, "projectID": gitlab.project, "name": "ci", "scopes": ["read_registry"], "auth": auth}
        world.apply(secret(ns, "gitlab", {"token": gitlab.access_token}))
        world.apply(generator(ns, "GitlabDeployToken", "made", **spec))
        entry = [generated("GitlabDeployToken", "made")]
        world.apply(external_secret(ns, "app", "none", {}, dataFrom=entry, refreshInterval="24h"))
        world.kube.wait_until(lambda: world.data(ns, "app"), what="the target")
        leader.kill()
        pair.work_is_done()
        world.await_ready("externalsecrets", ns, "app")
        assert (pair.roles()[0], gitlab.made, len(gitlab.tokens)) == (standby, 1, 1)

        world.kube.delete("externalsecrets", "app", ns)

        world.kube.wait_until(lambda: world.kube.list("generatorstates", ns), lambda found: not found, what="no state")
        assert gitlab.tokens == {}
