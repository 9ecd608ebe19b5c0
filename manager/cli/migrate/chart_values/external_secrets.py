"""The values of external-secrets' chart."""

from dataclasses import replace

from manager.cli.migrate.chart_values import conversions as to
from manager.cli.migrate.chart_values import reasons
from manager.cli.migrate.chart_values.rules import Rule, beneath, same, table, unneeded

NO_WEBHOOK = "Coffer has no webhook: the CRDs check objects when they are written"
LEADS = "replicas always elect a leader"
TIMES = "times are written as RFC 3339"
PUSH = "this version pushes no secrets: keep the original for PushSecrets"
SCOPE = "Roles follow from `scope`"
MONITOR_DEFAULTS = {
    "namespace": "",
    "interval": "30s",
    "scrapeTimeout": "25s",
    "honorLabels": False,
    "metricRelabelings": [],
    "relabelings": [],
}
POD = (
    *same("nodeSelector", "affinity", "strategy", "dnsConfig", "deploymentAnnotations", "podAnnotations", "podLabels"),
    *same("commonLabels", default={}),
    *same("tolerations", "topologySpreadConstraints", "hostAliases", "imagePullSecrets", "extraEnv", "extraObjects"),
    *same("extraVolumes", "extraVolumeMounts", "extraContainers", "hostUsers"),
    *same("priorityClassName", "runtimeClassName", "schedulerName", "namespaceOverride", default=""),
    *same("hostNetwork", default=False),
    *same("revisionHistoryLimit", default=10),
    *same("replicaCount", default=1),
    *same("dnsPolicy", default="ClusterFirst"),
    Rule("extraInitContainers", "initContainers"),
    Rule("resources", "resources", reasons.SIZED),
    Rule("podSecurityContext", "podSecurityContext"),
    Rule("podSecurityContext.enabled", "", reasons.CONTEXT, default=True),
    Rule(
        "securityContext",
        "securityContext",
        default={
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    ),
    Rule("securityContext.enabled", "", reasons.CONTEXT, default=True),
    Rule("podSpecExtra", "", "only the fields of a Pod that the chart names can be set"),
    *unneeded(
        "Coffer's probes have timings and ports of their own",
        *(f"{kind}Probe{name}" for kind in ("liveness", "readiness", "startup") for name in ("", ".enabled", ".spec")),
    ),
    *same("podDisruptionBudget.enabled", default=False),
    *same("podDisruptionBudget.minAvailable", default=1),
    *same("podDisruptionBudget.maxUnavailable"),
    *unneeded(reasons.NAMES, "podDisruptionBudget.nameOverride", "nameOverride", "fullnameOverride", default=""),
)
SHARED = (
    *same(*(f"global.{each}" for each in ("nodeSelector", "affinity", "podLabels", "podAnnotations"))),
    *same(*(f"global.{each}" for each in ("tolerations", "topologySpreadConstraints", "hostAliases"))),
    *same("global.imagePullSecrets"),
    Rule("global.repository", "", reasons.MIRROR, default=""),
    Rule("global.compatibility.openshift.adaptSecurityContext", "openshift.adaptSecurityContext", default="auto"),
)
IMAGE = (
    Rule("image.repository", "", reasons.MIRROR, default="ghcr.io/external-secrets/external-secrets"),
    *same("image.pullPolicy", default="IfNotPresent"),
    *unneeded(reasons.OWN_IMAGE, "image.tag", "image.flavour", default=""),
)
CONTROLLER = (
    Rule("controllerClass", "settings.external.controller_class", default=""),
    Rule("concurrent", "settings.external.concurrency", default=1),
    Rule("storeRequeueInterval", "settings.external.store_requeue_interval", default="", convert=to.seconds),
    Rule("processClusterStore", "settings.external.cluster_stores", default=True),
    Rule("processClusterExternalSecret", "", "the module external handles all of its kinds", default=True),
    Rule("processSecretStore", "", "the module external handles all of its kinds", default=True),
    Rule("processClusterGenerator", "", "the module external handles all of its kinds", default=True),
    *unneeded(PUSH, "processPushSecret", "processClusterPushSecret", default=True),
    Rule("scopedNamespace", "scope", "it limits all modules of the release", default="", convert=to.in_a_list),
    *unneeded(SCOPE, "scopedRBAC", default=False),
    Rule(
        "genericTargets.enabled",
        "settings.external.generic_targets",
        default=False,
        convert=to.generic_targets,
    ),
    Rule(
        "genericTargets.resources",
        "rbac.genericTargets",
        "Coffer gets the verbs that it needs",
        convert=to.target_rights,
    ),
    Rule("log.level", "settings.process.log_level", default="info", convert=to.log_level),
    *unneeded(TIMES, "log.timeEncoding", default="epoch"),
    Rule("createOperator", "", "`coffer crds apply` installs CRDs without a release", default=True),
    Rule("extendedMetricLabels", "", "metrics carry no labels of the objects", default=False),
    *unneeded(LEADS, "leaderElect", default=False),
    *unneeded("the Lease is settings.lease.name", "leaderElectionID", default=""),
    Rule("leaderElectionLeaseDuration", "settings.lease.duration", default="", convert=to.seconds),
    Rule("leaderElectionRenewDeadline", "settings.lease.renew_deadline", default="", convert=to.seconds),
    Rule("leaderElectionRetryPeriod", "settings.lease.retry", default="", convert=to.seconds),
    *unneeded("the metrics are served by HTTP/1.1", "enableHTTP2", default=False),
    *unneeded("Coffer logs in once for each identity, and keeps the token", "vault"),
    Rule("bitwarden-sdk-server.enabled", "", "install that chart by itself", default=False),
    *unneeded("it belongs to a chart of its own", "bitwarden-sdk-server", silent=True),
)
FLAGS: tuple[Rule, ...] = (
    Rule("loglevel", "settings.process.log_level", convert=to.log_level),
    Rule("concurrent", "settings.external.concurrency", convert=to.number),
    Rule("controller-class", "settings.external.controller_class"),
    Rule("store-requeue-interval", "settings.external.store_requeue_interval", convert=to.seconds),
    Rule("enable-cluster-store-reconciler", "settings.external.cluster_stores", convert=to.truth),
    Rule("unsafe-allow-generic-targets", "settings.external.generic_targets", convert=to.truth),
    Rule("enable-generator-state", "settings.external.generator_state", convert=to.truth),
    Rule("generator-gc-grace-period", "settings.external.generator_gc_grace_period", convert=to.seconds),
    Rule("template-left-delimiter", "settings.external.template_left_delimiter"),
    Rule("template-right-delimiter", "settings.external.template_right_delimiter"),
    *unneeded(LEADS, "enable-leader-election"),
    *unneeded(TIMES, "zap-time-encoding"),
)
ARGUMENTS = (
    Rule("extraArgs", "", "Coffer's arguments are others: see docs/settings.md", even_empty=True),
    *(replace(each, path=f"extraArgs.{each.path}", even_empty=True) for each in FLAGS),
)
INSTALLED = (
    Rule("installCRDs", "crds.install", default=True),
    *same("crds.annotations"),
    *unneeded(
        "the CRDs of a module come together; crds.install leaves all of them out",
        *("crds.createClusterExternalSecret", "crds.createClusterSecretStore", "crds.createSecretStore"),
        *("crds.createClusterGenerator", "crds.createClusterPushSecret", "crds.createPushSecret"),
        default=True,
    ),
    *unneeded("the CRDs need no conversion", "crds.conversion.enabled", default=False),
    Rule(
        "crds.unsafeServeV1Beta1",
        "",
        "our CRDs serve v1 only: change the clients first",
        default=False,
    ),
    *beneath("serviceAccount", "serviceAccount", {"create": True, "automount": True}),
    Rule("serviceAccount.name", "serviceAccount.name", reasons.ACCOUNT, default=""),
    Rule(
        "serviceAccount.annotations",
        "serviceAccount.annotations",
        reasons.IDENTITY,
    ),
    Rule("serviceAccount.extraLabels", "serviceAccount.labels"),
    Rule("rbac.create", "rbac.enabled", default=True),
    Rule("rbac.serviceAccountTokenCreate", "rbac.serviceAccountTokens", default=True),
    *same("rbac.servicebindings.create", "rbac.aggregateToView", "rbac.aggregateToEdit", default=True),
    *same("rbac.aggregateToAdmin", default=True),
    *unneeded("the roles have these rights", "openshiftFinalizers", default=True),
    Rule("systemAuthDelegator", "", "bind system:auth-delegator to the ServiceAccount, by extraObjects", default=False),
)
OBSERVED = (
    Rule("serviceMonitor.enabled", "metrics.serviceMonitor.enabled", default=False),
    *unneeded("the ServiceMonitor is always rendered", "serviceMonitor.renderMode", default="skipIfMissing"),
    Rule("serviceMonitor.additionalLabels", "metrics.serviceMonitor.labels"),
    *beneath("serviceMonitor", "metrics.serviceMonitor", MONITOR_DEFAULTS),
    Rule("metrics.listen.port", "containerPorts.metrics", default=8080),
    Rule("metrics.listen.secure.enabled", "", "set metrics.tls, whose certificate comes from a Secret", default=False),
    *unneeded("metrics.tls takes the certificate from a Secret", "metrics.listen.secure", silent=True),
    Rule("metrics.listen.auth", "", "set metrics.tls and metrics.authorization"),
    *same("metrics.service.enabled", default=False),
    Rule("metrics.service.port", "metrics.port", default=8080),
    *same("metrics.service.annotations"),
    Rule("service.ipFamilyPolicy", "metrics.service.ipFamilyPolicy", default=""),
    Rule("service.ipFamilies", "metrics.service.ipFamilies"),
    *same("grafanaDashboard.enabled", default=False),
    Rule("grafanaDashboard.sidecarLabel", "grafanaDashboard.label", default="grafana_dashboard"),
    Rule("grafanaDashboard.sidecarLabelValue", "grafanaDashboard.labelValue", default="1"),
    *same("grafanaDashboard.annotations"),
    Rule("grafanaDashboard.extraLabels", "grafanaDashboard.labels"),
    *unneeded("set metrics.serviceMonitor", "prometheus"),
    Rule("networkPolicy", "", "see networkPolicy in Coffer's chart"),
    *same("networkPolicy.enabled", default=False),
    Rule("networkPolicy.controller.ingressFrom", "networkPolicy.ingress.metricsFrom"),
    Rule("networkPolicy.controller.egressTo", "networkPolicy.extraEgress"),
)
GONE = unneeded(NO_WEBHOOK, "webhook", "certController", "networkPolicy.webhook", "networkPolicy.certController")
TABLE = table("external-secrets", "2.9.0", POD, SHARED, IMAGE, CONTROLLER, ARGUMENTS, INSTALLED, OBSERVED, GONE)
