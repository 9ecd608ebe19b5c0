"""Keys, objects and Secrets of the original controller are taken over as they are; no data is written."""

from datetime import UTC, datetime, timedelta

import pytest

from sealed.crypto.key_pair import generate
from sealed.crypto.wire_format import Scope
from tests.builders.manifests import SEALED, canary, encoded, sealed_secret
from tests.cluster.kube import Object
from tests.cluster.wait import wait_until
from tests.controller import Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY, finish
from tests.e2e.world import World

LABEL = f"{SEALED}sealed-secrets-key"
SIZES = [pytest.param(20, id="some"), pytest.param(500, id="many", marks=pytest.mark.soak)]


def key_of_the_original(home: str, name: str, days: int) -> tuple[Object, bytes]:
    """Return a key Secret in the original's format, and its certificate."""
    private_key, certificate = generate(2048, timedelta(days=3650), "", datetime.now(UTC) - timedelta(days=days))
    data = {"tls.key": encoded(private_key.decode()), "tls.crt": encoded(certificate.decode())}
    metadata = {"namespace": home, "name": name, "labels": {LABEL: "active"}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/tls",
        "data": data,
    }, certificate


def left_by_the_original(arena: World, ns: str, name: str, certificate: bytes) -> None:
    """Create a SealedSecret with the status and the Secret that the original gives it."""
    value = canary()
    labels = {"app": name}
    manifest = sealed_secret(certificate, ns, name, {"k": value}, scope=Scope.STRICT, metadata={"labels": labels})
    [sealed] = arena.apply(manifest)
    owner = {
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "name": name,
        "uid": sealed["metadata"]["uid"],
        "controller": True,
    }
    metadata = {"namespace": ns, "name": name, "labels": labels, "ownerReferences": [owner]}
    arena.kube.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"k": encoded(value)}})
    moment = "2026-01-01T00:00:00Z"
    condition = {"type": "Synced", "status": "True", "lastUpdateTime": moment, "lastTransitionTime": moment}
    status = {"status": {"observedGeneration": 1, "conditions": [condition]}}
    arena.kube.patch("sealedsecrets", name, ns, status, subresource="status")


@pytest.mark.parametrize("count", SIZES)
def test_objects_of_the_original_are_taken_over_without_writes(arena: World, count: int) -> None:
    """Keys too; no data is written."""
    installation = Installation(arena.plane, arena.kube)
    keys = [key_of_the_original(installation.namespace, f"sealed-secrets-key{at}", 20 - 10 * at) for at in (0, 1)]
    arena.apply(*(secret for secret, _ in keys))
    ns = arena.namespace()
    for at in range(count):
        left_by_the_original(arena, ns, f"app-{at}", keys[at % 2][1])
    before = arena.kube.list("secrets", ns)
    mark = arena.mark()
    coffer = Coffer(installation, flags=[SMALL_KEY, *QUICK], environment=arena.moto.environment())
    arena.coffer = coffer
    with coffer:

        def settled() -> list[str]:
            found = arena.kube.list("sealedsecrets", ns)
            return [each["metadata"]["name"] for each in found if "sealingKeys" not in each["status"]]

        arena.kube.wait_until(settled, lambda unsettled: not unsettled, timeout=60 + count / 5)
        writes = [each for each in arena.audit.writes(mark, user=installation.user) if each.resource == "secrets"]
        statuses = [each["status"] for each in arena.kube.list("sealedsecrets", ns)]

        assert coffer.certificate() == keys[1][1]
        assert arena.kube.list("secrets", ns) == before
        assert not writes
        assert {each["conditions"][0]["status"] for each in statuses} == {"True"}
        assert {tuple(each["sealingKeys"]) for each in statuses} == {(each,) for each in fingerprints(coffer, statuses)}
    finish(coffer)
    arena.kube.delete("namespaces", installation.namespace)


def fingerprints(coffer: Coffer, statuses: list[Object]) -> set[str]:
    """Return the two keys in the statuses; the metrics count half of the objects for each."""
    named = {each["sealingKeys"][0] for each in statuses}
    assert len(named) == 2
    halves = dict.fromkeys(("current", "older"), len(statuses) / 2)
    wait_until(lambda: counted(coffer), lambda found: found == halves, what="the metrics to follow the statuses")
    return named


def counted(coffer: Coffer) -> dict[str, float]:
    """Return how many SealedSecrets each key opens; its watch tells Coffer of its own writes a moment later."""
    found = coffer.metrics()
    return {key: found[f'coffer_sealed_objects{{key="{key}"}}'] for key in ("current", "older")}
