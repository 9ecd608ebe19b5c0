"""In which form a rewrite sees the names that a search has found."""

from typing import Any

import pytest

from external.providers.fake import FakeClient
from tests.unit.external.bench import Bench

REWRITE = [{"regexp": {"source": "^app(.)", "target": "got$1"}}]
FOUND: dict[str, Any] = {"find": {"name": {"regexp": "^app"}}, "rewrite": REWRITE}


async def test_the_fake_providers_names_are_converted_first(bench: Bench) -> None:
    bench.store(values={"app/one": "1", "other": "2"})
    bench.external(data=None, dataFrom=[FOUND])
    await bench.settle()

    assert bench.data() == {"got_one": b"1"}


async def test_so_two_names_collide_before_a_rewrite_can_part_them(bench: Bench) -> None:
    bench.store(values={"app/one": "1", "app:one": "2"})
    bench.external(data=None, dataFrom=[FOUND])
    await bench.settle()

    assert "secret name collision during conversion: app_one" in bench.ready()[2]


async def test_other_providers_names_come_as_they_are(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(FakeClient, "converts_found")
    bench.store(values={"app/one": "1"})
    rewrite = [{"regexp": {"source": "/", "target": "-"}}]
    bench.external(data=None, dataFrom=[FOUND | {"rewrite": rewrite}])
    await bench.settle()

    assert bench.data() == {"app-one": b"1"}
