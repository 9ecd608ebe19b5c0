"""Values that nobody reads are refused, and users keep the rights that they have on their namespaces."""

import itertools
import json
import re
from pathlib import Path

import pytest
import yaml

from tests.conformance.charts import nested
from tests.controller import CRDS
from tests.unit.charts import rendering
from tests.unit.charts.test_chart import CHART, MODULES, helm, one, only, rendered
from tools import chart_originals, chart_readme, chart_schema, chart_values

REFUSED = [
    ("modules.seald=false", "additional properties 'seald' not allowed"),
    ("rbac.create=false", "rbac.create of sealed-secrets and external-secrets: here rbac.enabled"),
    ("settings.reflector.provenence=deny", "additional properties 'provenence' not allowed"),
    ("settings.reflectr.provenance=deny", "additional properties 'reflectr' not allowed"),
    ("settings.process.listen=:9090", "additional properties 'listen' not allowed"),
    ("settings.process.listen_metrics=:9091", "additional properties 'listen_metrics' not allowed"),
    ("replicaCount=two", "got string, want integer"),
    ("installCRDs=false", "installCRDs of external-secrets: here crds.install"),
    ("service.prt=80", "additional properties 'prt' not allowed"),
    ("settings.sealed.key_size=[]", "want integer"),
    ("settings.sealed.key_size=many", "does not match pattern"),
    ("settings.sealed.key_renew_period=30days", "does not match pattern"),
    ("settings.sealed.read_timeout=5", "want string"),
    ("settings.sealed.repair_drift=perhaps", "does not match pattern"),
    ("settings.sealed.proxies=nets", "does not match pattern"),
    ("settings.external.egress_allowed={127.0.0.1/x}", "does not match pattern"),
    ("settings.external.concurrency=0", "exclusiveMinimum"),
    ("settings.reflector.provenance=maybe", "value must be one of 'warn', 'deny', 'allow'"),
    ("settings.process.log_level=loud", "value must be one of"),
    ("image.repository=emberstack/kubernetes-reflector", "image.repository"),
    ("cron.enabled=true", "cron.enabled of reflector: no counterpart: Coffer watches"),
    ("autoscaling.enabled=true", "autoscaling.enabled of reflector"),
    ("nameOverride=other", "external-secrets and reflector: no counterpart: the names of Coffer's objects"),
    ("fullnameOverride=other", "fullnameOverride of sealed-secrets: here service.name"),
    ("extraArgs.loglevel=debug", "extraArgs of external-secrets: no counterpart"),
    ("podSecurityContext.enabled=true", "podSecurityContext.enabled of sealed-secrets and external-secrets"),
    ("log.lvel=debug", "at '/log': additional properties 'lvel' not allowed"),
    ("revisionHistoryLimit=many", "does not match pattern"),
    ("metrics.serviceMonitor.intervall=1s", "additional properties 'intervall' not allowed"),
    ("image.pullPolicy=Sometimes", "value must be one of 'Always', 'IfNotPresent', 'Never'"),
    ("image.digest=sha256:1", "does not match pattern"),
    ("openshift.adaptSecurityContext=yes", "value must be one of 'auto', 'force', 'disabled'"),
    ("hostUsers=maybe", "value must be one of true, false, ''"),
    ("service.port=0", "minimum"),
    ("podDisruptionBudget.minAvailable=many", "does not match pattern"),
    ("metrics.podMonitor.interval=often", "does not match pattern"),
    ("settings.process.metrics_authorization=true", "additional properties 'metrics_authorization' not allowed"),
    ("metrics.tls.enabled=true", "metrics.tls.secretName: name the Secret"),
    ("metrics.authorization.enabled=true", "metrics.authorization.enabled: needs metrics.tls.enabled"),
    ("networkPolicy.enabled=true,networkPolicy.egress.providers={vaul}", "vaul is not served; served: "),
    ("ingress.enabled=true,modules.sealed=false", "ingress.enabled: needs modules.sealed"),
    ("metrics.serviceMonitor.enabled=true,metrics.service.enabled=false", "or use metrics.podMonitor"),
    ("podDisruptionBudget.minAvailable=1,podDisruptionBudget.maxUnavailable=2", "not both"),
]


@pytest.mark.parametrize(("value", "says"), REFUSED)
def test_a_value_that_cannot_work_is_refused(value: str, says: str) -> None:
    how = "--set-json" if value.endswith("[]") else "--set"

    done = helm("template", "coffer", str(CHART), f"{how}={value}")

    assert done.returncode != 0
    assert says in done.stderr


def test_the_values_of_reflectors_chart_are_taken_as_they_are(tmp_path: Path) -> None:
    """Those of its own values file, but for its image."""
    values = {
        "configuration": {"logging": {"minimumLevel": "Information"}, "watcher": {"excludedNamespaces": "a"}},
        "serviceAccount": {"create": True, "annotations": {}, "name": ""},
        "rbac": {"enabled": True},
        "nameOverride": "",
        "fullnameOverride": "",
        "cron": {"enabled": False, "schedule": "*/15 * * * *"},
        "autoscaling": {"enabled": False, "minReplicas": 1},
        "podSecurityContext": {"fsGroup": 2000},
    }
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))

    done = helm("template", "coffer", str(CHART), f"--values={tmp_path / 'values.yaml'}")

    assert done.returncode == 0, done.stderr
    manifests = [each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each]
    assert one(manifests, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "coffer"
    assert one(manifests, "ServiceAccount")["metadata"]["name"] == "coffer"
    subjects = one(manifests, "ClusterRoleBinding")["subjects"]
    assert [each["name"] for each in subjects] == ["coffer"]


def test_every_foreign_value_is_refused_with_its_reason_in_one_message(tmp_path: Path) -> None:
    odd = {"map": {"a": 1}, "bool": True}
    rows = chart_originals.refused()
    deepest_first = sorted(rows, key=lambda row: -row.path.count("."))
    given = nested({row.path: odd.get(row.kind, "odd") for row in deepest_first})
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(given))

    done = helm("template", "coffer", str(CHART), f"--values={tmp_path / 'values.yaml'}")

    assert done.returncode != 0
    assert "`coffer migrate values` translates a whole file" in done.stderr
    said = done.stderr.splitlines()
    assert [f"  {row.says}" for row in rows] == [line for line in said if line.startswith("  ")]


def test_a_foreign_value_that_asks_for_nothing_passes() -> None:
    """Values files of other charts name all of their values."""
    rows = [row for row in chart_originals.refused() if row.harmless]
    outer = [row for row in rows if not any(row.path.startswith(f"{each.path}.") for each in rows)]
    rounds = range(max(len(row.harmless) for row in outer))
    cases = {
        f"round-{at}": nested({row.path: json.loads(row.harmless[at % len(row.harmless)]) for row in outer})
        for at in rounds
    }

    assert all(rendering.many(cases).values())


def test_the_schema_of_the_values_follows_from_values_and_settings() -> None:
    assert chart_schema.FILE.read_text() == chart_schema.rendered(), "run make crds"


def test_the_readme_of_the_chart_follows_from_the_values() -> None:
    page = chart_readme.rendered()

    assert chart_readme.FILE.read_text() == page, "run make docs"
    for each in chart_values.values(chart_values.VALUES.read_text()):
        assert not each.leaf or f"| `{each.path}` |" in page


@pytest.mark.parametrize("switches", list(itertools.product([True, False], repeat=3)))
def test_users_may_do_with_our_kinds_what_they_may_do_with_their_namespace(switches: tuple[bool, ...]) -> None:
    sealed, external, _ = switches
    chosen = [name for name, on in zip(MODULES, switches, strict=True) if on]
    manifests = rendered(*only(*chosen))
    roles = {each["metadata"]["name"]: each for each in manifests if each["kind"] == "ClusterRole"}

    if not (sealed or external):
        assert "coffer-view" not in roles
        return
    view, edit = roles["coffer-view"], roles["coffer-edit"]
    seen = {resource for rule in view["rules"] for resource in rule["resources"]}
    assert ("sealedsecrets" in seen) is sealed
    assert ({"externalsecrets", "secretstores", "clustersecretstores", "passwords"} <= seen) is external
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    written = {resource for rule in edit["rules"] for resource in rule["resources"]}
    assert written == {name for name in seen if not name.startswith("cluster")} - {"generatorstates"}
    assert not {"secrets", "configmaps"} & (seen | written), "these roles have their own rules for them"
    into = [name for name in view["metadata"]["labels"] if "aggregate-to" in name]
    assert [name.rpartition("-")[2] for name in into] == ["view", "edit", "admin"]


def test_users_may_see_every_kind_that_has_a_crd() -> None:
    (view,) = [each for each in rendered() if each["metadata"]["name"] == "coffer-view"]

    seen = {f"{name}.{rule['apiGroups'][0]}" for rule in view["rules"] for name in rule["resources"]}
    assert seen == {
        name for file in CRDS.glob("*.yaml") for name in re.findall(r"(?m)^  name: (\S+)$", file.read_text())
    }


def test_aggregated_roles_can_be_left_out() -> None:
    off = [f"rbac.aggregateTo{role}=false" for role in ("View", "Edit", "Admin")]
    names = {each["metadata"]["name"] for each in rendered(*off, "rbac.servicebindings.create=false")}

    assert not {"coffer-view", "coffer-edit", "coffer-servicebindings"} & names
