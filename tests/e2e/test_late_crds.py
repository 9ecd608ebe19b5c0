"""A controller that starts before its CRDs serves them once they are installed, also the originals' CRDs."""

import json
from contextlib import closing
from pathlib import Path

import yaml

from tests.builders.manifests import canary, external_secret, generated, generator, sealed_secret
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import LOADER
from tests.cluster.moto import Moto
from tests.cluster.wait import wait_until
from tests.controller import CRDS, Coffer, Installation
from tests.e2e.conftest import SMALL_KEY
from tests.e2e.world import World

OURS = ("scope", "secretResourceVersion")  # fields of our status that the original's schema does not have


def test_crds_that_come_late_are_served_by_the_same_process(moto: Moto, tmp_path: Path) -> None:
    """The original's CRDs drop our status fields: a restart decrypts again, but writes nothing."""
    with (
        ControlPlane() as plane,
        closing(plane.client()) as kube,
        Coffer(Installation(plane, kube), flags=[SMALL_KEY]) as coffer,
    ):
        world, value = World(plane, kube, moto, coffer), canary()
        coffer.wait_leading()
        before = coffer.process.pid
        assert any(line.get("resource") == "sealedsecrets" for line in coffer.lines())

        kube.install_crds(as_the_originals(tmp_path))

        # One restart for all, or another one for those that a busy API server serves later.
        wait_until(lambda: _times_leading(coffer) >= 2, timeout=30, what="the restart")
        coffer.wait_leading()
        ns = world.namespace()
        world.apply(sealed_secret(world.certificate, ns, "late", {"key": value}))
        world.await_data(ns, "late", {"key": value})
        world.await_ready("sealedsecrets", ns, "late")
        assert coffer.process.pid == before

        assert not set(OURS) & set(kube.get("sealedsecrets", "late", ns)["status"])
        mark = world.mark()
        world.apply(sealed_secret(world.certificate, ns, "next", {"key": value}))
        world.await_ready("sealedsecrets", ns, "next")
        written = world.audit.writes(mark, user=coffer.installation.user)
        assert not [each for each in written if each.name == "late"], "a status that is never as it should be"

        world.apply(external_secret(ns, "made", "none", {}, dataFrom=[generated("UUID", "made")]))
        world.await_condition("externalsecrets", ns, "made", "False", text="its CRD is not installed")
        kube.install_crds(CRDS)
        world.apply(generator(ns, "UUID", "made"))
        world.await_ready("externalsecrets", ns, "made", timeout=20)
        assert not [line for line in coffer.lines() if line.get("resource") == "uuids"], "generators are not watched"


def as_the_originals(folder: Path) -> Path:
    """Return a folder with the CRDs; the one of SealedSecrets lacks our additional status fields."""
    for file in CRDS.glob("*.yaml"):
        if file.name == "uuids.yaml":
            continue  # as in a cluster with older CRDs
        crd = yaml.load(file.read_text(), LOADER)
        for version in crd["spec"]["versions"]:
            status = version["schema"]["openAPIV3Schema"].get("properties", {}).get("status", {})
            status["properties"] = {name: at for name, at in status.get("properties", {}).items() if name not in OURS}
        (folder / file.name).write_text(json.dumps(crd))
    return folder


def _times_leading(coffer: Coffer) -> int:
    return sum(line["event"] == "leading" for line in coffer.lines())
