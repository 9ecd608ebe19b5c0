"""1,000 SealedSecrets applied at once, 10,000 of them, and a restart with all of them."""

import base64
import os
from collections.abc import Iterator

from sealed.crypto.wire_format import Scope
from tests.bench.reflector import Followed
from tests.bench.scene import MEGABYTE, TIMEOUT_SECONDS, Row, Scene, objects_without_events, ready, timed
from tests.builders.manifests import sealed_secret
from tests.cluster.kube import Object
from tests.cluster.wait import wait_until
from tests.controller import Coffer

NUMBER, MANY, LOUD, LARGE = 1_000, 10_000, 5_000, 40
TEN, WAITING = [f"k{at}" for at in range(10)], 'controller="sealed",state="queued"'
FLAGS = ("--modules-external=false", "--modules-reflector=false")
AS_SHIPPED, LIMITS_LIFTED, PEER_RSS = 1.7, 38.0, 60.0  # sealed-secrets on such a machine: items a second, MB
RSA_LIMIT = 350.0  # RSA-4096 decryptions a second that two idle cores can do
PROMISED, PROMISED_RESTART = 12.0, 15.0  # seconds: 1,000 synced, and ready over 10,000


def run(scene: Scene) -> Iterator[Row]:
    """Measure 1,000, the size in the promise."""
    yield from _measure(scene, "bench-sealed", NUMBER)


def many(scene: Scene) -> Iterator[Row]:
    """Measure ten times as many: the cost per object must stay the same."""
    yield from _measure(scene, "bench-many-sealed", MANY)


def beside(scene: Scene) -> Iterator[Row]:
    """Measure a tenant's wait beside a tenant with thousands of values that no key opens, and one with large ones."""
    quiet, loud, large = scene.namespaces("bench-beside", 3)
    blob = base64.b64encode(b"\2\0" + os.urandom(600)).decode()
    with scene.coffer(*FLAGS) as coffer:
        coffer.wait_leading()
        good = [sealed_secret(coffer.certificate(), quiet, f"good-{at}", {"k": "v"}) for at in range(11)]
        alone = timed(lambda: _synced(scene, good.pop()))
        scene.create(_of_values(loud, f"bad-{at:05}", dict.fromkeys(TEN, blob)) for at in range(LOUD))
        longest = _longest(scene, good[:5])
        left = coffer.metric("coffer_queue_depth", WAITING)
        yield Row(f"one beside {LOUD:,} with ten values that no key opens: Synced", longest, "s", alone, "without them")
        yield Row("  of those not processed by then", left, "")
        scene.kube.request("DELETE", scene.kube.path("sealedsecrets", loud))
        wait_until(lambda: coffer.metric("coffer_queue_depth", WAITING) == 0, timeout=TIMEOUT_SECONDS)
        wide = sealed_secret(coffer.certificate(), large, "x", {"k": "v"}, scope=Scope.CLUSTER_WIDE)
        values = dict.fromkeys((f"k{at}" for at in range(1000)), wide["spec"]["encryptedData"]["k"])
        scene.create(_of_values(large, f"large-{at}", values, wide["metadata"]["annotations"]) for at in range(LARGE))
        longest = _longest(scene, good[5:])
        left = coffer.metric("coffer_queue_depth", WAITING)
        yield Row(f"one beside {LARGE} with a thousand values each: Synced", longest, "s", alone, "without them")
        yield Row("  of those not finished by then", left, "")
    scene.kube.request("DELETE", scene.kube.path("sealedsecrets", large))


def _of_values(namespace: str, name: str, values: dict[str, str], annotations: dict[str, str] | None = None) -> Object:
    about = {"namespace": namespace, "name": name, "annotations": annotations or {}}
    spec = {"encryptedData": values, "template": {}}
    return {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": about, "spec": spec}


def _longest(scene: Scene, manifests: list[Object]) -> float:
    return max(timed(lambda each=each: _synced(scene, each)) for each in manifests)


def _synced(scene: Scene, sealed: Object) -> None:
    about = sealed["metadata"]
    scene.kube.create(sealed)
    scene.kube.wait_until(
        lambda: scene.kube.get("sealedsecrets", about["name"], about["namespace"]),
        lambda found: ready([found], "Synced") == 1,
        timeout=TIMEOUT_SECONDS,
    )


def _measure(scene: Scene, prefix: str, number: int) -> Iterator[Row]:
    (namespace,) = scene.namespaces(prefix, 1)
    with scene.coffer(*FLAGS) as coffer:
        coffer.wait_leading()
        yield Row("RSS, sealed alone, before", coffer.rss() / MEGABYTE, "MB")
        yield from _applied(scene, coffer, namespace, number)
    yield from _restart(scene)


def _applied(scene: Scene, coffer: Coffer, namespace: str, number: int) -> Iterator[Row]:
    certificate = coffer.certificate()
    manifests = [sealed_secret(certificate, namespace, f"item-{index:05}", {"k": "v"}) for index in range(number)]
    mark, cpu = scene.audit.mark(), coffer.cpu()
    followed = Followed(scene, mark)

    def until_synced() -> None:
        scene.create(manifests)
        # Listing all of them again and again would use the cores that are measured.
        wait_until(followed.count, lambda found: found >= number, timeout=TIMEOUT_SECONDS, what=f"{number} Secrets")
        wait_until(
            lambda: ready(scene.kube.list("sealedsecrets", namespace), "Synced") >= number, timeout=TIMEOUT_SECONDS
        )

    seconds = timed(until_synced)
    rate, writes = number / seconds, scene.writes(mark)
    shipped = PROMISED if number == NUMBER else number / AS_SHIPPED
    beside = "the promise" if number == NUMBER else "sealed-secrets as shipped"
    yield Row(f"{number:,} SealedSecrets applied at once, until all are Synced", seconds, "s", shipped, beside)
    yield Row("  a second", rate, "/s", LIMITS_LIFTED, "sealed-secrets, limits lifted", more_is_better=True)
    yield Row("  a second", rate, "/s", RSA_LIMIT, "RSA's own limit on two idle cores", more_is_better=True)
    yield Row("  CPU time per object, including RSA", (coffer.cpu() - cpu) / number * 1000, "ms")
    yield Row("  object writes per object", objects_without_events(writes) / number, "")
    yield Row("  Events per object", writes["create events"] / number, "")
    yield Row("  RSS afterwards", coffer.rss() / MEGABYTE, "MB", PEER_RSS, "sealed-secrets")


def _restart(scene: Scene) -> Iterator[Row]:
    converged = len(scene.kube.list("sealedsecrets"))
    mark = scene.audit.mark()
    coffer = scene.coffer(*FLAGS)
    try:
        seconds = timed(lambda: (coffer.start(), coffer.wait_ready()))
        yield Row(f"restart with {converged:,} converged: ready", seconds, "s", PROMISED_RESTART, "the promise")
        yield Row("  leading and synced after another", timed(coffer.wait_leading), "s")
        yield Row("  CPU time", coffer.cpu(), "s")
        yield Row("  decryptions", coffer.metric("coffer_sealed_decryptions_total"), "")
        yield Row("  object writes", objects_without_events(scene.writes(mark)), "")
        yield Row("  RSS", coffer.rss() / MEGABYTE, "MB")
    finally:
        coffer.stop()
