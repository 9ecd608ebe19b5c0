"""A controller that starts before its CRDs are installed serves them when they come, without anybody's help."""

from contextlib import closing

from tests.cluster.controlplane import ControlPlane
from tests.cluster.moto import Moto
from tests.cluster.wait import wait_until
from tests.controller import CRDS, Coffer, Installation
from tests.e2e.conftest import SMALL_KEY
from tests.e2e.manifests import canary, sealed_secret
from tests.e2e.world import World


def test_crds_that_come_late_are_served_by_the_same_process(moto: Moto) -> None:
    with (
        ControlPlane() as plane,
        closing(plane.client()) as kube,
        Coffer(Installation(plane, kube), flags=[SMALL_KEY]) as coffer,
    ):
        world, value = World(plane, kube, moto, coffer), canary()
        coffer.wait_leading()
        before = coffer.process.pid
        assert any(line.get("resource") == "sealedsecrets" for line in coffer.lines())

        kube.install_crds(CRDS)

        wait_until(lambda: _times_leading(coffer) == 2, timeout=30, what="the restart")
        coffer.wait_leading()
        ns = world.namespace()
        world.apply(sealed_secret(world.certificate, ns, "late", {"key": value}))
        world.await_data(ns, "late", {"key": value})
        assert coffer.process.pid == before


def _times_leading(coffer: Coffer) -> int:
    return sum(line["event"] == "leading" for line in coffer.lines())
