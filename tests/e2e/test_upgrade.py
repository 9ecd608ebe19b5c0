"""Takeover from kubernetes-reflector: its mirrors count as current, and a start makes no decision too early."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from tests.builders.manifests import MIRROR, allowed, canary, reflects, secret
from tests.cluster.kube import Object
from tests.controller import Coffer
from tests.e2e.conftest import MakeCoffer
from tests.e2e.world import World

SELECTOR = f"{MIRROR}reflection-allowed-namespaces-selector"
SIZES = [
    pytest.param(2, 10, id="some"),
    pytest.param(10, 200, id="many", marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
]
WRITTEN_AT = ("2026-08-04T10:00:00.1234567+00:00", '"2025-01-01T00:00:00+00:00"', "garbage")


def left_behind(source: Object, target: str, at: int) -> Object:
    """Return a mirror as the original writes it: with quoted timestamps before version 9.0.322."""
    meta = source["metadata"]
    marks = {"auto-reflects": "True", "reflected-version": meta["resourceVersion"], "reflected-at": WRITTEN_AT[at % 3]}
    annotations = {f"{MIRROR}{key}": text for key, text in marks.items()} | reflects(meta["namespace"], meta["name"])
    body = {key: source[key] for key in ("apiVersion", "kind", "type", "data")}
    return body | {"metadata": {"name": meta["name"], "namespace": target, "annotations": annotations}}


def writes(coffer: Coffer, arena: World) -> list[str]:
    """Return a controller's writes in this test's namespaces."""
    return [f"{each.verb} {each.resource}" for each in arena.writes(coffer.installation.user)]


@pytest.mark.parametrize(("sources", "targets"), SIZES)
def test_mirrors_that_the_original_left_are_not_written(
    arena: World, arena_coffer: MakeCoffer, sources: int, targets: int
) -> None:
    home, value = arena.namespace("home"), canary()
    places = [arena.namespace("place", stage="prod") for _ in range(targets)]
    annotations = allowed(auto="") | {SELECTOR: "stage=prod"}  # by labels, and one that is seen late must not matter
    made = arena.apply(
        *(secret(home, f"{arena.unique}-{at}", {"key": value}, annotations=annotations) for at in range(sources)),
    )
    manifests = [left_behind(source, place, at) for at, (source, place) in enumerate(product(made, places))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(arena.kube.create, manifests))

    coffer = arena_coffer("coffer-0", "--modules-sealed=false", "--modules-external=false")
    coffer.wait_leading()
    read = 'resource="secrets",status="200",verb="get"'
    arena.kube.wait_until(
        lambda: coffer.metric("coffer_api_requests_total", read) >= len(manifests),
        timeout=30 + len(manifests) / 10,
        what="every mirror to be read once",
    )
    assert coffer.metrics()["coffer_mirrors"] >= len(manifests)
    assert writes(coffer, arena) == []

    second = canary()
    arena.kube.patch("secrets", f"{arena.unique}-0", home, {"stringData": {"key": second}})
    for place in places[:3]:
        arena.await_data(place, f"{arena.unique}-0", {"key": second})
    assert set(writes(coffer, arena)) == {"patch secrets"}


def test_a_mirror_of_a_very_old_original_is_a_pull(arena: World, arena_coffer: MakeCoffer) -> None:
    home, place, value = arena.namespace("home"), arena.namespace("place"), canary()
    marks = {f"{MIRROR}auto-reflects": f"{home}/s", f"{MIRROR}reflected-version": "0"} | reflects(home, "s")
    arena.apply(
        secret(home, "s", {"key": value}, annotations=allowed()),
        secret(place, "s", {"key": "old"}, annotations=marks),
    )
    arena_coffer("coffer-0")

    arena.await_data(place, "s", {"key": value})


def test_the_health_paths_of_the_original_answer(arena: World, arena_coffer: MakeCoffer) -> None:
    coffer = arena_coffer("coffer-0")
    coffer.wait_leading()

    assert [coffer.http(path).status for path in ("/health/live", "/health/ready")] == [200, 200]
