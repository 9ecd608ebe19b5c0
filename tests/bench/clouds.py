"""1,000 ExternalSecrets over 100 secrets of Google: what is asked cold, unchanged and after a rotation.

Calls are counted by the double; they do not depend on the machine.
"""

import base64
import time
from collections.abc import Callable, Iterator

from external.providers.gcp.connection import ENDPOINT_VARIABLE
from tests.bench.external import FLAGS, NUMBER, QUIET_SECONDS, REMOTE, ROTATED
from tests.bench.scene import MEGABYTE, TIMEOUT_SECONDS, Row, Scene, ready, timed, until
from tests.builders.manifests import encoded, external_secret, secret, store
from tests.cluster.wait import wait_until
from tests.controller import Coffer
from tests.doubles.google import Google

PLACE = "projects/project"
OURS = "one per ExternalSecret, as external-secrets makes, and its tokens"


def run(scene: Scene) -> Iterator[Row]:
    """Measure 1,000 at a refreshInterval of one minute."""
    with Google() as google:
        (namespace,) = scene.namespaces("bench-clouds", 1)
        for at in range(REMOTE):
            _put(google, at, "old")
        ref = {"secretRef": {"secretAccessKeySecretRef": {"name": "google", "key": "key"}}}
        spec = {"gcpsm": {"projectID": "project", "auth": ref}}
        scene.create([secret(namespace, "google", {"key": google.key_file()}), store(namespace, "google", spec)])
        manifests = [
            external_secret(namespace, f"item-{at:05}", "google", {"v": f"key-{at % REMOTE}"}, refreshInterval="1m")
            for at in range(NUMBER)
        ]
        flags = (*FLAGS, "--external-egress-allowed=127.0.0.0/8")
        environment = {**scene.moto.environment(), ENDPOINT_VARIABLE: google.url}
        with Coffer(scene.installation, flags=flags, environment=environment) as coffer:
            coffer.wait_leading()
            yield from _cold(scene, google, namespace, lambda: scene.create(manifests))
            yield Row("  RSS afterwards", coffer.rss() / MEGABYTE, "MB")
            yield from _at_rest(google)
            yield from _rotation(scene, google, namespace)
        scene.kube.delete("namespaces", namespace)


def _cold(scene: Scene, google: Google, namespace: str, create: Callable[[], None]) -> Iterator[Row]:
    google.secret_manager.calls.clear()
    seconds = timed(
        lambda: (create(), until(lambda: ready(scene.kube.list("externalsecrets", namespace), "Ready"), NUMBER, "all"))
    )
    yield Row(f"{NUMBER} ExternalSecrets over {REMOTE} secrets of Google, cold, until all are Ready", seconds, "s")
    yield Row("  calls", google.secret_manager.calls.total(), "", NUMBER, OURS)


def _at_rest(google: Google) -> Iterator[Row]:
    google.secret_manager.calls.clear()
    time.sleep(QUIET_SECONDS)
    calls = google.secret_manager.calls.total() / (QUIET_SECONDS / 60)
    yield Row(f"{QUIET_SECONDS:.0f} s at refreshInterval 1m: calls a minute", calls, "", NUMBER, OURS)


def _rotation(scene: Scene, google: Google, namespace: str) -> Iterator[Row]:
    started = time.monotonic()
    for at in range(ROTATED):
        _put(google, at, "new")
    wanted = NUMBER // REMOTE * ROTATED

    def arrived() -> int:
        found = scene.kube.list("secrets", namespace)
        return sum(each.get("data", {}).get("v") == encoded("new") for each in found)

    wait_until(arrived, lambda number: number >= wanted, timeout=TIMEOUT_SECONDS, what="the rotated values")
    yield Row(f"{ROTATED} secrets rotated: all {wanted} targets updated after", time.monotonic() - started, "s")


def _put(google: Google, at: int, value: str) -> None:
    api, name = google.secret_manager, f"key-{at}"
    if (PLACE, name) not in api.secrets:
        api._create(PLACE, name, {"replication": {"automatic": {}}})
    api._add((PLACE, name), {"payload": {"data": base64.b64encode(value.encode()).decode()}})
