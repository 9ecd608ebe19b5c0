"""How a provider that hangs affects ExternalSecrets of other stores."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median, quantiles

from tests.bench.scene import Row, Scene, passes, ready, until
from tests.builders.manifests import aws, aws_keys, external_secret, fake, secret, store

NUMBER, STUCK = 1000, 100
PAUSE_SECONDS = 1 / 25  # seconds between two of them: no queue builds up, so each latency is that of one object
FLAGS = ("--modules-sealed=false", "--modules-reflector=false")


def run(scene: Scene) -> Iterator[Row]:
    """Measure from an ExternalSecret's creation to its status, alone and beside a hanging provider."""
    quiet, beside, stuck = scene.namespaces("bench-hang", 3)
    scene.create(store(each, "fake", fake({"remote": "x"})) for each in (quiet, beside))
    scene.create([secret(stuck, "aws-credentials", aws_keys("AKIASTUCK")), store(stuck, "aws", aws())])
    with scene.coffer(*FLAGS) as coffer:
        coffer.wait_leading()
        until(lambda: ready(scene.kube.list("secretstores", stuck), "Ready"), 1, "the store")
        baseline = _latencies(scene, quiet)
        for call in ("GetSecretValue", "BatchGetSecretValue"):
            scene.moto.hang(call, 1_000_000)
        before = passes(coffer, "external")
        scene.create(external_secret(stuck, f"es-{at}", "aws", {"k": f"remote-{at}"}) for at in range(STUCK))
        until(lambda: passes(coffer, "external"), before + STUCK, "all of them to have asked")
        loaded = _latencies(scene, beside)
        scene.moto.heal()
    yield Row(f"{NUMBER} ExternalSecrets, 25 a second, until each has its status: median", median(baseline), "ms")
    yield Row(f"  beside {STUCK} of a provider that hangs", median(loaded), "ms")
    yield Row("  p99", _p99(baseline), "ms")
    yield Row(f"  p99 beside {STUCK} of a provider that hangs", _p99(loaded), "ms")
    yield Row("  p99, ratio", _p99(loaded) / _p99(baseline), "")


def _latencies(scene: Scene, namespace: str) -> list[float]:
    """Return milliseconds for each: from the answer to its creation until its first status."""
    mark, made = scene.audit.mark(), dict[str, datetime]()
    for at in range(NUMBER):
        due = time.monotonic() + PAUSE_SECONDS
        scene.kube.create(external_secret(namespace, f"es-{at}", "fake", {"k": "remote"}))
        made[f"es-{at}"] = datetime.now(UTC)
        time.sleep(max(0.0, due - time.monotonic()))
    until(lambda: ready(scene.kube.list("externalsecrets", namespace), "Ready"), NUMBER, "all ready")
    found: dict[str, float] = {}
    for each in scene.audit.writes(mark, user=scene.installation.user):
        if (each.resource, each.namespace) == ("externalsecrets", namespace) and each.name not in found:
            arrived = datetime.fromisoformat(each.time)
            found[each.name] = (arrived - made[each.name]).total_seconds() * 1000
    return list(found.values())


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]
