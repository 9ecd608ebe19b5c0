"""The rows of test_external_table.py that need a setting: 13 and 51."""

from tests.builders.manifests import canary, external_secret, fake, meta, store
from tests.e2e.world import World

FLAGS = ("--external-object-metrics=true", "--external-cluster-stores=false")
FORCE = "external-secrets.io/force-sync"


def original_metrics(stage: World, ns: str, name: str) -> dict[str, float]:
    """Return the original's metrics of one ExternalSecret, by name and status."""
    assert stage.coffer is not None
    found = {}
    for series, value in stage.coffer.metrics().items():
        if series.startswith("externalsecret_") and f'namespace="{ns}"' in series and f'name="{name}"' in series:
            status = next((f" {each}" for each in ("True", "False") if f'status="{each}"' in series), "")
            found[series.partition("{")[0].removeprefix("externalsecret_") + status] = value
    return {each: value for each, value in found.items() if not each.endswith("_created")}


def test_13_every_external_secret_has_its_counters(stage: World) -> None:
    ns = stage.namespace()
    stage.apply(store(ns, "store", fake({"remote": canary()})), external_secret(ns, "es", "store", {"k": "remote"}))
    stage.apply(external_secret(ns, "broken", "none", {"k": "remote"}))
    first = stage.await_ready("externalsecrets", ns, "es")
    stage.await_condition("externalsecrets", ns, "broken", "False")
    stage.kube.annotate("externalsecrets", "es", ns, {FORCE: "now"})

    found = stage.kube.wait_until(
        lambda: original_metrics(stage, ns, "es"), lambda each: each.get("sync_calls_total", 0) >= 2
    )

    assert first["reason"] == "SecretSynced"
    assert (found["status_condition True"], found["status_condition False"]) == (1, 0)
    assert found["reconcile_duration"] > 0
    assert "sync_calls_error" not in found
    assert original_metrics(stage, ns, "broken")["sync_calls_error"] >= 1
    stage.kube.delete("externalsecrets", "es", ns)
    stage.kube.wait_until(lambda: original_metrics(stage, ns, "es"), lambda each: not each, what="the series to go")


def test_51_disabled_cluster_stores_and_their_users_stay_as_is(stage: World) -> None:
    ns, value, name = stage.namespace(), canary(), f"row-51-{stage.unique}"
    stage.apply(store("", name, fake({"remote": value})), store(ns, "store", fake({"remote": value})))
    second = {"extract": {"key": "remote"}, "sourceRef": {"storeRef": {"name": name, "kind": "ClusterSecretStore"}}}
    try:
        stage.apply(external_secret(ns, "es", f"cluster/{name}", {"k": "remote"}))
        stage.apply(external_secret(ns, "mixed", "store", {"k": "remote"}, dataFrom=[second]))
        stage.apply({**external_secret(ns, "es", "store", {"k": "remote"}), "metadata": meta(ns, "after")})

        stage.await_data(ns, "after", {"k": value})
        for each in ("es", "mixed"):
            stage.kube.wait_until(lambda each=each: original_metrics(stage, ns, each).get("sync_calls_total", 0) >= 1)
            assert stage.condition("externalsecrets", ns, each) == {}
            assert stage.data(ns, each) is None
            assert "finalizers" not in stage.kube.get("externalsecrets", each, ns)["metadata"]
        assert "status" not in stage.kube.get("clustersecretstores", name)
    finally:
        stage.kube.delete("clustersecretstores", name)
