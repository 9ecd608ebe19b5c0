"""The values of sealed-secrets' chart."""

from manager.cli.migrate.chart_values import conversions as to
from manager.cli.migrate.chart_values import reasons
from manager.cli.migrate.chart_values.rules import Rule, beneath, same, table, unneeded

NO_PACE = "the API server paces requests"
OWN_ROLES = "the chart chooses the roles: Roles in settings.sealed.additional_namespaces if the other modules are off"
OWN_TLS = "put the certificate into a Secret, and name it in ingress.tls"
ALERTS = "metrics.rules has Coffer's own alerts"
FIXED_PATH = "the Ingress serves /v1/cert.pem only"
TIMINGS = {
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "successThreshold": 1,
}
RESTRICTED = {"seccompProfile": {"type": "RuntimeDefault"}, "allowPrivilegeEscalation": False}
RELEASE = (
    *unneeded("helm tells the version of the cluster", "kubeVersion", default=""),
    *unneeded("set service.name to the name of the original's Service", "nameOverride", default=""),
    Rule(
        "fullnameOverride",
        "service.name",
        "kubeseal asks for this Service; other names are fixed",
        default="",
    ),
    Rule("namespace", "namespaceOverride", default=""),
    Rule("extraDeploy", "extraObjects", "templates in it may use what only the original's chart defines"),
    *same("commonAnnotations", "commonLabels"),
    Rule("image.registry", "image.registry", "Coffer's image must be there", default="docker.io"),
    Rule("image.repository", "", reasons.MIRROR, default="bitnami/sealed-secrets-controller"),
    *unneeded(reasons.OWN_IMAGE, "image.tag"),
    *same("image.pullPolicy", default="IfNotPresent"),
    Rule("image.pullSecrets", "imagePullSecrets", convert=to.names),
    Rule("createController", "", "`coffer crds apply` installs CRDs without a release", default=True),
)
CONTROLLER = (
    Rule("secretName", "settings.sealed.key_prefix", default="sealed-secrets-key"),
    Rule("updateStatus", "settings.sealed.update_status", default=True),
    Rule("skipRecreate", "settings.sealed.skip_recreate", default=False),
    Rule("keyrenewperiod", "settings.sealed.key_renew_period", default=""),
    Rule("keyttl", "settings.sealed.key_ttl", default=""),
    Rule("keycutofftime", "settings.sealed.key_cutoff_time", default=""),
    Rule("rateLimit", "settings.sealed.rate_limit", default=""),
    Rule("rateLimitBurst", "settings.sealed.rate_limit_burst", default=""),
    Rule("additionalNamespaces", "settings.sealed.additional_namespaces"),
    Rule("privateKeyAnnotations", "settings.sealed.privatekey_annotations", convert=to.pairs),
    Rule("privateKeyLabels", "settings.sealed.privatekey_labels", convert=to.pairs),
    Rule("logLevel", "settings.process.log_level", default="", convert=to.log_level),
    Rule("logFormat", "settings.process.log_format", default=""),
    *unneeded("all logs go to standard output", "logInfoStdout", default=False),
    *unneeded("Coffer never gives up", "maxRetries", default=""),
    *unneeded("sealing keys are always watched", "watchForSecrets", default=False),
    *unneeded(NO_PACE, "kubeClientQPS", "kubeClientBurst", default=""),
    Rule("command", "", "Coffer's image has one program"),
    Rule("args", "extraArgs", "Coffer reads the original's flags", convert=to.arguments),
)
PROBES = (
    *beneath("livenessProbe", "livenessProbe", TIMINGS),
    *beneath("readinessProbe", "readinessProbe", TIMINGS),
    *beneath("startupProbe", "startupProbe", TIMINGS),
    *unneeded(reasons.PROBES, "livenessProbe.enabled", "readinessProbe.enabled", default=True),
    *unneeded(reasons.PROBES, "startupProbe.enabled", default=False),
    Rule("customLivenessProbe", "", "set livenessProbe: Coffer answers /healthz"),
    Rule("customReadinessProbe", "", "set readinessProbe: Coffer answers /readyz"),
    Rule("customStartupProbe", "", "set startupProbe: Coffer answers /healthz"),
)
POD = (
    Rule("revisionHistoryLimit", "revisionHistoryLimit", default="", convert=to.number),
    Rule("resources", "resources", reasons.SIZED, default={"limits": {}, "requests": {}}),
    Rule("podSecurityContext", "podSecurityContext", default={"fsGroup": 65534}),
    Rule("podSecurityContext.enabled", "", reasons.CONTEXT, default=True),
    Rule(
        "containerSecurityContext",
        "securityContext",
        default={
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 1001,
            "capabilities": {"drop": ["ALL"]},
            **RESTRICTED,
        },
    ),
    Rule("containerSecurityContext.enabled", "", reasons.CONTEXT, default=True),
    *same("podLabels", "podAnnotations", "affinity", "nodeSelector", "tolerations", "hostUsers"),
    *same("priorityClassName", "runtimeClassName", "dnsPolicy", default=""),
    Rule("additionalVolumes", "volumes"),
    Rule("additionalVolumeMounts", "volumeMounts"),
    *same("hostNetwork", default=False),
    *same("containerPorts.http", default=8080),
    *same("containerPorts.metrics", default=8081),
    Rule("hostPorts", "", "Coffer opens no ports of the node: use hostNetwork", {"http": "", "metrics": ""}),
    Rule("pdb.create", "podDisruptionBudget.enabled", default=False),
    Rule("pdb.minAvailable", "podDisruptionBudget.minAvailable", default=1),
    Rule("pdb.maxUnavailable", "podDisruptionBudget.maxUnavailable", default=""),
)
REACHED = (
    *same("service.type", default="ClusterIP"),
    *same("service.port", default=8080),
    *same("service.annotations", "service.labels"),
    Rule("service.nodePort", "service.nodePort", default="", convert=to.number),
    Rule("service.loadBalancerClass", "", "the Service cannot name a class of load balancers", default=""),
    *same("ingress.enabled", default=False),
    *unneeded("the path is matched exactly", "ingress.pathType", default="ImplementationSpecific"),
    *unneeded("networking.k8s.io/v1 is the only version", "ingress.apiVersion", default=""),
    Rule("ingress.ingressClassName", "ingress.className", default=""),
    Rule("ingress.hostname", "ingress.hosts", default=to.EVERY_HOST, convert=to.in_a_list),
    Rule("ingress.path", "", FIXED_PATH, default="/v1/cert.pem"),
    *same("ingress.annotations"),
    Rule("ingress.tls", "ingress.tls", default=False, convert=to.ingress_tls),
    Rule("ingress.selfSigned", "", OWN_TLS, default=False),
    Rule("ingress.extraHosts", "ingress.hosts", convert=to.host_names),
    Rule("ingress.extraPaths", "", FIXED_PATH),
    Rule("ingress.extraTls", "ingress.tls"),
    Rule("ingress.secrets", "", OWN_TLS),
    Rule(
        "networkPolicy.enabled",
        "networkPolicy.enabled",
        "it limits egress too: to DNS, the API server, and the ports of providers",
        default=False,
    ),
    *unneeded("the NetworkPolicy always limits egress", "networkPolicy.egress.enabled", default=False),
    Rule("networkPolicy.egress.kubeapiCidr", "networkPolicy.egress.apiServerTo", default="", convert=to.peers_in_cidr),
    Rule("networkPolicy.egress.kubeapiPort", "networkPolicy.egress.apiServerPorts", default="", convert=to.one_port),
)
RIGHTS = (
    *same("serviceAccount.create", default=True),
    Rule("serviceAccount.name", "serviceAccount.name", reasons.ACCOUNT, default=""),
    Rule("serviceAccount.annotations", "serviceAccount.annotations", reasons.IDENTITY),
    *same("serviceAccount.labels"),
    Rule("rbac.create", "rbac.enabled", default=True),
    Rule("rbac.clusterRole", "", OWN_ROLES, default=True),
    Rule("rbac.namespacedRoles", "", OWN_ROLES, default=False),
    *unneeded(reasons.NAMES, "rbac.clusterRoleName", "rbac.namespacedRolesName", default="secrets-unsealer"),
    Rule("rbac.labels", "commonLabels", "they go to every object"),
    *unneeded("Kubernetes has no PodSecurityPolicy any more", "rbac.pspEnabled", default=False),
    Rule("rbac.serviceProxier.create", "service.proxier.create", default=True),
    Rule("rbac.serviceProxier.bind", "service.proxier.create", "the role comes with its binding", default=True),
    Rule("rbac.serviceProxier.subjects", "service.proxier.subjects", default=None, convert=to.subjects),
)
OBSERVED = (
    Rule("metrics.prometheusRule.enabled", "metrics.rules.enabled", ALERTS, default=False),
    *beneath("metrics.prometheusRule", "metrics.rules", {"namespace": "", "labels": {}, "annotations": {}}),
    *unneeded(ALERTS, "metrics.prometheusRule.groups"),
    Rule("metrics.serviceMonitor.enabled", "metrics.serviceMonitor.enabled", default=False, convert=to.honoring),
    *beneath(
        "metrics.serviceMonitor",
        "metrics.serviceMonitor",
        {
            "namespace": "",
            "labels": {},
            "annotations": {},
            "interval": "",
            "scrapeTimeout": "",
            "honorLabels": True,
            "metricRelabelings": [],
            "relabelings": [],
        },
    ),
    Rule("metrics.dashboards.create", "grafanaDashboard.enabled", default=False),
    *beneath("metrics.dashboards", "grafanaDashboard", {"labels": {}, "annotations": {}, "namespace": ""}),
    Rule("metrics.service.type", "", "the Service of the metrics is of type ClusterIP", default="ClusterIP"),
    *unneeded("the Service of the metrics is of type ClusterIP", "metrics.service.loadBalancerClass", default=""),
    *unneeded("the Service of the metrics is of type ClusterIP", "metrics.service.nodePort", default=""),
    Rule("metrics.service.port", "metrics.port", default=8081),
    *same("metrics.service.annotations"),
)
TABLE = table("sealed-secrets", "2.19", RELEASE, CONTROLLER, PROBES, POD, REACHED, RIGHTS, OBSERVED)
