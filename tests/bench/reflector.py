"""10 sources mirrored into 200 namespaces: cold, one update of all, one new namespace, a restart."""

from collections.abc import Iterator

from tests.bench.scene import MEGABYTE, Row, Scene, objects_without_events, timed, until
from tests.e2e.manifests import allowed, secret

SOURCES, NAMESPACES = 10, 200
FLAGS = ("--modules-sealed=false", "--modules-external=false")


def run(scene: Scene) -> Iterator[Row]:
    """Measure."""
    (home,) = scene.namespaces("bench-home", 1)
    scene.namespaces("bench-target", NAMESPACES)
    sources = [
        secret(home, f"mirrored-{index}", {"k": "one"}, annotations=allowed(auto="bench-target-.*"))
        for index in range(SOURCES)
    ]
    with scene.coffer(*FLAGS) as coffer:
        coffer.wait_leading()
        mark = scene.audit.mark()
        seconds = timed(lambda: (scene.create(sources), _mirrors(scene, SOURCES * NAMESPACES, "one")))
        yield Row(f"{SOURCES} sources x {NAMESPACES} namespaces mirrored, cold", seconds, "s")
        writes = scene.writes(mark)
        yield Row("  creates", writes["create secrets"], "")
        yield Row("  other object writes", objects_without_events(writes) - writes["create secrets"], "")
        mark = scene.audit.mark()
        seconds = timed(lambda: (_update(scene, home), _mirrors(scene, SOURCES * NAMESPACES, "two")))
        yield Row("one update of all sources, until all mirrors have it", seconds, "s")
        yield Row("  patches", scene.writes(mark)["patch secrets"], "")
        seconds = timed(lambda: (_namespace(scene), _mirrors(scene, SOURCES * (NAMESPACES + 1), "two")))
        yield Row("one new namespace, until its 10 mirrors are there", seconds, "s")
        yield Row("  RSS afterwards", coffer.rss() / MEGABYTE, "MB")
    mark = scene.audit.mark()
    with scene.coffer(*FLAGS) as coffer:
        yield Row("restart with 2,010 converged mirrors: synced after ready", timed(coffer.wait_leading), "s")
        yield Row("  object writes", objects_without_events(scene.writes(mark)), "")


def _update(scene: Scene, home: str) -> None:
    for index in range(SOURCES):
        scene.kube.patch("secrets", f"mirrored-{index}", home, {"stringData": {"k": "two"}})


def _namespace(scene: Scene) -> None:
    scene.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench-target-new"}})


def _mirrors(scene: Scene, wanted: int, value: str) -> None:
    from tests.e2e.manifests import encoded

    def count() -> int:
        found = scene.kube.list("secrets")
        return sum(
            each["metadata"]["namespace"].startswith("bench-target") and each.get("data", {}).get("k") == encoded(value)
            for each in found
        )

    until(count, wanted, f"{wanted} mirrors")
