"""10 sources mirrored into 200 namespaces, 50 into 500: cold, one update, one new namespace, unchanged, a restart."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.bench.scene import MEGABYTE, TIMEOUT_SECONDS, Row, Scene, objects_without_events, timed
from tests.builders.manifests import allowed, encoded, secret
from tests.cluster.audit import Mark, Request
from tests.cluster.wait import wait_until
from tests.controller import Coffer

FLAGS = ("--modules-sealed=false", "--modules-external=false")
QUIET_SECONDS = float(os.environ.get("QUIET", "60"))  # seconds


@dataclass
class Followed:
    """Coffer's writes to Secrets, counted in the growing audit log: listing the mirrors would use up the cores."""

    scene: Scene
    mark: Mark
    number: int = 0
    user: str = ""
    """User name; empty: Coffer's."""

    def count(self) -> int:
        """Return the number of writes so far."""
        with self.scene.audit.path.open("rb") as file:
            file.seek(self.mark.offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.mark = Mark(self.mark.offset + len(whole))
        lines = (line for line in whole.splitlines() if b'"resource":"secrets"' in line)
        self.number += sum(self._counts(Request.parse(line)) for line in lines)
        return self.number

    def _counts(self, request: Request) -> bool:
        return request.is_write and request.user == (self.user or self.scene.installation.user)


@dataclass
class Fan:
    """Sources in one namespace that push to other namespaces."""

    scene: Scene
    prefix: str
    sources: int
    namespaces: int

    def run(self) -> Iterator[Row]:
        """Measure one size."""
        (home,) = self.scene.namespaces(f"{self.prefix}-home", 1)
        self.scene.namespaces(f"{self.prefix}-target", self.namespaces)
        annotations = allowed(auto=f"{self.prefix}-target-.*")
        made = [
            secret(home, f"{self.prefix}-{at}", {"k": "one"}, annotations=annotations) for at in range(self.sources)
        ]
        every = self.sources * self.namespaces
        with self.scene.coffer(*FLAGS) as coffer:
            coffer.wait_leading()
            yield from self._measure("mirrored, cold", "create", every, "one", lambda: self.scene.create(made))
            yield Row("  RSS", coffer.rss() / MEGABYTE, "MB")
            yield from self._measure("one update of all sources", "patch", every, "two", lambda: self._update(home))
            yield from self._measure("one new namespace", "create", self.sources, "two", self._namespace)
            yield from self._quiet(coffer)
            yield Row("  RSS", coffer.rss() / MEGABYTE, "MB")
        mark = self.scene.audit.mark()
        with self.scene.coffer(*FLAGS) as coffer:
            yield Row(f"restart with {every:,} converged mirrors: synced after ready", timed(coffer.wait_leading), "s")
            yield Row("  object writes", objects_without_events(self.scene.writes(mark)), "")
            yield Row("  RSS", coffer.rss() / MEGABYTE, "MB")

    def _measure(self, what: str, verb: str, number: int, value: str, change: Callable[[], object]) -> Iterator[Row]:
        mark = self.scene.audit.mark()
        followed = Followed(self.scene, mark)

        def until_written() -> None:
            change()
            wait_until(followed.count, lambda found: found >= number, timeout=TIMEOUT_SECONDS, what=f"{number} writes")

        seconds = timed(until_written)
        self._require(value)
        writes = self.scene.writes(mark)
        expected = writes[f"{verb} secrets"]
        yield Row(f"{self.sources} sources x {self.namespaces} namespaces: {what}", seconds, "s")
        yield Row(f"  {verb} requests", expected, "")
        yield Row("  other object writes", objects_without_events(writes) - expected, "")

    def _quiet(self, coffer: Coffer) -> Iterator[Row]:
        mark, cpu = self.scene.audit.mark(), coffer.cpu()
        waited = timed(lambda: time.sleep(QUIET_SECONDS))
        asked = self.scene.audit.requests(mark, user=self.scene.installation.user)
        other = [each for each in asked if each.resource != "leases" and each.verb not in {"watch", "list"}]
        yield Row(
            f"{QUIET_SECONDS:.0f} s without changes: requests other than watches, sweep and lease", len(other), ""
        )
        yield Row("  of a core", (coffer.cpu() - cpu) / waited * 100, "%")

    def _update(self, home: str) -> None:
        for at in range(self.sources):
            self.scene.kube.patch("secrets", f"{self.prefix}-{at}", home, {"stringData": {"k": "two"}})

    def _namespace(self) -> None:
        about = {"name": f"{self.prefix}-target-new"}
        self.scene.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": about})

    def _require(self, value: str) -> None:
        """Read every mirror once and compare it."""
        within = f"{self.prefix}-target"
        found = [each for each in self.scene.kube.list("secrets") if each["metadata"]["namespace"].startswith(within)]
        wrong = [each["metadata"]["namespace"] for each in found if each.get("data", {}).get("k") != encoded(value)]
        if len(found) < self.sources * self.namespaces or wrong:
            raise RuntimeError(f"{len(found)} mirrors, {len(wrong)} of them wrong: {wrong[:3]}")


def run(scene: Scene) -> Iterator[Row]:
    """Measure 2,000 mirrors, the size in the promise."""
    yield from Fan(scene, "bench", sources=10, namespaces=200).run()


def many(scene: Scene) -> Iterator[Row]:
    """Measure 25,000 mirrors."""
    yield from Fan(scene, "many", sources=50, namespaces=500).run()
