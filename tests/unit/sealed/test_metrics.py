"""Metrics: the original's series, and those that its users asked for."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from manager.core.errors import Forbidden, Unreachable
from manager.kube.resources import SECRETS
from sealed.metrics import INSTANCE, PREFIX, ConditionCollector, KeyCollector
from tests.builders.api_in_memory import EPOCH
from tests.builders.sealed_module import OURS, SealedModule, key_secret, sealed_secret
from tests.builders.sealed_vectors import certificate, other_key

CONDITION = f"{PREFIX}_condition_info"


@pytest.fixture
async def bench() -> SealedModule:
    bench = SealedModule()
    await bench.registry.put(key_secret())
    bench.context.metrics.registry.register(KeyCollector(bench.registry, bench.cache, bench.clock))
    return bench


def measured(bench: SealedModule, name: str, **labels: str) -> float | None:
    return bench.context.metrics.registry.get_sample_value(name, labels)


async def objects(bench: SealedModule) -> dict[str, float | None]:
    return {key: measured(bench, "coffer_sealed_objects", key=key) for key in ("current", "older", "unknown")}


async def test_age_and_end_of_the_current_key_are_told(bench: SealedModule) -> None:
    current = bench.registry.keys[0]
    bench.clock.pass_by((current.ordered_at - EPOCH + timedelta(hours=5)).total_seconds())

    assert measured(bench, "coffer_sealing_key_age_seconds") == pytest.approx(5 * 3600, abs=1)
    assert measured(bench, "coffer_sealing_key_expiry_timestamp_seconds") == current.expires_at.timestamp()


async def test_broken_keys_are_counted_though_no_other_key_changes(bench: SealedModule) -> None:
    await bench.registry.put(key_secret("broken", **dict[str, Any]({"tls.key": b""})))

    assert (measured(bench, "coffer_sealing_keys"), measured(bench, "coffer_sealing_keys_broken")) == (1, 1)


async def test_objects_are_counted_by_the_key_that_they_need(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    assert await objects(bench) == {"current": 0, "older": 0, "unknown": 1}

    await bench.work()
    assert await objects(bench) == {"current": 1, "older": 0, "unknown": 0}

    await bench.registry.put(key_secret("new", other_key(), cert=certificate(other_key(), begins=timedelta(hours=-1))))
    assert await objects(bench) == {"current": 0, "older": 1, "unknown": 0}


async def test_the_keys_that_opened_an_object_stand_in_its_status(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()

    assert bench.api.objects[OURS]["status"]["sealingKeys"] == [bench.registry.keys[0].id]


@pytest.mark.parametrize(
    ("prepare", "reason", "namespace"),
    [
        (lambda bench: bench.place(sealed_secret({"k": "v"}, other_key())), "unseal", "ns"),
        (lambda bench: bench.place({"metadata": {"namespace": "ns", "name": "a"}}, SECRETS), "unmanaged", "ns"),
        (lambda bench: bench.api.fail("create", Forbidden(403, "", "create")), "update", "ns"),
        (lambda bench: bench.api.fail("patch status", Unreachable(0, "", "patch")), "status", "ns"),
        (lambda bench: bench.api.fail("get", Unreachable(0, "", "get")), "fetch", ""),
    ],
    ids=["unseal", "unmanaged", "update", "status", "fetch"],
)
async def test_failures_are_counted_under_the_originals_reasons(
    bench: SealedModule, prepare: Any, reason: str, namespace: str
) -> None:
    prepare(bench)
    if OURS not in bench.api.objects:
        bench.place(sealed_secret({"k": "v"}))

    try:
        await bench.work()
    except Unreachable:
        assert reason in ("status", "fetch")

    name = f"{PREFIX}_unseal_errors_total"
    assert measured(bench, name, reason=reason, namespace=namespace) == 1


async def condition(omit: bool, *bodies: Any) -> CollectorRegistry:
    bench = SealedModule()
    await bench.registry.put(key_secret())
    collected = CollectorRegistry()
    collected.register(ConditionCollector(bench.cache, omit=omit))
    for body in bodies:
        bench.place(body)
    await bench.work()
    return collected


def labels(name: str = "a", namespace: str = "ns", instance: str = "") -> dict[str, str]:
    return {
        "namespace": namespace,
        "name": name,
        "condition": "Synced",
        "ss_app_kubernetes_io_instance": instance,
    }


async def test_conditions_are_series_if_the_setting_asks_for_them() -> None:
    body = sealed_secret({"k": "v"})
    body["metadata"]["labels"] = {INSTANCE: "release"}

    collected = await condition(False, body)

    assert collected.get_sample_value(CONDITION, labels(instance="release")) == 1


async def test_a_failure_is_minus_one() -> None:
    collected = await condition(False, sealed_secret({"k": "v"}, other_key()))

    assert collected.get_sample_value(CONDITION, labels()) == -1


async def test_without_names_the_worst_of_all_counts() -> None:
    good, bad = sealed_secret({"k": "v"}), sealed_secret({"k": "v"}, other_key())
    bad["metadata"]["name"] = "b"

    collected = await condition(True, good, bad)

    assert collected.get_sample_value(CONDITION, labels("", "")) == -1


async def test_a_new_object_counts_zero_and_a_deleted_one_nothing() -> None:
    bench, collected = SealedModule(), CollectorRegistry()
    collected.register(ConditionCollector(bench.cache, omit=False))
    bench.place(sealed_secret({"k": "v"}))
    before = collected.get_sample_value(CONDITION, labels())

    bench.take(OURS)

    assert before == 0
    assert collected.get_sample_value(CONDITION, labels()) is None
