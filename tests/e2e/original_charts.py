"""Doubles of the originals' charts, which are not on this machine.

They have what a move depends on, as the charts' public files have it, and nothing else: names, labels, roles, Services,
webhooks, and where the CRDs are. external-secrets' are templates, with a value for annotations and no `keep` by
default; sealed-secrets' is in `crds/`; kubernetes-reflector has none.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.kube import Object
from tests.controller import CRDS

GROUP = "external-secrets.io"
VERSIONS = {"sealed-secrets": "2.19.1", "external-secrets": "2.9.0", "reflector": "9.1.7"}
LABELS = """
    helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
    app.kubernetes.io/name: NAME
    app.kubernetes.io/instance: {{ .Release.Name }}
    app.kubernetes.io/managed-by: {{ .Release.Service }}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}SUFFIX
  namespace: {{ .Release.Namespace }}
  labels:LABELS
spec:
  replicas: {{ .Values.replicaCount }}
  selector: {matchLabels: {app.kubernetes.io/name: NAME}}
  template:
    metadata: {labels: {app.kubernetes.io/name: NAME}}
    spec: {serviceAccountName: {{ .Release.Name }}, containers: [{name: main, image: original}]}
"""
ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .Release.Name }}-controller
  labels:LABELS
rules:
  - {apiGroups: [""], resources: [secrets], verbs: [get, list, watch, create, update, delete, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: {{ .Release.Name }}-controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ .Release.Name }}-controller}
subjects: [{kind: ServiceAccount, name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}]
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}SUFFIX
  namespace: {{ .Release.Namespace }}
  labels:LABELS
spec: {selector: {app.kubernetes.io/name: NAME}, ports: [{name: http, port: 8080}]}
"""
TENANT_ROLES = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .Release.Name }}-view
  labels:LABELS
    rbac.authorization.k8s.io/aggregate-to-view: "true"
    rbac.authorization.k8s.io/aggregate-to-edit: "true"
    rbac.authorization.k8s.io/aggregate-to-admin: "true"
rules:
  - apiGroups: [external-secrets.io]
    resources: [externalsecrets, secretstores, clustersecretstores, pushsecrets]
    verbs: [get, watch, list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .Release.Name }}-edit
  labels:LABELS
    rbac.authorization.k8s.io/aggregate-to-edit: "true"
    rbac.authorization.k8s.io/aggregate-to-admin: "true"
rules:
  - apiGroups: [external-secrets.io]
    resources: [externalsecrets, secretstores, clustersecretstores, pushsecrets]
    verbs: [create, delete, deletecollection, patch, update]
"""
WEBHOOK = """
{{- if .Values.webhook.create }}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: externalsecret-validate
  labels:LABELS
    external-secrets.io/component: webhook
webhooks:
  - name: validate.externalsecret.external-secrets.io
    rules:
      - apiGroups: [external-secrets.io]
        apiVersions: [v1]
        operations: [CREATE, UPDATE, DELETE]
        resources: [externalsecrets]
        scope: Namespaced
    clientConfig: {service: {name: {{ .Release.Name }}-webhook, namespace: {{ .Release.Namespace }}, path: /validate}}
    admissionReviewVersions: [v1]
    sideEffects: None
    timeoutSeconds: 5
    failurePolicy: Fail
{{- end }}
"""
TEMPLATED_CRDS = """
{{- range $path, $_ := .Files.Glob "files/*.yaml" }}
{{- $crd := $.Files.Get $path | fromYaml }}
{{- if $.Values.crds.annotations }}{{ $_ := set $crd.metadata "annotations" $.Values.crds.annotations }}{{ end }}
---
{{ toYaml $crd }}
{{- end }}
"""
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
WITH_SCHEMA = ("externalsecrets", "sealedsecrets")
PUSH_SECRETS: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"pushsecrets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "names": {"kind": "PushSecret", "plural": "pushsecrets"},
        "scope": "Namespaced",
        "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": ANYTHING}}],
    },
}
"""A kind of external-secrets that Coffer does not serve."""


def write_charts(folder: Path) -> dict[str, Path]:
    """Write the three charts; return module -> chart."""
    external = {**_controller("external-secrets"), "crds": TEMPLATED_CRDS}
    for suffix in ("-webhook", "-cert-controller"):
        external[f"deployment{suffix}"] = _filled(DEPLOYMENT, f"external-secrets{suffix}", suffix)
    external["service"] = _filled(SERVICE, "external-secrets-webhook", "-webhook")
    external["roles"] = _filled(TENANT_ROLES, "external-secrets")
    external["webhook"] = _filled(WEBHOOK, "external-secrets-webhook")
    sealed = {**_controller("sealed-secrets"), "service": _filled(SERVICE, "sealed-secrets")}
    values = {"replicaCount": 1, "webhook": {"create": True}, "crds": {"annotations": {}}}
    charts = {
        "sealed": _write(folder / "sealed-secrets", sealed, {"replicaCount": 1}),
        "external": _write(folder / "external-secrets", external, values),
        "reflector": _write(folder / "reflector", _controller("reflector"), {"replicaCount": 1}),
    }
    (charts["sealed"] / "crds").mkdir()
    (charts["external"] / "files").mkdir()
    for each in sorted(CRDS.glob("*.yaml")):
        crd = yaml.load(each.read_text(), Loader=yaml.CSafeLoader)
        place = charts["sealed"] / "crds" if crd["spec"]["group"] == "bitnami.com" else charts["external"] / "files"
        (place / each.name).write_text(yaml.safe_dump(_as_the_originals(crd)))
    (charts["external"] / "files" / "pushsecrets.yaml").write_text(yaml.safe_dump(PUSH_SECRETS))
    return charts


def _as_the_originals(crd: Object) -> Object:
    """Return a CRD that says nothing about who keeps it; schemas that no test needs take helm seconds."""
    crd["metadata"].pop("annotations", None)
    if crd["spec"]["names"]["plural"] not in WITH_SCHEMA:
        crd["spec"]["versions"] = [_loose(each) for each in crd["spec"]["versions"]]
    return crd


def _loose(version: Object) -> Object:
    kept = {name: version[name] for name in ("name", "served", "storage", "subresources") if name in version}
    return kept | {"schema": {"openAPIV3Schema": ANYTHING}}


def _controller(name: str) -> dict[str, str]:
    return {"account": _filled(ACCOUNT, name), "deployment": _filled(DEPLOYMENT, name)}


def _filled(template: str, name: str, suffix: str = "") -> str:
    return template.replace("LABELS", LABELS.rstrip()).replace("NAME", name).replace("SUFFIX", suffix)


def _write(folder: Path, templates: dict[str, str], values: dict[str, Any]) -> Path:
    (folder / "templates").mkdir(parents=True)
    about = {"apiVersion": "v2", "name": folder.name, "version": VERSIONS[folder.name]}
    (folder / "Chart.yaml").write_text(json.dumps(about))
    (folder / "values.yaml").write_text(json.dumps(values))
    for name, text in templates.items():
        (folder / "templates" / f"{name}.yaml").write_text(text)
    return folder
