"""Namespaces and labels: a SealedSecret that is not selected is not touched."""

from typing import Any

import pytest

from manager.core.errors import SettingsError
from manager.settings.model import SealedSettings, Settings
from sealed.selection import selection_of
from tests.builders.sealed_module import OURS, TARGET, SealedModule, key_secret, sealed_secret


@pytest.mark.parametrize(
    ("settings", "namespace", "labels", "included"),
    [
        ({}, "ns", {}, True),
        ({"all_namespaces": False}, "ns", {}, False),
        ({"all_namespaces": False}, "own", {}, True),
        ({"additional_namespaces": ("ns",)}, "ns", {}, True),
        ({"additional_namespaces": ("ns",)}, "own", {}, True),
        ({"additional_namespaces": ("ns",)}, "other", {}, False),
        ({"additional_namespaces": ("ns",), "all_namespaces": False}, "ns", {}, True),
        ({"label_selector": "app=x"}, "ns", {"app": "x"}, True),
        ({"label_selector": "app=x"}, "ns", {"app": "y"}, False),
        ({"label_selector": "app in (x,y),!old"}, "ns", {"app": "y"}, True),
        ({"label_selector": "app in (x,y),!old"}, "ns", {"app": "y", "old": ""}, False),
    ],
)
def test_the_settings_select(settings: Any, namespace: str, labels: dict[str, str], included: bool) -> None:
    assert selection_of(SealedSettings(**settings), "own").includes(namespace, labels) is included


def test_a_malformed_selector_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"^sealed\.label_selector: "):
        selection_of(SealedSettings(label_selector="a in ("), "own")


async def test_an_unselected_object_is_ignored_until_its_label_matches() -> None:
    bench = SealedModule(Settings(sealed=SealedSettings(label_selector="app=x")))
    bench.place(sealed_secret({"k": "v"}))
    await bench.registry.put(key_secret())
    assert len(bench.queue) == 0

    sealed = bench.api.objects[OURS]
    bench.place({**sealed, "metadata": {**sealed["metadata"], "labels": {"app": "x"}}})
    await bench.work()

    assert TARGET in bench.api.objects
