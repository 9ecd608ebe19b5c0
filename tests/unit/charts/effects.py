"""What each value of the chart does: a row a value, with where its effect is to be seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.version import version

SAME = object()
POD = "Deployment/coffer spec.template.spec"
CONTAINER = f"{POD}.containers[0]"
DEPLOYMENT = "Deployment/coffer metadata"
SERVICE = "Service/sealed-secrets-controller"
METRICS = "Service/coffer-metrics"
BUDGET = "PodDisruptionBudget/coffer spec"
ACCOUNT = "ServiceAccount/coffer"
POLICY = "NetworkPolicy/coffer spec"
MONITORS = (
    ("serviceMonitor", "ServiceMonitor/coffer", "endpoints[0]"),
    ("podMonitor", "PodMonitor/coffer", "podMetricsEndpoints[0]"),
)
BOARD = "ConfigMap/coffer-dashboard-overview"
PEERS = [{"podSelector": {"matchLabels": {"a": "b"}}}]
RULE = {"ports": [{"port": 1}]}
CONTAINER_X = {"name": "x", "image": "x"}
VOLUME, MOUNT = {"name": "v", "emptyDir": {}}, {"name": "v", "mountPath": "/v"}
TLS = {"metrics": {"tls": {"enabled": True, "secretName": "s"}}}
INGRESS = {"ingress": {"enabled": True}}
NETWORK = {"networkPolicy": {"enabled": True}}
DASHBOARDS = {"grafanaDashboard": {"enabled": True}}
RULES = {"metrics": {"rules": {"enabled": True}}}


@dataclass(frozen=True)
class Effect:
    """One row: with `value` at `path`, `place` is `expected`, and by default it is not.

    Args:
        path: of the value.
        value: that is not its default.
        place: as `tests/unit/charts/rendering.py at` reads it.
        expected: what is there; the value itself by default.
        also: values that it needs.
    """

    path: str
    value: Any
    place: str
    expected: Any = SAME
    also: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wanted(self) -> Any:
        """What is at the place."""
        return self.value if self.expected is SAME else self.expected


def flag(path: str, value: Any, at: int, text: str) -> Effect:
    """Return the row of a value that becomes an argument of the process."""
    return Effect(path, value, f"{CONTAINER}.args[{at}]", text)


def monitor(name: str, kind: str, endpoint: str) -> list[Effect]:
    """Return the rows of a monitor of the Prometheus operator."""
    at, on = f"metrics.{name}", {"metrics": {name: {"enabled": True}}}
    rows = {
        "interval": "7s",
        "scrapeTimeout": "5s",
        "honorLabels": True,
        "relabelings": [{"action": "drop"}],
        "metricRelabelings": [{"action": "keep"}],
        "scheme": "https",
        "tlsConfig": {"serverName": "s"},
    }
    return [
        Effect(f"{at}.enabled", True, f"{kind} spec.namespaceSelector.matchNames", ["kube-system"]),
        Effect(f"{at}.namespace", "monitoring", f"{kind} metadata.namespace", also=on),
        Effect(f"{at}.labels", {"a": "b"}, f"{kind} metadata.labels.a", "b", on),
        Effect(f"{at}.annotations", {"a": "b"}, f"{kind} metadata.annotations", also=on),
        Effect(f"{at}.endpoint", {"proxyUrl": "http://p"}, f"{kind} spec.{endpoint}.proxyUrl", "http://p", on),
        *(Effect(f"{at}.{key}", value, f"{kind} spec.{endpoint}.{key}", also=on) for key, value in rows.items()),
    ]


ROLES: tuple[Effect, ...] = (
    Effect("rbac.enabled", False, "ClusterRole/coffer", None),
    Effect(
        "rbac.aggregateToView",
        False,
        f"ClusterRole/coffer-view metadata.labels.{'rbac:authorization:k8s:io/aggregate-to-view'}",
        None,
    ),
    Effect(
        "rbac.aggregateToEdit",
        False,
        f"ClusterRole/coffer-edit metadata.labels.{'rbac:authorization:k8s:io/aggregate-to-edit'}",
        None,
    ),
    Effect(
        "rbac.aggregateToAdmin",
        False,
        f"ClusterRole/coffer-edit metadata.labels.{'rbac:authorization:k8s:io/aggregate-to-admin'}",
        None,
    ),
    Effect("rbac.servicebindings.create", False, "ClusterRole/coffer-servicebindings", None),
    Effect("rbac.apiServerAddresses", False, "Role/coffer-api-server-kube-system", None),
    Effect("service.proxier.create", False, "Role/coffer-service-proxier", None),
    Effect("service.proxier.subjects", [{"kind": "User", "name": "u"}], "RoleBinding/coffer-service-proxier subjects"),
)
GLOBAL: tuple[Effect, ...] = (
    Effect("global.imageRegistry", "reg.example", f"{CONTAINER}.image", f"reg.example/coffer:{version()}"),
    Effect("global.imagePullSecrets", [{"name": "p"}], f"{POD}.imagePullSecrets"),
    Effect("global.commonLabels", {"a": "b"}, f"{DEPLOYMENT}.labels.a", "b"),
    Effect("global.podLabels", {"a": "b"}, "Deployment/coffer spec.template.metadata.labels.a", "b"),
    Effect("global.podAnnotations", {"a": "b"}, "Deployment/coffer spec.template.metadata.annotations.a", "b"),
    Effect("global.nodeSelector", {"a": "b"}, f"{POD}.nodeSelector"),
    Effect("global.tolerations", [{"key": "k"}], f"{POD}.tolerations"),
    Effect("global.affinity", {"nodeAffinity": {}}, f"{POD}.affinity"),
    Effect("global.topologySpreadConstraints", [{"maxSkew": 2}], f"{POD}.topologySpreadConstraints"),
    Effect("global.hostAliases", [{"ip": "192.0.2.1"}], f"{POD}.hostAliases"),
    Effect("global.priorityClassName", "p", f"{POD}.priorityClassName"),
)
RELEASE: tuple[Effect, ...] = (
    flag("modules.sealed", False, 3, "--modules-sealed=false"),
    flag("modules.external", False, 4, "--modules-external=false"),
    flag("modules.reflector", False, 5, "--modules-reflector=false"),
    flag("modules.takeover", True, 6, "--modules-takeover=true"),
    flag("settings", {"external": {"provider_threads": 3}}, 7, "--external-provider-threads=3"),
    Effect("replicaCount", 5, "Deployment/coffer spec.replicas"),
    Effect("image.registry", "reg.example", f"{CONTAINER}.image", f"reg.example/coffer:{version()}"),
    Effect("image.repository", "a/b", f"{CONTAINER}.image", f"a/b:{version()}"),
    Effect("image.tag", "9", f"{CONTAINER}.image", "coffer:9"),
    Effect("image.digest", f"sha256:{'0' * 64}", f"{CONTAINER}.image", f"coffer@sha256:{'0' * 64}"),
    Effect("image.pullPolicy", "Always", f"{CONTAINER}.imagePullPolicy"),
    Effect("imagePullSecrets", [{"name": "p"}], f"{POD}.imagePullSecrets"),
    Effect("configuration.logging.minimumLevel", "Debug", f"{CONTAINER}.env[3].value"),
    Effect("configuration.watcher.timeout", "60", f"{CONTAINER}.env[3].value"),
    Effect("configuration.watcher.excludedNamespaces", "ci-*", f"{CONTAINER}.env[3].value"),
    Effect("configuration.kubernetes.skipTlsVerify", True, f"{CONTAINER}.env[3].value", "true"),
    Effect("namespaceOverride", "elsewhere", f"{DEPLOYMENT}.namespace"),
    Effect("commonLabels", {"a": "b"}, f"{DEPLOYMENT}.labels.a", "b"),
    Effect("commonAnnotations", {"a": "b"}, f"{DEPLOYMENT}.annotations.a", "b"),
    Effect("serviceAccount.create", False, ACCOUNT, None),
    Effect("serviceAccount.name", "own", f"{POD}.serviceAccountName"),
    Effect("serviceAccount.annotations", {"a": "b"}, f"{ACCOUNT} metadata.annotations.a", "b"),
    Effect("serviceAccount.labels", {"a": "b"}, f"{ACCOUNT} metadata.labels.a", "b"),
    Effect("serviceAccount.automount", False, f"{POD}.automountServiceAccountToken"),
    Effect(
        "extraObjects", [{"kind": "X", "metadata": {"name": "{{ .Release.Name }}"}}], "X/coffer metadata.name", "coffer"
    ),
)
SERVICES: tuple[Effect, ...] = (
    Effect("service.name", "s", "Service/s spec.ports[0].name", "http"),
    Effect("service.port", 80, f"{SERVICE} spec.ports[0].port"),
    Effect("service.type", "NodePort", f"{SERVICE} spec.type"),
    Effect("service.nodePort", 30080, f"{SERVICE} spec.ports[0].nodePort"),
    Effect("service.clusterIP", "None", f"{SERVICE} spec.clusterIP"),
    Effect("service.ipFamilyPolicy", "PreferDualStack", f"{SERVICE} spec.ipFamilyPolicy"),
    Effect("service.ipFamilies", ["IPv6", "IPv4"], f"{SERVICE} spec.ipFamilies"),
    Effect("service.annotations", {"a": "b"}, f"{SERVICE} metadata.annotations.a", "b"),
    Effect("service.labels", {"a": "b"}, f"{SERVICE} metadata.labels.a", "b"),
    Effect("ingress.enabled", True, "Ingress/coffer-certificate spec.rules[0].http.paths[0].path", "/v1/cert.pem"),
    Effect("ingress.className", "c", "Ingress/coffer-certificate spec.ingressClassName", also=INGRESS),
    Effect(
        "ingress.hosts",
        ["a.example", "b.example"],
        "Ingress/coffer-certificate spec.rules[1].host",
        "b.example",
        INGRESS,
    ),
    Effect("ingress.tls", [{"hosts": ["a.example"]}], "Ingress/coffer-certificate spec.tls", also=INGRESS),
    Effect("ingress.annotations", {"a": "b"}, "Ingress/coffer-certificate metadata.annotations.a", "b", INGRESS),
    Effect("containerPorts.http", 9080, f"{CONTAINER}.ports[0].containerPort"),
    Effect("containerPorts.metrics", 9081, f"{CONTAINER}.ports[1].containerPort"),
)
METRIC: tuple[Effect, ...] = (
    Effect("metrics.port", 9090, f"{METRICS} spec.ports[0].port"),
    Effect("metrics.scrapeAnnotations", False, "Deployment/coffer spec.template.metadata.annotations", None),
    Effect("metrics.service.enabled", False, METRICS, None),
    Effect("metrics.service.annotations", {"a": "b"}, f"{METRICS} metadata.annotations.a", "b"),
    Effect("metrics.service.labels", {"a": "b"}, f"{METRICS} metadata.labels.a", "b"),
    Effect("metrics.service.ipFamilyPolicy", "SingleStack", f"{METRICS} spec.ipFamilyPolicy"),
    Effect("metrics.service.ipFamilies", ["IPv6"], f"{METRICS} spec.ipFamilies"),
    Effect(
        "metrics.tls.enabled",
        True,
        f"{CONTAINER}.volumeMounts[0].mountPath",
        "/etc/coffer/metrics",
        {"metrics": {"tls": {"secretName": "s"}}},
    ),
    Effect("metrics.tls.secretName", "t", f"{POD}.volumes[0].secret.secretName", also=TLS),
    Effect(
        "metrics.authorization.enabled",
        True,
        "ClusterRole/coffer-metrics-authorization rules[0].resources",
        ["tokenreviews"],
        TLS,
    ),
    Effect(
        "metrics.authorization.subjects",
        [{"kind": "ServiceAccount", "name": "p", "namespace": "m"}],
        "ClusterRoleBinding/coffer-metrics-reader subjects",
        also={"metrics": {**TLS["metrics"], "authorization": {"enabled": True}}},
    ),
    *(row for each in MONITORS for row in monitor(*each)),
    Effect("metrics.rules.enabled", True, "PrometheusRule/coffer spec.groups[0].name", "coffer"),
    Effect("metrics.rules.namespace", "monitoring", "PrometheusRule/coffer metadata.namespace", also=RULES),
    Effect("metrics.rules.labels", {"a": "b"}, "PrometheusRule/coffer metadata.labels.a", "b", RULES),
    Effect("metrics.rules.annotations", {"a": "b"}, "PrometheusRule/coffer metadata.annotations", also=RULES),
    Effect(
        "metrics.rules.runbookUrl",
        "https://runbooks.example/",
        "PrometheusRule/coffer spec.groups[0].rules[0].annotations.runbook_url",
        "https://runbooks.example/coffernoleader",
        RULES,
    ),
    Effect("grafanaDashboard.enabled", True, f"{BOARD} metadata.labels.grafana_dashboard", "1"),
    Effect("grafanaDashboard.namespace", "g", f"{BOARD} metadata.namespace", also=DASHBOARDS),
    Effect("grafanaDashboard.label", "board", f"{BOARD} metadata.labels.board", "1", DASHBOARDS),
    Effect("grafanaDashboard.labelValue", "yes", f"{BOARD} metadata.labels.grafana_dashboard", also=DASHBOARDS),
    Effect("grafanaDashboard.labels", {"a": "b"}, f"{BOARD} metadata.labels.a", "b", DASHBOARDS),
    Effect("grafanaDashboard.annotations", {"a": "b"}, f"{BOARD} metadata.annotations", also=DASHBOARDS),
)
NETWORKS: tuple[Effect, ...] = (
    Effect("networkPolicy.enabled", True, f"{POLICY}.policyTypes", ["Ingress", "Egress"]),
    Effect("networkPolicy.ingress.metricsFrom", PEERS, f"{POLICY}.ingress[0].from", also=NETWORK),
    Effect("networkPolicy.ingress.httpFrom", PEERS, f"{POLICY}.ingress[1].from", also=NETWORK),
    Effect("networkPolicy.egress.dnsTo", PEERS, f"{POLICY}.egress[0].to", also=NETWORK),
    Effect("networkPolicy.egress.dnsPorts", [5353], f"{POLICY}.egress[0].ports[0].port", 5353, NETWORK),
    Effect("networkPolicy.egress.apiServerTo", PEERS, f"{POLICY}.egress[1].to", also=NETWORK),
    Effect("networkPolicy.egress.apiServerPorts", [16443], f"{POLICY}.egress[1].ports[0].port", 16443, NETWORK),
    Effect(
        "networkPolicy.egress.providers",
        ["aws"],
        f"{POLICY}.egress[2].ports",
        [{"port": 443, "protocol": "TCP"}],
        NETWORK,
    ),
    Effect("networkPolicy.egress.providersTo", PEERS, f"{POLICY}.egress[2].to", also=NETWORK),
    Effect("networkPolicy.extraIngress", [RULE], f"{POLICY}.ingress[2]", RULE, NETWORK),
    Effect("networkPolicy.extraEgress", [RULE], f"{POLICY}.egress[3]", RULE, NETWORK),
)
PODS: tuple[Effect, ...] = (
    Effect("openshift.adaptSecurityContext", "force", f"{POD}.securityContext.runAsUser", None),
    Effect("strategy", {"type": "Recreate"}, "Deployment/coffer spec.strategy"),
    Effect("revisionHistoryLimit", 3, "Deployment/coffer spec.revisionHistoryLimit"),
    Effect("terminationGracePeriodSeconds", 60, f"{POD}.terminationGracePeriodSeconds"),
    Effect("podDisruptionBudget.enabled", False, "PodDisruptionBudget/coffer", None),
    Effect("podDisruptionBudget.minAvailable", "50%", f"{BUDGET}.minAvailable"),
    Effect("podDisruptionBudget.maxUnavailable", "30%", f"{BUDGET}.maxUnavailable"),
    Effect("podDisruptionBudget.unhealthyPodEvictionPolicy", "AlwaysAllow", f"{BUDGET}.unhealthyPodEvictionPolicy"),
    Effect("resources", {"limits": {"memory": "1Gi"}}, f"{CONTAINER}.resources.limits.memory", "1Gi"),
    Effect("livenessProbe", {"periodSeconds": 99}, f"{CONTAINER}.livenessProbe.periodSeconds", 99),
    Effect("readinessProbe", {"periodSeconds": 99}, f"{CONTAINER}.readinessProbe.periodSeconds", 99),
    Effect("startupProbe", {"periodSeconds": 99}, f"{CONTAINER}.startupProbe.periodSeconds", 99),
    Effect("podSecurityContext", {"fsGroup": 7}, f"{POD}.securityContext.fsGroup", 7),
    Effect("securityContext", {"privileged": False}, f"{CONTAINER}.securityContext.privileged", False),
    Effect("deploymentAnnotations", {"a": "b"}, f"{DEPLOYMENT}.annotations.a", "b"),
    Effect("podAnnotations", {"a": "b"}, "Deployment/coffer spec.template.metadata.annotations.a", "b"),
    Effect("podLabels", {"a": "b"}, "Deployment/coffer spec.template.metadata.labels.a", "b"),
    Effect("nodeSelector", {"a": "b"}, f"{POD}.nodeSelector"),
    Effect("tolerations", [{"key": "k"}], f"{POD}.tolerations"),
    Effect("affinity", {"nodeAffinity": {}}, f"{POD}.affinity"),
    Effect("topologySpreadConstraints", [{"maxSkew": 2}], f"{POD}.topologySpreadConstraints"),
    Effect("priorityClassName", "p", f"{POD}.priorityClassName"),
    Effect("runtimeClassName", "gvisor", f"{POD}.runtimeClassName"),
    Effect("schedulerName", "s", f"{POD}.schedulerName"),
    Effect("hostNetwork", True, f"{POD}.hostNetwork"),
    Effect("hostUsers", False, f"{POD}.hostUsers"),
    Effect("dnsPolicy", "Default", f"{POD}.dnsPolicy"),
    Effect("dnsConfig", {"searches": ["a"]}, f"{POD}.dnsConfig"),
    Effect("hostAliases", [{"ip": "192.0.2.1"}], f"{POD}.hostAliases"),
    Effect("enableServiceLinks", True, f"{POD}.enableServiceLinks"),
    flag("extraArgs", ["--process-log-level=DEBUG"], 7, "--process-log-level=DEBUG"),
    Effect("extraEnv", [{"name": "E", "value": "1"}], f"{CONTAINER}.env[3].value", "1"),
    Effect("extraEnvFrom", [{"secretRef": {"name": "s"}}], f"{CONTAINER}.envFrom"),
    Effect("initContainers", [CONTAINER_X], f"{POD}.initContainers"),
    Effect("extraContainers", [CONTAINER_X], f"{POD}.containers[1]", CONTAINER_X),
    Effect("volumes", [VOLUME], f"{POD}.volumes"),
    Effect("volumeMounts", [MOUNT], f"{CONTAINER}.volumeMounts"),
    Effect("extraVolumes", [VOLUME], f"{POD}.volumes"),
    Effect("extraVolumeMounts", [MOUNT], f"{CONTAINER}.volumeMounts"),
)
EFFECTS = (*GLOBAL, *RELEASE, *ROLES, *SERVICES, *METRIC, *NETWORKS, *PODS)
TESTED_ELSEWHERE = {
    "crds.install": "test_crds.py",
    "crds.keep": "test_crds.py",
    "crds.annotations": "test_crds.py",
    "crds.takeOwnership": "tests/e2e/test_chart_lifecycle.py: it needs a cluster",
    "rbac.serviceAccountTokens": "test_chart.py",
    "rbac.genericTargets": "test_chart.py",
}
