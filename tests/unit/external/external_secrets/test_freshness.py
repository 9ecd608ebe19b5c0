"""The age of the oldest success over all ExternalSecrets; the original's series for each, where they are asked for."""

import pytest

from manager.kube.resources import CLUSTER_EXTERNAL_SECRETS, EXTERNAL_SECRETS
from manager.settings.model import ExternalSettings, Settings
from tests.builders.external_module import ExternalModule

WAITING, OVERDUE, BY_STORE = (f"coffer_external_{each}" for each in ("waiting", "overdue", "store_age_seconds"))
OLDEST, FAILING = "coffer_external_last_success_age_seconds", "coffer_external_not_ready"


def shown(bench: ExternalModule, name: str) -> float | None:
    return bench.stage.context.metrics.registry.get_sample_value(name)


async def test_the_oldest_success_counts_those_without_any(bench: ExternalModule) -> None:
    assert shown(bench, OLDEST) == 0
    bench.store(values={"remote": "x"})
    bench.external("fine")
    await bench.settle()
    bench.pass_by(100)
    bench.external("frozen", refreshInterval="0")
    bench.external("broken", data=[{"secretKey": "k", "remoteRef": {"key": "absent"}}])
    await bench.settle()
    assert (shown(bench, OLDEST), shown(bench, FAILING)) == (100, 1)

    bench.pass_by(1000)
    assert shown(bench, OLDEST) == 1100
    bench.external("fine", refreshInterval="30m")
    await bench.settle()
    assert shown(bench, OLDEST) == 1000, "the one that never had a value"


async def test_the_overdue_are_those_without_a_success_for_two_intervals(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external("fine", refreshInterval="1h")
    bench.external("broken", refreshInterval="1h", data=[{"secretKey": "k", "remoteRef": {"key": "absent"}}])
    bench.external("once", refreshInterval="0")
    await bench.settle()
    assert (shown(bench, WAITING), shown(bench, OVERDUE)) == (2, 0)

    bench.pass_by(7260)
    assert shown(bench, OVERDUE) == 0, "twice the interval and a minute, and not more"
    bench.pass_by(1)
    assert shown(bench, OVERDUE) == 2, "one never had a value, the other was not refreshed while this clock jumped"


@pytest.mark.parametrize(("per_object", "expected"), [(True, 100.0), (False, None)])
async def test_each_store_shows_the_age_of_its_oldest_value(per_object: bool, expected: float | None) -> None:
    bench = ExternalModule(Settings(external=ExternalSettings(object_metrics=per_object)))
    bench.store(values={"remote": "x"})
    bench.external("fine", secretStoreRef={"name": "store"})
    bench.external("orphan", secretStoreRef={"name": "none", "kind": "ClusterSecretStore"})
    await bench.settle()
    bench.pass_by(100)

    def age(kind: str, namespace: str, name: str) -> float | None:
        labels = {"kind": kind, "namespace": namespace, "name": name}
        return bench.stage.context.metrics.registry.get_sample_value(BY_STORE, labels)

    assert age("SecretStore", "ns", "store") == expected, "tenants make them: a series for each is a setting"
    assert age("ClusterSecretStore", "", "none") == 100
    await bench.close()


async def test_the_originals_series_for_every_object_are_a_setting() -> None:
    bench = ExternalModule(Settings(external=ExternalSettings(object_metrics=True)))
    bench.store(values={"remote": "x"})
    bench.external("fine")
    bench.external("broken", secretStoreRef={"name": "none"})
    spec = {"externalSecretSpec": {"data": []}, "namespaces": []}
    bench.put(CLUSTER_EXTERNAL_SECRETS, {"metadata": {"name": "ces"}, "spec": spec})
    await bench.settle()

    def series(kind: str, name: str, namespace: str = "ns") -> list[float | None]:
        read = bench.stage.context.metrics.registry.get_sample_value
        about = {"name": name, "namespace": namespace, "condition": "Ready"}
        return [read(f"{kind}_status_condition", about | {"status": each}) for each in ("True", "False")]

    def counted(metric: str, name: str) -> float | None:
        about = {"name": name, "namespace": "ns"}
        return bench.stage.context.metrics.registry.get_sample_value(f"externalsecret_{metric}", about)

    assert series("externalsecret", "fine") == [1, 0]
    assert counted("sync_calls_total", "fine")
    assert [counted("sync_calls_error", each) for each in ("fine", "broken")] == [None, 1]
    assert counted("reconcile_duration", "fine") == 0, "the clock of this bench stands still"
    assert series("externalsecret", "broken") == [0, 1]
    assert series("secretstore", "store") == [1, 0]
    assert series("clusterexternalsecret", "ces", "") == [1, 0]
    bench.remove(EXTERNAL_SECRETS, "fine")
    await bench.settle()
    assert series("externalsecret", "fine") == [None, None]
    assert {counted(each, "fine") for each in ("sync_calls_total", "reconcile_duration")} == {None}
    await bench.close()


async def test_without_the_setting_no_series_names_an_object(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external("fine")
    await bench.settle()

    assert b"fine" not in bench.stage.context.metrics.render()
