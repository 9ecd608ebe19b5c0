"""1,000 SealedSecrets at once, and a restart over them."""

from collections.abc import Iterator

from tests.bench.scene import MEGABYTE, Row, Scene, objects_without_events, ready, timed, until
from tests.e2e.manifests import sealed_secret

NUMBER = 1000
AS_SHIPPED, LIMITS_LIFTED, PEER_RSS = 1.7, 38.0, 60.0  # sealed-secrets on such a machine: items a second, MB
RSA_LIMIT = 350.0  # RSA-4096 decryptions a second that two idle cores can do


def run(scene: Scene) -> Iterator[Row]:
    """Measure."""
    (namespace,) = scene.namespaces("bench-sealed", 1)
    with scene.coffer("--modules-external=false", "--modules-reflector=false") as coffer:
        coffer.wait_leading()
        yield Row("RSS, sealed alone, empty", coffer.rss() / MEGABYTE, "MB")
        certificate = coffer.certificate()
        manifests = [sealed_secret(certificate, namespace, f"item-{index:04}", {"k": "v"}) for index in range(NUMBER)]
        mark = scene.audit.mark()
        seconds = timed(lambda: (scene.create(manifests), _all_synced(scene, namespace)))
        rate = NUMBER / seconds
        yield Row(
            f"{NUMBER} SealedSecrets applied at once, until all are Synced",
            seconds,
            "s",
            NUMBER / AS_SHIPPED,
            "sealed-secrets as shipped",
        )
        yield Row("  a second", rate, "/s", LIMITS_LIFTED, "sealed-secrets, limits lifted", more_is_better=True)
        yield Row("  a second", rate, "/s", RSA_LIMIT, "RSA's own limit on two idle cores", more_is_better=True)
        writes = scene.writes(mark)
        yield Row("  object writes each", objects_without_events(writes) / NUMBER, "")
        yield Row("  Events each", writes["create events"] / NUMBER, "")
        yield Row("  RSS afterwards", coffer.rss() / MEGABYTE, "MB", PEER_RSS, "sealed-secrets")
    yield from _restart(scene)


def _restart(scene: Scene) -> Iterator[Row]:
    mark = scene.audit.mark()
    coffer = scene.coffer("--modules-external=false", "--modules-reflector=false")
    try:
        yield Row(f"restart with {NUMBER} converged: ready", timed(lambda: (coffer.start(), coffer.wait_ready())), "s")
        yield Row("  leading and synced, seconds more", timed(coffer.wait_leading), "s")
        until(lambda: int(coffer.metric("coffer_synced")), 1, "sync")
        yield Row("  decryptions", coffer.metric("coffer_sealed_decryptions_total"), "")
        yield Row("  object writes", objects_without_events(scene.writes(mark)), "")
        yield Row("  RSS", coffer.rss() / MEGABYTE, "MB")
    finally:
        coffer.stop()


def _all_synced(scene: Scene, namespace: str) -> None:
    until(lambda: ready(scene.kube.list("sealedsecrets", namespace), "Synced"), NUMBER, "all SealedSecrets synced")
