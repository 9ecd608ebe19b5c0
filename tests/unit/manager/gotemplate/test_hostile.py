"""Hostile templates at the real limits, in a process of its own: time, memory, and what other tenants notice."""

import json
import subprocess
import sys
from typing import Any

import pytest

from manager.gotemplate.pool import KEPT_BYTES

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("built_template")]


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        subprocess.check_output([sys.executable, "-m", "tests.bench.sandbox", "hostile"], text=True)
    )
    return found


def test_each_ends_with_an_error(measured: dict[str, dict[str, Any]]) -> None:
    alone = {name: each for name, each in measured.items() if "alone" in each}

    assert len(alone) == 11
    assert [name for name, each in alone.items() if each["ended"] == "it was rendered"] == []


def test_memory_grows_by_no_more_than_the_cap_and_returns_but_for_what_is_kept(
    measured: dict[str, dict[str, Any]],
) -> None:
    assert {name: each["grown"] for name, each in measured.items() if each.get("grown", 0) > 64} == {}
    kept = KEPT_BYTES >> 20
    assert {name: each["left"] for name, each in measured.items() if each.get("left", 0) > kept} == {}
