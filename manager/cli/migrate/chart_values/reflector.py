"""The values of kubernetes-reflector's chart: most of them mean the same here."""

from manager.cli.migrate.chart_values import reasons
from manager.cli.migrate.chart_values.rules import Rule, same, table, unneeded

WATCHES = "Coffer watches, and needs no CronJob"
TIMINGS = {"timeoutSeconds": 10, "initialDelaySeconds": 5, "periodSeconds": 10, "failureThreshold": 5}
LIVE = {"httpGet": {"path": "/health/live", "port": "http"}, **TIMINGS}
READY = {"httpGet": {"path": "/health/ready", "port": "http"}, **TIMINGS}
RULES = (
    *same("replicaCount", default=1),
    Rule("image.repository", "", reasons.MIRROR, default="docker.io/emberstack/kubernetes-reflector"),
    *same("image.pullPolicy", default="IfNotPresent"),
    *unneeded(reasons.OWN_IMAGE, "image.tag", default=""),
    *unneeded(reasons.NAMES, "nameOverride", "fullnameOverride", default=""),
    *same("namespaceOverride", "configuration.watcher.timeout", "configuration.watcher.excludedNamespaces", default=""),
    *same("configuration.logging.minimumLevel", default="Information"),
    *same("configuration.kubernetes.skipTlsVerify", default=False),
    *same("rbac.enabled", "serviceAccount.create", default=True),
    Rule("serviceAccount.name", "serviceAccount.name", reasons.ACCOUNT, default=""),
    *same("serviceAccount.annotations", "imagePullSecrets", "podAnnotations", "podLabels", "extraEnv"),
    *same("podSecurityContext", default={"fsGroup": 2000}),
    *same(
        "securityContext",
        default={
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 1000,
        },
    ),
    *same("livenessProbe", default=LIVE),
    *same("readinessProbe", "startupProbe", default=READY),
    *unneeded("each probe has a path of its own", "healthcheck"),
    Rule("resources", "resources", reasons.SIZED),
    *same("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "volumes", "volumeMounts"),
    *same("priorityClassName", default=""),
    *unneeded(WATCHES, "cron.enabled", default=False),
    *unneeded(WATCHES, "cron", silent=True),
    *unneeded(f"{reasons.MANY_REPLICAS}: set replicaCount", "autoscaling.enabled", default=False),
    *unneeded(reasons.MANY_REPLICAS, "autoscaling", silent=True),
)
TABLE = table("reflector", "10.0.63", RULES)
