"""All three modules in one process: memory when empty, and with the objects of the other parts."""

from collections.abc import Iterator

from tests.bench.scene import MEGABYTE, Row, Scene, timed

START = 90.0  # MB; the promise for three modules without objects


def run(scene: Scene) -> Iterator[Row]:
    """Measure."""
    with scene.coffer() as coffer:
        yield Row(
            "three modules with all these objects: leading and synced after ready", timed(coffer.wait_leading), "s"
        )
        yield Row("  RSS", coffer.rss() / MEGABYTE, "MB", START, "the promise for an empty cluster")


def empty(scene: Scene) -> Iterator[Row]:
    """Measure an empty cluster."""
    with scene.coffer() as coffer:
        coffer.wait_leading()
        yield Row("three modules, empty cluster: RSS", coffer.rss() / MEGABYTE, "MB", START, "the promise")
