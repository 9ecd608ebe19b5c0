"""The template sandbox: first use, renders, memory, and hostile tenants beside others."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.bench.scene import Row, Scene
from tools.template import build


def run(_: Scene) -> Iterator[Row]:
    """Measure; each part in a process of its own."""
    build()
    _measured("first")  # precompiles for this machine if necessary
    first = _measured("first")
    yield Row("first template of a process", 1000 * first["seconds"], "ms", 200.0, "the promise")
    yield Row("RSS growth after the first template", first["grown"], "MB", 45.0, "the promise")
    yield Row("RSS growth after 1,000 different templates", first["grown later"], "MB")
    for name, took in _measured("renders").items():
        promise = 0.8 if name.endswith("cold") else 0.3 if name.endswith("compiled") else None
        yield Row(name, 1000 * took, "µs", promise and 1000 * promise, "the promise" if promise else "")
    hostile = _measured("hostile")
    tenants = hostile.pop("1,000 renders of four other tenants")
    yield Row(
        "hostile templates: the longest", max(each["alone"] for each in hostile.values()), "s", 2.5, "the promise"
    )
    yield Row(
        "hostile templates: RSS, most grown", max(each["grown"] for each in hostile.values()), "MB", 64.0, "the cap"
    )
    yield Row("hostile templates: highest RSS afterwards", max(each["left"] for each in hostile.values()), "MB")
    yield Row("1,000 renders of four tenants beside four hostile ones, median", tenants["median"], "ms")
    yield Row("1,000 renders of four tenants beside four hostile ones, p99", tenants["p99"], "ms", 20.0, "the promise")


def _measured(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(subprocess.check_output([sys.executable, "-m", "tests.bench.sandbox", part]))
    return found
