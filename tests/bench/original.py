"""The same SealedSecrets for the original's controller and then for Coffer, in one run on one machine."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from tests.bench.reflector import Followed
from tests.bench.scene import TIMEOUT_SECONDS, Row, Scene, ready, timed
from tests.builders.manifests import sealed_secret
from tests.cluster.kube import Object, decoded
from tests.cluster.wait import wait_until
from tests.e2e.original import Original

NUMBER = 1_000
LIFTED = ("--kubeclient-qps=1000", "--kubeclient-burst=1000")
"""Flags that lift its request limits (by default 20 a second and 30 at once)."""
HOME = "bench-original"
KEY_LABEL = "sealedsecrets.bitnami.com/sealed-secrets-key"
FLAGS = ("--modules-external=false", "--modules-reflector=false", "--modules-takeover=true")


def run(scene: Scene) -> Iterator[Row]:
    """Measure both with objects that exist before the start, and with a burst while they run."""
    original = Original(scene.plane, scene.kube, HOME, LIFTED)
    with original:
        key = _key(scene)
    _share(scene, key)
    certificate = decoded(key)["tls.crt"].encode()
    coffer = scene.coffer(*FLAGS)
    theirs = _measured(scene, "theirs", original, original.user, certificate)
    ours = _measured(scene, "ours", coffer, scene.installation.user, certificate)
    for what, seconds in ours.items():
        yield Row(f"{NUMBER:,} SealedSecrets, {what}", seconds, "s", theirs[what], "the original, limits lifted")


def _measured(
    scene: Scene, name: str, controller: AbstractContextManager[object], user: str, certificate: bytes
) -> dict[str, float]:
    """Return the seconds for objects that exist before the start, and for a burst afterwards."""
    waiting, burst = scene.namespaces(f"bench-{name}", 2)
    manifests = {
        ns: [sealed_secret(certificate, ns, f"i-{at}", {"k": "v"}) for at in range(NUMBER)] for ns in (waiting, burst)
    }
    scene.create(manifests[waiting])
    synced = _until_synced(scene, waiting, user)
    found: dict[str, float] = {}
    started: list[object] = []

    def cold() -> None:
        started.append(controller.__enter__())
        synced()

    def at_once() -> None:
        scene.create(manifests[burst])
        synced()

    try:
        found["there before the start, until all are Synced"] = timed(cold)
        synced = _until_synced(scene, burst, user)
        found["applied at once"] = timed(at_once)
    finally:
        if started:
            controller.__exit__(None, None, None)
    for ns in (waiting, burst):
        scene.kube.request("DELETE", scene.kube.path("sealedsecrets", ns))
    return found


def _until_synced(scene: Scene, namespace: str, user: str) -> Callable[[], None]:
    followed = Followed(scene, scene.audit.mark(), user=user)

    def wait() -> None:
        wait_until(followed.count, lambda found: found >= NUMBER, timeout=TIMEOUT_SECONDS, what=f"{NUMBER} Secrets")
        wait_until(
            lambda: ready(scene.kube.list("sealedsecrets", namespace), "Synced") >= NUMBER, timeout=TIMEOUT_SECONDS
        )

    return wait


def _key(scene: Scene) -> Object:
    """Wait for the original's sealing key and return it."""
    found: Object = scene.kube.wait_until(
        lambda: scene.kube.list("secrets", HOME, labelSelector=KEY_LABEL)[0],
        timeout=TIMEOUT_SECONDS,
        what="a sealing key",
    )
    return found


def _share(scene: Scene, key: Object) -> None:
    """Give Coffer the same key."""
    about = {
        "name": key["metadata"]["name"],
        "namespace": scene.installation.namespace,
        "labels": {KEY_LABEL: "active"},
    }
    scene.kube.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": key["type"], "data": key["data"]}
    )
