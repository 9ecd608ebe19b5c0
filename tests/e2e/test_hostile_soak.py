"""Five hostile namespaces beside a victim, under the chart's memory limit: the others do not notice.

The CRDs are opened, as if the objects had been stored before the schemas were strict.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest
import urllib3
import yaml

from tests.cluster.cgroup import NoCgroups, limited
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import ApiError, Kube
from tests.cluster.wait import wait_until
from tests.controller import CHART, CRDS, Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY
from tests.e2e.hostile import Tenant, dripping
from tests.e2e.manifests import canary, external_secret, fake, sealed_secret, store
from tests.e2e.world import World

HOSTILE_NAMESPACES = 5
PAUSE_SECONDS = 0.25  # between two objects of one tenant: the API server must live as well
MIB = 1 << 20
OPENED = ("sealedsecrets.bitnami.com", "externalsecrets.external-secrets.io", "secretstores.external-secrets.io")
OPENED += ("fakes.generators.external-secrets.io", "passwords.generators.external-secrets.io")


class Victim:
    """Somebody who seals and syncs a Secret now and then, and waits for it."""

    def __init__(self, world: World) -> None:
        self.world, self.namespace = world, world.namespace("victim")
        self.taken: list[float] = []
        self._number = 0

    def once(self) -> None:
        """Make two Secrets, one of each way, and note how long each took to appear."""
        self._number += 1
        name, value = f"v{self._number}", canary()
        for objects in (
            [sealed_secret(self.world.certificate, self.namespace, f"s{name}", {"key": value})],
            [
                store(self.namespace, name, fake({"remote": value})),
                external_secret(self.namespace, f"e{name}", name, {"key": "remote"}),
            ],
        ):
            began = time.monotonic()
            self.world.apply(*objects)
            self.world.await_data(self.namespace, objects[-1]["metadata"]["name"], {"key": value}, timeout=60)
            self.taken.append(time.monotonic() - began)

    def p99(self) -> float:
        """Return the longest but one in a hundred, and forget all."""
        found = sorted(self.taken)
        self.taken = []
        return found[min(len(found) - 1, int(len(found) * 0.99))]


class Watch:
    """Asks the process all the time how it is."""

    def __init__(self, coffer: Coffer) -> None:
        self.coffer = coffer
        self.red: list[object] = []
        self.rss = self.pause = 0.0

    def __str__(self) -> str:
        return f"RSS {self.rss:.0f} MiB, longest pause {self.pause:.3f} s, red {self.red[:3]}"

    __repr__ = __str__

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch until the end."""
        done = threading.Event()

        def watch() -> None:
            with urllib3.PoolManager(retries=False, timeout=5.0) as pool:
                while not done.wait(0.5):
                    self._look(pool)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _look(self, pool: urllib3.PoolManager) -> None:
        try:
            status: object = pool.request("GET", f"{self.coffer.url}/healthz").status
            lines = pool.request("GET", f"{self.coffer.metrics_url}/metrics").data.decode().splitlines()
        except urllib3.exceptions.HTTPError as error:
            self.red.append(type(error).__name__)
            return
        if status != 200:
            self.red.append(status)
        found = dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        self.pause = max(self.pause, float(found["coffer_event_loop_pause_seconds"]))
        with suppress(OSError):
            self.rss = max(self.rss, self.coffer.rss() / MIB)


@pytest.fixture
def scene() -> Iterator[tuple[World, Coffer]]:
    with ControlPlane() as plane, closing(plane.client()) as kube:
        kube.install_crds(CRDS)
        _open_schemas(kube)
        installation = Installation(plane, kube)
        coffer = Coffer(installation, flags=[SMALL_KEY, *QUICK])
        world = World(plane, kube, None, coffer)  # type: ignore[arg-type] - there is no AWS
        coffer.start()
        coffer.wait_leading()
        coffer.wait_ready()
        yield world, coffer
        coffer.kill()


def _open_schemas(kube: Kube) -> None:
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for name in OPENED:
        crd = kube.get("customresourcedefinitions", name)
        versions = [
            {name: value for name, value in each.items() if name != "selectableFields"}
            | {"schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}}}
            for each in crd["spec"]["versions"]
        ]
        kube.patch("customresourcedefinitions", name, None, {"spec": {"versions": versions}})

    def open_now() -> bool:
        probe = {"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "spec": {"anything": {"at": "all"}}}
        found = kube.apply({**probe, "metadata": {"name": "probe", "namespace": "default"}})
        kube.delete("secretstores", "probe", "default")
        return "anything" in found[0]["spec"]

    wait_until(open_now, timeout=30, what="the CRDs to be open")


def _attack(world: World, seconds: float, seed: int) -> Callable[[], None]:
    """Begin an attack in the background; returns what waits for its end."""
    until = time.monotonic() + seconds
    drip = dripping()
    port = drip.__enter__()
    spaces = [world.namespace("evil") for _ in range(HOSTILE_NAMESPACES)]

    def attack(namespace: str, number: int) -> None:
        with closing(world.plane.client()) as kube:
            for _, texts in Tenant(namespace, random.Random(seed + number), port).objects():
                if time.monotonic() > until:
                    return
                for text in texts:
                    with suppress(ApiError, urllib3.exceptions.HTTPError):
                        _send(kube, text)
                time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=attack, args=each[::-1], daemon=True) for each in enumerate(spaces)]
    for each in threads:
        each.start()

    def wait() -> None:
        for each in threads:
            each.join()
        drip.__exit__(None, None, None)

    return wait


def _send(kube: Kube, text: str) -> None:
    """Make an object, or make it anew; what the API server answers is nobody's concern, and nested as deep."""
    head = json.loads(text.partition(', "metadata"')[0] + "}")
    rest = text[text.index('"metadata"') :]
    meta = json.JSONDecoder().raw_decode(rest, rest.index("{"))[0]
    place = kube.path(f"{head['apiVersion']}/{head['kind']}", meta["namespace"])
    headers = {**kube._pool.headers, "Content-Type": "application/json"}
    for method, path in (("POST", place), ("DELETE", f"{place}/{meta['name']}"), ("POST", place)):
        body = text.encode() if method == "POST" else None
        if kube._pool.request(method, kube.url + path, body=body, headers=headers).status < 300 and method == "POST":
            return


def _limit() -> int:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    text = values["resources"]["limits"]["memory"]
    assert text.endswith("Mi")
    return int(text.removesuffix("Mi")) * MIB


def _besieged(world: World, coffer: Coffer, seconds: float) -> tuple[float, float, Watch]:
    """Return the victim's p99 alone and beside the attack, and what was seen of the process."""
    victim, watch, first = Victim(world), Watch(coffer), coffer.process.pid
    for _ in range(20):
        victim.once()
    alone, until = victim.p99(), time.monotonic() + seconds
    wait = _attack(world, seconds, seed=7)
    with watch.running():
        while time.monotonic() < until:
            victim.once()
        wait()
        victim.once()
    assert coffer.alive, coffer.process.tail()
    assert coffer.process.pid == first
    assert not [line for line in coffer.lines() if "lease lost" in str(line.get("event"))]
    return alone, victim.p99(), watch


@pytest.mark.timeout(300)
def test_half_a_minute_of_hostile_objects_ends_nothing(scene: tuple[World, Coffer]) -> None:
    world, coffer = scene

    print(_besieged(world, coffer, 30.0))

    coffer.stop()
    coffer.start()
    coffer.wait_leading(timeout=60)
    Victim(world).once()


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_minutes_of_hostile_objects_are_not_noticed_by_others(scene: tuple[World, Coffer]) -> None:
    world, coffer = scene
    try:
        with limited(_limit()) as group:
            group.put(coffer.process.pid)
            alone, beside, watch = _besieged(world, coffer, 600.0)
            coffer.stop()
            began = time.monotonic()
            coffer.start()
            group.put(coffer.process.pid)
            coffer.wait_leading()
            back = time.monotonic() - began
            assert group.killed() == 0
            print(f"p99 {alone:.2f} s alone, {beside:.2f} s beside; back in {back:.1f} s")
            print(watch)
    except NoCgroups as error:
        pytest.skip(f"no memory limit can be set here: {error}")
    assert not watch.red
    assert beside <= 2 * alone
    assert watch.rss <= 300
    assert watch.pause < 0.25
    Victim(world).once()
