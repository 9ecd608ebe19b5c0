"""The chart renders, asks for no more rights than its modules need, and its alert rules are valid."""

import itertools
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import build

CHART = Path(__file__).parents[3] / "charts" / "coffer"
MODULES = ("sealed", "external", "reflector")
PROMTOOL = shutil.which("promtool")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(build.binary("helm")), *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@cache
def _rendered(*values: str) -> str:
    sets = [f"--set={value}" for value in ("crds.install=false", *values)]
    done = helm("template", "coffer", str(CHART), "--namespace=kube-system", *sets)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(*values: str) -> list[dict[str, Any]]:
    """Return the chart's objects without its CRDs, which take seconds to parse; `values` are `--set` expressions."""
    return [each for each in yaml.load_all(_rendered(*values), Loader=yaml.CSafeLoader) if each]


def one(manifests: list[dict[str, Any]], kind: str, name: str = "coffer") -> dict[str, Any]:
    (found,) = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def rights(*values: str) -> dict[str, set[str]]:
    """Return resource -> verbs of the ClusterRole."""
    found: dict[str, set[str]] = {}
    for rule in one(rendered(*values), "ClusterRole")["rules"]:
        for resource in rule["resources"]:
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


def only(*modules: str) -> list[str]:
    return [f"modules.{name}={'true' if name in modules else 'false'}" for name in MODULES]


@pytest.mark.parametrize("switches", list(itertools.product([True, False], repeat=3)))
def test_the_chart_renders_with_every_choice_of_modules(switches: tuple[bool, ...]) -> None:
    chosen = [name for name, on in zip(MODULES, switches, strict=True) if on]
    manifests = rendered(*only(*chosen))

    arguments = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    for name in MODULES:
        assert f"--modules-{name}={'true' if name in chosen else 'false'}" in arguments
    services = [each["metadata"]["name"] for each in manifests if each["kind"] == "Service"]
    assert ("sealed-secrets-controller" in services) is ("sealed" in chosen)


def test_the_chart_is_clean() -> None:
    done = helm("lint", "--strict", str(CHART))

    assert done.returncode == 0, done.stdout


def test_no_rule_has_a_wildcard() -> None:
    for each in rendered():
        for rule in each.get("rules") or []:
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]


def test_rights_shrink_with_the_modules() -> None:
    assert rights(*only("sealed")).keys() == {
        "events",
        "deployments",
        "subjectaccessreviews",
        "secrets",
        "sealedsecrets",
        "sealedsecrets/status",
    }
    assert rights(*only("sealed"))["secrets"] == {"get", "list", "watch", "create", "update"}
    assert rights(*only("external"))["configmaps"] == {"get", "list", "watch"}
    assert rights(*only("external"))["passwords"] == rights()["clustergenerators"] == {"get"}
    generic = ("rbac.genericTargets[0].apiGroups[0]=apps", "rbac.genericTargets[0].resources[0]=deployments")
    assert rights(*only("external"), *generic)["deployments"] >= {"get", "list", "watch", "create", "update", "delete"}
    assert rights(*only("external"))["deployments"] == {"list"}
    assert "externalsecrets" not in rights(*only("reflector"))
    assert rights(*only()).keys() == {"events", "deployments", "subjectaccessreviews"}


@pytest.mark.parametrize("text", ["true", "True", "yes", "1"])
def test_tokens_are_reviewed_only_where_they_are_wanted(text: str) -> None:
    assert rights(f"settings.sealed.require_token={text}", *only("sealed"))["tokenreviews"] == {"create"}
    assert "tokenreviews" not in rights()


def test_leases_may_be_changed_by_name_only() -> None:
    create, change = one(rendered(), "Role")["rules"]

    assert create["verbs"] == ["create"]
    assert change["resourceNames"] == ["coffer"]
    (_, renamed) = one(rendered("settings.lease.name=mine"), "Role")["rules"]
    assert renamed["resourceNames"] == ["mine"]


def test_settings_become_flags() -> None:
    manifests = rendered("settings.reflector.provenance=deny", "settings.sealed.key_namespaces={a,b}")

    arguments = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--reflector-provenance=deny" in arguments
    assert "--sealed-key-namespaces=a,b" in arguments


def test_every_value_arrives_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    sealed = {"my_cn": "a: b # c", "key_renew_period": "720h", "skip_recreate": True, "key_size": 4096}
    file.write_text(yaml.safe_dump({"settings": {"sealed": sealed, "modules": {"deletes_per_minute": 1_000_000}}}))

    done = helm("template", "coffer", str(CHART), f"--values={file}")

    assert done.returncode == 0, done.stderr
    manifests = [each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each]
    arguments = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert set(arguments) >= {
        "--sealed-my-cn=a: b # c",
        "--sealed-key-renew-period=720h",
        "--sealed-skip-recreate=true",
        "--sealed-key-size=4096",
        "--modules-deletes-per-minute=1000000",
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("settings.process.instance=me", "two replicas of one name"),
        ("settings.lease.enabled=false", "set replicaCount to 1"),
        ("settings.modules.sealed=false", "use modules.sealed"),
    ],
)
def test_what_would_make_two_writers_or_wrong_rights_is_refused(value: str, said: str) -> None:
    done = helm("template", "coffer", str(CHART), f"--set={value}")

    assert done.returncode != 0
    assert said in done.stderr


def test_a_single_replica_may_do_without_an_election() -> None:
    rendered("settings.lease.enabled=false", "replicaCount=1")


def test_the_pod_is_restricted() -> None:
    pod = one(rendered(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_service_is_what_kubeseal_looks_for() -> None:
    service = one(rendered(), "Service", "sealed-secrets-controller")
    role = one(rendered(), "Role", "coffer-service-proxier")

    assert service["spec"]["ports"][0]["name"] == "http"
    assert "http:sealed-secrets-controller:http" in role["rules"][1]["resourceNames"]
    kinds = [each["metadata"]["name"] for each in rendered("service.proxier.create=false") if each["kind"] == "Role"]
    assert "coffer-service-proxier" not in kinds


def roles(*values: str) -> dict[tuple[str, str], dict[str, set[str]]]:
    """Return (namespace, name) -> resource -> verbs of every Role that is bound to Coffer, and of the ClusterRole."""
    manifests = rendered(*values)
    bound = {
        (each["kind"].removesuffix("Binding"), each["metadata"].get("namespace", ""), each["roleRef"]["name"])
        for each in manifests
        if each["kind"] in {"RoleBinding", "ClusterRoleBinding"}
        if each["subjects"] == [{"kind": "ServiceAccount", "name": "coffer", "namespace": "kube-system"}]
    }
    found: dict[tuple[str, str], dict[str, set[str]]] = {}
    for each in manifests:
        role = (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for rule in each["rules"] if role in bound else ():
            for resource in rule["resources"]:
                found.setdefault(role[1:], {}).setdefault(resource, set()).update(rule["verbs"])
    return found


def test_the_api_servers_addresses_are_read_unless_they_are_given() -> None:
    assert roles()["default", "coffer-api-server-kube-system"] == {"endpointslices": {"get"}}
    key = ("default", "coffer-api-server-kube-system")
    for each in ("settings.sealed.proxies={10.0.0.0/8}", "modules.sealed=false"):
        assert key in roles(each), "no store of a tenant may lead there"
        assert key not in roles(each, "modules.external=false")
    assert key not in roles("rbac.apiServerAddresses=false")


def test_monitoring_objects_come_when_asked_for() -> None:
    kinds = {each["kind"] for each in rendered("metrics.serviceMonitor.enabled=true", "metrics.rules.enabled=true")}

    assert {"ServiceMonitor", "PrometheusRule"} <= kinds
    assert not {"ServiceMonitor", "PrometheusRule"} & {each["kind"] for each in rendered()}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)")
def test_the_alert_rules_are_valid_and_fire(tmp_path: Path) -> None:
    rules = CHART / "files" / "rules.yaml"
    test = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": 'coffer_leader{pod="a"}', "values": "1x4 0x10"},
                    {
                        "series": 'sealed_secrets_controller_unseal_errors_total{reason="update",namespace="test"}',
                        "values": "0x5 1+1x10",
                    },
                ],
                "alert_rule_test": [
                    {"eval_time": "4m", "alertname": "CofferNoLeader"},
                    {"eval_time": "5m", "alertname": "SealedSecretsUnsealErrorHigh"},
                    {
                        "eval_time": "10m",
                        "alertname": "CofferNoLeader",
                        "exp_alerts": [
                            {
                                "exp_labels": {"severity": "critical"},
                                "exp_annotations": annotations(rules, "CofferNoLeader"),
                            }
                        ],
                    },
                ],
            }
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(test))

    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr


def annotations(rules: Path, alert: str) -> dict[str, str]:
    (group,) = yaml.safe_load(rules.read_text())["groups"]
    (found,) = [each for each in group["rules"] if each["alert"] == alert]
    result: dict[str, str] = found["annotations"]
    return result


def values_of_reflector() -> dict[str, Any]:
    """Return every value of kubernetes-reflector's chart that has a place here, none as it is by default."""
    probe = {"httpGet": {"path": "/health/live", "port": "http"}, "timeoutSeconds": 10, "initialDelaySeconds": 5}
    return {
        "replicaCount": 3,
        "image": {"repository": "example.com/r", "pullPolicy": "Always", "tag": "1"},
        "imagePullSecrets": [{"name": "pull"}],
        "namespaceOverride": "elsewhere",
        "configuration": {
            "logging": {"minimumLevel": "Debug"},
            "watcher": {"timeout": "60", "excludedNamespaces": "ci-*,tmp-*"},
            "kubernetes": {"skipTlsVerify": True},
        },
        "rbac": {"enabled": True},
        "serviceAccount": {"create": True, "annotations": {"a": "b"}, "name": "own"},
        "podAnnotations": {"p": "a"},
        "podLabels": {"p": "l"},
        "extraEnv": [{"name": "E", "value": "1"}],
        "podSecurityContext": {"fsGroup": 2000},
        "securityContext": {"runAsUser": 1000},
        "livenessProbe": probe,
        "readinessProbe": probe,
        "startupProbe": probe,
        "resources": {"limits": {"memory": "1Gi"}},
        "nodeSelector": {"n": "s"},
        "tolerations": [{"key": "t"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 2}],
        "priorityClassName": "p",
        "volumes": [{"name": "v", "emptyDir": {}}],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    }


def test_the_values_of_reflectors_chart_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values_of_reflector()))
    done = helm("template", "coffer", str(CHART), f"--values={file}", "--namespace=kube-system")
    assert done.returncode == 0, done.stderr
    manifests = [each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each]

    places = {(each["kind"], each["metadata"].get("namespace")) for each in manifests}
    abroad = {("Role", "default"), ("RoleBinding", "default")}  # where the API server publishes its addresses
    assert {namespace for _, namespace in places - abroad} <= {None, "elsewhere"}
    deployment = one(manifests, "Deployment")["spec"]
    pod, (container,) = deployment["template"]["spec"], deployment["template"]["spec"]["containers"]
    assert (deployment["replicas"], pod["serviceAccountName"], container["image"]) == (3, "own", "example.com/r:1")
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert (
        environment.items()
        >= {
            "ES_Serilog__MinimumLevel__Default": "Debug",
            "ES_Reflector__Watcher__ExcludedNamespaces": "ci-*,tmp-*",
            "ES_Reflector__Watcher__Timeout": "60",
            "ES_Ignite__KubernetesClient__SkipTlsVerify": "true",
            "E": "1",
        }.items()
    )
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
        "fsGroup": 2000,
    }
    assert container["securityContext"]["runAsUser"] == 1000
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert pod["topologySpreadConstraints"] == [{"maxSkew": 2}]
    assert (pod["volumes"][0]["name"], container["volumeMounts"][0]["mountPath"]) == ("v", "/v")


def test_without_rbac_no_role_is_made() -> None:
    kinds = {each["kind"] for each in rendered("rbac.enabled=false")}

    assert "ServiceAccount" in kinds
    assert not {kind for kind in kinds if "Role" in kind}
