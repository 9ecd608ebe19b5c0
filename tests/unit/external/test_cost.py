"""What a month costs, by the objects as they stand and by the calls of the last hour."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from external.cost import StoreBill, bills, table
from external.metrics import ExternalMetrics
from external.prices import MONTH_SECONDS
from external.providers.registry import PRICES
from external.push_summaries import MAX_ASKED
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Body, Key
from manager.tables import plain_lines
from tests.builders.api_in_memory import HandClock

STORE = Key(SECRET_STORES, "ns", "store")
CLUSTER = Key(CLUSTER_SECRET_STORES, "", "shared")
KEYS = {"accessKeyIDSecretRef": {"name": "k", "key": "a"}}


def aws(key: Key = STORE, service: str = "SecretsManager", namespace: str = "ns", **more: Any) -> dict[Key, Body]:
    selector = {"name": "keys", "key": "a", **({} if key.namespace else {"namespace": namespace})}
    auth = {"secretRef": {"accessKeyIDSecretRef": selector, "secretAccessKeySecretRef": selector}}
    provider = {"aws": {"service": service, "region": "r", "auth": auth, **more}}
    meta = {"name": key.name, **({"namespace": key.namespace} if key.namespace else {})}
    return {key: {"metadata": meta, "spec": {"provider": provider}}}


def external(name: str, *remotes: Any, namespace: str = "ns", cluster: bool = False, **spec: Any) -> Body:
    """Return an ExternalSecret with an entry a remote reference."""
    reference = {"name": "shared", "kind": "ClusterSecretStore"} if cluster else {"name": "store"}
    data = [
        {"secretKey": f"k{at}", "remoteRef": {"key": each} if isinstance(each, str) else each}
        for at, each in enumerate(remotes)
    ]
    body = {"secretStoreRef": reference, "refreshInterval": "1h", **({"data": data} if data else {}), **spec}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": body}


def bill(stores: dict[Key, Body], *secrets: Body) -> StoreBill:
    (found,) = bills(stores, secrets)
    return found


def test_who_wants_the_same_is_one_call_and_twenty_keys_are_one() -> None:
    found = bill(aws(), *(external(f"es{at}", f"r{at % 40}") for at in range(400)))

    assert (found.secrets, found.keys) == (400, 40)
    assert found.original == 400 * 720
    assert found.calls == 2 * 720
    assert found.price * found.original == pytest.approx(1.44)


def test_the_shortest_interval_of_a_key_counts() -> None:
    found = bill(aws(), external("slow", "r", refreshInterval="1h"), external("fast", "r", refreshInterval="1m"))

    assert found.calls == MONTH_SECONDS / 60
    assert found.original == MONTH_SECONDS / 60 + 720


def test_pinned_versions_tags_and_searches_go_alone() -> None:
    pinned, tags = {"key": "r", "version": "uuid/1"}, {"key": "r", "metadataPolicy": "Fetch"}
    search = external("find", dataFrom=[{"find": {"name": {"regexp": "x"}}}])

    assert bill(aws(), external("es", "a", "b", pinned, tags), search).calls == 4 * 720


def test_two_properties_of_one_secret_are_one_read_for_both() -> None:
    found = bill(aws(), external("es", {"key": "r", "property": "a"}, {"key": "r", "property": "b"}))

    assert (found.original, found.calls) == (720, 720)


@pytest.mark.parametrize("spec", [{"refreshInterval": "0"}, {"refreshPolicy": "CreatedOnce"}])
def test_who_reads_once_costs_nothing_a_month(spec: dict[str, Any]) -> None:
    found = bill(aws(), external("es", "r", **spec))

    assert (found.calls, found.original, found.once) == (0, 0, 1)


def test_where_consumers_are_told_apart_they_share_nothing() -> None:
    stores = aws(CLUSTER, sessionTagsPolicy="Simple")
    both = [external("es", "r", namespace=each, cluster=True) for each in ("a", "b")]

    assert bill(stores, *both).calls == 2 * 720
    assert bill(aws(CLUSTER), *both).calls == 720


def test_stores_are_shown_dearest_first_and_what_is_odd_is_said() -> None:
    stores = aws() | aws(Key(SECRET_STORES, "ns", "parameters"), "ParameterStore")
    parameters = external("p", "r")
    parameters["spec"]["secretStoreRef"]["name"] = "parameters"
    missing = external("m", "r")
    missing["spec"]["secretStoreRef"]["name"] = "gone"
    broken = external("b", "r")
    broken["spec"]["data"] = "no list"

    found = bills(stores, [parameters, external("es", "r", refreshInterval="15s"), missing, broken])
    lines = list(plain_lines(table(found)))

    assert [line.split()[0] for line in lines[:4]] == ["STORE", "ns/store", "ns/gone", "ns/parameters"]
    assert lines[1].split() == ["ns/store", "AWS/SecretsManager", "1", "1", "172,800", "$0.86", "172,800", "$0.86"]
    assert lines[3].split()[2:] == ["1", "1", "720", "-", "720", "-"]
    assert 'ns/store: "r" is read every 15 s; at 5m it would cost 5% of that' in lines
    assert "ns/gone: there is no such store; what names it reads nothing" in lines


def generates(name: str, kind: str, **spec: Any) -> Body:
    entry = {"sourceRef": {"generatorRef": {"kind": kind, "name": "made"}}}
    return external(name, dataFrom=[entry], secretStoreRef=None, **spec)


def test_a_generator_is_asked_when_its_values_end() -> None:
    """external-secrets asks at each refresh: every ten minutes here, and Coffer every eight hours."""
    found = bill({}, *(generates(f"es{at}", "ECRAuthorizationToken", refreshInterval="10m") for at in range(2)))

    assert (found.provider, found.secrets) == ("AWS/ECR", 2)
    assert (found.original, found.calls) == (2 * 4320, 2 * 90)
    shown = list(plain_lines(table([found])))
    assert shown[1].split()[:5] == ["ECRAuthorizationToken", "ns/made", "AWS/ECR", "2", "2"]
    assert len(shown) == 2


def test_a_generator_whose_values_do_not_end_is_asked_at_each_refresh() -> None:
    found = bill({}, generates("es", "Grafana"), generates("other", "Grafana", refreshPolicy="CreatedOnce"))

    assert (found.original, found.calls, found.once) == (720, 720, 1)


def test_interval_zero_replaces_a_token_before_its_end() -> None:
    found = bill({}, generates("es", "GithubAccessToken", refreshInterval="0"))

    assert (found.original, found.calls) == (0, 1080)


@pytest.mark.parametrize("kind", ["Password", "UUID", "ClusterGenerator"])
def test_what_asks_no_service_or_hides_it_has_no_line(kind: str) -> None:
    assert bills({}, [generates("es", kind)]) == []


def test_calls_of_the_last_hour_are_counted_and_priced() -> None:
    registry, clock = CollectorRegistry(), HandClock()
    metrics = ExternalMetrics(registry, clock, PRICES)

    def monthly() -> float | None:
        labels = {"provider": "AWS/SecretsManager"}
        return registry.get_sample_value("coffer_provider_cost_dollars_per_month", labels)

    for _ in range(100):
        metrics.called("AWS/SecretsManager", "GetSecretValue", "success")
    metrics.called("HashiCorp/Vault", "ReadSecretData", "error")
    clock.pass_by(3600)
    assert monthly() == pytest.approx(100 * 720 * 0.05 / 10_000)
    clock.pass_by(120)
    assert monthly() == 0

    labels = {"provider": "AWS/SecretsManager", "call": "GetSecretValue", "status": "success"}
    assert registry.get_sample_value("coffer_provider_calls_total", labels) == 100
    assert registry.get_sample_value("externalsecret_provider_api_calls_count", labels) == 100
    unpriced = {"provider": "HashiCorp/Vault"}
    assert registry.get_sample_value("coffer_provider_cost_dollars_per_month", unpriced) is None


def push(name: str, *remotes: str, interval: str = "1h") -> Body:
    """Return a PushSecret with an entry a remote key."""
    data = [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": each}}} for each in remotes]
    spec = {"secretStoreRefs": [{"name": "store"}], "refreshInterval": interval, "data": data}
    return {"metadata": {"name": name, "namespace": "ns", "generation": 1}, "spec": spec}


def test_pushes_are_compared_by_lists_where_there_are_any() -> None:
    (found,) = bills(aws(), [], [push(f"p{at}", f"r{at}") for at in range(100)])

    assert (found.objects, found.keys) == (100, 0)
    assert found.original == 100 * 720
    assert found.calls == 10 * 720


def test_pushes_are_compared_one_by_one_elsewhere() -> None:
    stores = {STORE: {"metadata": {"name": "store", "namespace": "ns"}, "spec": {"provider": {"vault": {}}}}}
    (found,) = bills(stores, [], [push("p", "a", "b"), push("once", "c", interval="0")])

    calls = found.service.push.calls if found.service.push else 0
    assert calls >= 1
    assert (found.objects, found.calls, found.original) == (2, 2 * calls * 720, 2 * 720)


def test_every_entry_of_a_push_secret_is_counted() -> None:
    """The watch keeps fewer of them."""
    remotes = [f"r{at}" for at in range(3 * MAX_ASKED)]
    (found,) = bills(aws(), [], [push("p", *remotes)])
    assert found.original == len(remotes) * 720
