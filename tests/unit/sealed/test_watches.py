"""Which changes make a SealedSecret worth a look."""

from dataclasses import replace
from typing import Any

import pytest

from manager.kube.resources import SECRETS
from manager.settings.model import SealedSettings, Settings
from tests.builders.sealed_module import TARGET, SealedModule, key_secret, sealed_secret


async def synced(**settings: Any) -> SealedModule:
    bench = SealedModule(Settings(sealed=replace(SealedSettings(), **settings)))
    await bench.registry.put(key_secret())
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()
    return bench


async def test_a_deleted_secret_is_made_again() -> None:
    bench = await synced()

    bench.take(TARGET)
    await bench.work()

    assert bench.data() == {"k": "v"}


async def test_a_deleted_secret_stays_away_where_that_is_wanted() -> None:
    bench = await synced(skip_recreate=True)

    bench.take(TARGET)

    assert len(bench.queue) == 0


@pytest.mark.parametrize("skip_recreate", [False, True])
async def test_a_secret_in_the_way_that_goes_is_noticed(skip_recreate: bool) -> None:
    bench = SealedModule(Settings(sealed=SealedSettings(skip_recreate=skip_recreate)))
    await bench.registry.put(key_secret())
    bench.place({"metadata": {"namespace": "ns", "name": "a"}, "data": {}}, SECRETS)
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()
    assert bench.condition()["status"] == "False"

    bench.take(TARGET)
    await bench.work()

    assert bench.data() == {"k": "v"}


async def test_an_edited_secret_of_ours_wakes_nobody() -> None:
    bench = await synced()

    bench.place(bench.api.objects[TARGET], SECRETS)

    assert len(bench.queue) == 0


async def test_a_label_on_a_sealed_secret_wakes_nobody() -> None:
    bench = await synced()
    [sealed] = [body for key, body in bench.api.objects.items() if key.resource is not SECRETS]

    bench.place({**sealed, "metadata": {**sealed["metadata"], "labels": {"app": "x"}}})

    assert len(bench.queue) == 0


async def test_a_key_wakes_no_one_who_is_synced() -> None:
    bench = await synced()

    await bench.registry.put(key_secret("second", version="2"))

    assert len(bench.queue) == 0
