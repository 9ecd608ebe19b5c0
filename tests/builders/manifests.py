"""Builders of the story's objects, with defaults; every secret value in them is a canary."""

import base64
import secrets
import string
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from manager.core.secret_value import SecretValue
from sealed.crypto.wire_format import Scope, label, seal
from tests.cluster.kube import Object
from tests.cluster.moto import KEYS, REGION

SEALED, MIRROR, ESO = "sealedsecrets.bitnami.com/", "reflector.v1.k8s.emberstack.com/", "external-secrets.io"
ALPHABET = string.ascii_letters + string.digits

Remote = str | tuple[str, str] | dict[str, str]
"""A remote key, a remote key and a property, or a whole `remoteRef`."""

CANARIES: list[str] = []
"""Every secret value of all tests so far."""


def canary() -> str:
    """Return a new value that may appear only in the data of Secrets; its slashes make encodings differ."""
    half = ["".join(secrets.choice(ALPHABET) for _ in range(12)) for _ in range(2)]
    CANARIES.append("/".join(half))
    return CANARIES[-1]


def meta(namespace: str, name: str, *, labels: Any = None, annotations: Any = None) -> Object:
    """Return the metadata of an object; a namespace of "" means cluster-scoped."""
    found = {"namespace": namespace, "name": name, "labels": labels, "annotations": annotations}
    return {key: value for key, value in found.items() if value}


def secret(namespace: str, name: str, data: Mapping[str, str], type: str = "Opaque", **metadata: Any) -> Object:  # noqa: A002 - the field's name
    """Return a Secret as a user writes it."""
    about = {"apiVersion": "v1", "kind": "Secret", "metadata": meta(namespace, name, **metadata)}
    return {**about, "type": type, "stringData": dict(data)}


def config_map(namespace: str, name: str, data: Mapping[str, str], **metadata: Any) -> Object:
    """Return a ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(namespace, name, **metadata), "data": dict(data)}


def public_key(certificate: bytes) -> RSAPublicKey:
    """Return the key in a PEM certificate."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not an RSA certificate")
    return key


def sealed_secret(
    certificate: bytes,
    namespace: str,
    name: str,
    values: Mapping[str, str],
    *,
    scope: Scope = Scope.STRICT,
    sealed_for: tuple[str, str] = ("", ""),
    annotations: Mapping[str, str] | None = None,
    **template: Any,
) -> Object:
    """Return a SealedSecret as kubeseal makes it.

    Args:
        certificate: of the key that opens it.
        sealed_for: namespace and name that the values are bound to, if not the object's own.
        annotations: of the SealedSecret itself; the scope's annotation is added.
        template: more fields of `spec.template`, such as `type`; `metadata` goes to the Secret.
    """
    bound_to = label(scope, sealed_for[0] or namespace, sealed_for[1] or name)
    key = public_key(certificate)
    encrypted = {each: seal(key, SecretValue(value.encode()), bound_to) for each, value in values.items()}
    scoped = {} if scope is Scope.STRICT else {f"{SEALED}{scope}": "true"}
    about = {"metadata": {"namespace": namespace, "name": name}, **template}
    return {
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": meta(namespace, name, annotations=scoped | dict(annotations or {})),
        "spec": {"encryptedData": encrypted, "template": about},
    }


def store(namespace: str, name: str, provider: Object, **spec: Any) -> Object:
    """Return a SecretStore, or with an empty namespace a ClusterSecretStore."""
    kind = "SecretStore" if namespace else "ClusterSecretStore"
    about = {"apiVersion": f"{ESO}/v1", "kind": kind, "metadata": meta(namespace, name)}
    return {**about, "spec": {"provider": provider, **spec}}


def fake(values: Mapping[str, str]) -> Object:
    """Return the fake provider, which has its values in its own spec."""
    return {"fake": {"data": [{"key": key, "value": value} for key, value in values.items()]}}


def aws(secret_name: str = "aws-credentials", **reference: str) -> Object:
    """Return the story's provider: SecretsManager with access keys from a Secret."""
    refs = {
        "accessKeyIDSecretRef": {"name": secret_name, "key": "AWS_ACCESS_KEY_ID", **reference},
        "secretAccessKeySecretRef": {"name": secret_name, "key": "AWS_SECRET_ACCESS_KEY", **reference},
    }
    return {"aws": {"service": "SecretsManager", "region": REGION, "auth": {"secretRef": refs}}}


def aws_by_account(name: str, **provider: Any) -> Object:
    """Return an AWS provider that assumes a role with a ServiceAccount's token."""
    auth = {"jwt": {"serviceAccountRef": {"name": name}}}
    return {"aws": {"service": "SecretsManager", "region": REGION, "auth": auth, **provider}}


def service_account(namespace: str, name: str, role: str = "") -> Object:
    """Return a ServiceAccount, annotated with its role as on EKS."""
    annotations = {"eks.amazonaws.com/role-arn": role} if role else {}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(namespace, name, annotations=annotations)}


def widget_definition(group: str) -> list[Object]:
    """Return a CRD of the namespaced kind Widget, whose spec may hold anything, and a cluster-scoped Gadget."""
    free = {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": free}}]
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind.lower()}s.{group}"},
            "spec": {
                "group": group,
                "scope": scope,
                "names": {"kind": kind, "plural": f"{kind.lower()}s"},
                "versions": versions,
            },
        }
        for kind, scope in (("Widget", "Namespaced"), ("Gadget", "Cluster"))
    ]


def bound_account(namespace: str, name: str, group: str, *resources: str) -> list[Object]:
    """Return a ServiceAccount that may get and list resources in its namespace, with its role."""
    rbac = "rbac.authorization.k8s.io"
    about = {"apiVersion": f"{rbac}/v1", "metadata": meta(namespace, name)}
    rules = [{"apiGroups": [group], "resources": list(resources), "verbs": ["get", "list"]}]
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    reference = {"apiGroup": rbac, "kind": "Role", "name": name}
    return [
        service_account(namespace, name),
        {**about, "kind": "Role", "rules": rules},
        {**about, "kind": "RoleBinding", "subjects": subjects, "roleRef": reference},
    ]


def vault(server: str, ca: str, auth: Object, **provider: Any) -> Object:
    """Return a provider of Vault, or with `kind="openBao"` of OpenBao."""
    kind = provider.pop("kind", "vault")
    bundle = {"caBundle": base64.b64encode(ca.encode()).decode()} if "caProvider" not in provider else {}
    return {kind: {"server": server, "version": "v2", "auth": auth, **bundle, **provider}}


def aws_keys(access_key: str = KEYS["AWS_ACCESS_KEY_ID"]) -> dict[str, str]:
    """Return credentials as in the story's Secret; moto counts by the access key."""
    return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": canary()}


EMBEDDED = {each: each.lower() for each in ("MFA", "UUID")} | {
    "ACRAccessToken": "acrAccessToken",
    "ECRAuthorizationToken": "ecrAuthorizationToken",
    "GCRAccessToken": "gcrAccessToken",
    "SSHKey": "sshKey",
    "STSSessionToken": "stsSessionToken",
}
"""Kind of a generator that begins with an abbreviation -> its field in a ClusterGenerator, without `Spec`."""


def generator(namespace: str, kind: str, name: str, /, **spec: Any) -> Object:
    """Return a generator, or with an empty namespace a ClusterGenerator that contains it."""
    if not namespace:
        embedded = {f"{EMBEDDED.get(kind) or kind[0].lower() + kind[1:]}Spec": spec}
        spec, kind = {"kind": kind, "generator": embedded}, "ClusterGenerator"
    about = {"apiVersion": f"generators.{ESO}/v1alpha1", "kind": kind, "metadata": meta(namespace, name)}
    return {**about, "spec": spec}


def generated(kind: str, name: str) -> Object:
    """Return an entry of `dataFrom` that uses a generator."""
    return {"sourceRef": {"generatorRef": {"kind": kind, "name": name}}}


def external_secret(namespace: str, name: str, store_name: str, data: Mapping[str, Remote], **spec: Any) -> Object:
    """Return an ExternalSecret.

    Args:
        store_name: name of a SecretStore, or `cluster/NAME` for a ClusterSecretStore.
        data: key of the Secret -> remote key.
        spec: more fields, such as `refreshInterval` or `target`.
    """
    *cluster, plain_name = store_name.split("/")
    reference = {"name": plain_name, "kind": "ClusterSecretStore" if cluster else "SecretStore"}
    items = [{"secretKey": key, "remoteRef": _remote(remote)} for key, remote in data.items()]
    about = {"apiVersion": f"{ESO}/v1", "kind": "ExternalSecret", "metadata": meta(namespace, name)}
    body: Object = {"secretStoreRef": reference, "refreshInterval": "1h", **({"data": items} if items else {}), **spec}
    return {**about, "spec": body}


def allowed(namespaces: str = "", *, auto: str | None = None) -> dict[str, str]:
    """Return the annotations of a source; `auto` is a list of namespaces to push to, empty for all."""
    found = {"reflection-allowed": "true"}
    if namespaces:
        found["reflection-allowed-namespaces"] = namespaces
    if auto is not None:
        found |= {"reflection-auto-enabled": "true"} | ({"reflection-auto-namespaces": auto} if auto else {})
    return {MIRROR + key: value for key, value in found.items()}


def reflects(namespace: str, name: str) -> dict[str, str]:
    """Return the annotation of a mirror that pulls."""
    return {f"{MIRROR}reflects": f"{namespace}/{name}"}


def encoded(text: str) -> str:
    """Return a value in base64, as in a Secret's data."""
    return base64.b64encode(text.encode()).decode()


def _remote(remote: Remote) -> Object:
    if isinstance(remote, dict):
        return remote
    key, *rest = (remote,) if isinstance(remote, str) else remote
    return {"key": key, **({"property": rest[0]} if rest else {})}


def push_secret(namespace: str, name: str, store_name: str, data: Mapping[str, str], **spec: Any) -> Object:
    """Return a PushSecret of the Secret `source` that pushes each key to a remote key."""
    entries = [{"match": {"secretKey": key, "remoteRef": {"remoteKey": remote}}} for key, remote in data.items()]
    whole: Object = {
        "secretStoreRefs": [{"name": store_name}],
        "selector": {"secret": {"name": "source"}},
        "data": entries,
        **spec,
    }
    about = {"apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret"}
    return {**about, "metadata": meta(namespace, name), "spec": whole}
