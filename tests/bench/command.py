"""kubeseal on a developer's machine."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.scene import Row, Scene, timed

PROGRAM = Path(sys.executable).with_name("kubeseal")


def run(scene: Scene) -> Iterator[Row]:
    """Measure; the best of five runs, with a warm file cache."""
    with scene.coffer("--modules-external=false", "--modules-reflector=false") as coffer:
        certificate = coffer.installation.plane.folder / "bench.pem"
        certificate.write_bytes(coffer.certificate())
    text = b"{kind: Secret, metadata: {name: a, namespace: b}, stringData: {k: v}}"
    yield Row(
        "kubeseal --help",
        1000 * min(timed(lambda: _call(["--help"], b"")) for _ in range(5)),
        "ms",
        500.0,
        "the promise",
    )
    sealing = [f"--cert={certificate}"]
    yield Row("kubeseal seals one Secret", 1000 * min(timed(lambda: _call(sealing, text)) for _ in range(5)), "ms")


def _call(arguments: list[str], text: bytes) -> None:
    subprocess.run([str(PROGRAM), *arguments], input=text, capture_output=True, check=True, timeout=60)
