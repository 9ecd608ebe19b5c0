"""From a Secret to a SealedSecret. Pure but for the random session keys."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from manager.plain import Plain
from sealed.certificate import first_certificate
from sealed.crypto import CLUSTER_WIDE, NAMESPACE_WIDE, Scope, label, scope_of, seal
from sealed.kubeseal.documents import Document, InputError, text_of

LAST_APPLIED = ("kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration")
SERVER_FIELDS = frozenset(
    {"ownerReferences", "selfLink", "uid", "resourceVersion", "generation", "managedFields"}
    | {"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"}
)
ANNOTATION_OF = {Scope.NAMESPACE_WIDE: NAMESPACE_WIDE, Scope.CLUSTER_WIDE: CLUSTER_WIDE}


@dataclass(frozen=True)
class Options:
    """What the flags say about sealing."""

    scope: Scope = Scope.STRICT
    name: str = ""
    """Overrides the name of every document."""
    namespace: str = ""
    """Given by flag or variable: a document that names another one is refused."""
    default_namespace: Callable[[], str] = str
    """Asked only when neither flag nor document names a namespace: the kubeconfig's."""
    allow_empty_data: bool = False


def public_key(pem: bytes, now: datetime) -> RSAPublicKey:
    """Return the key of a certificate. Raises InputError when it is unusable or has expired (7.4)."""
    try:
        certificate = first_certificate(pem)
    except ValueError as error:
        raise InputError(str(error)) from None
    ends = certificate.not_valid_after_utc
    if ends < now:
        raise InputError(f"failed to encrypt using an expired certificate on {ends:%B} {ends.day}, {ends.year}")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise InputError("expected RSA public key")
    return key


def seal_secret(secret: Document, key: RSAPublicKey, options: Options) -> Document:
    """Return the SealedSecret of one Secret; rules in the order of sealed-secrets.md 7.3.

    Raises:
        InputError: with the original's text.

    """
    if not secret.get("data") and not secret.get("stringData") and not options.allow_empty_data:
        raise InputError(
            "secret.data is empty in input Secret, assuming this is an error and aborting. "
            "To work with empty data, --allow-empty-data can be used."
        )
    metadata = _metadata(secret, options)
    scope = scope_of(metadata.get("annotations") or {})
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    bound_to = label(scope, namespace, name)
    encrypted = {key_: seal(key, value, bound_to) for key_, value in sorted(plaintext(secret).items())}
    outer: Document = {"name": name} | ({"namespace": namespace} if namespace else {})
    if scope in ANNOTATION_OF:
        outer["annotations"] = {ANNOTATION_OF[scope]: "true"}
    template: Document = {"metadata": metadata}
    template |= {field: secret[field] for field in ("type", "immutable") if secret.get(field) is not None}
    spec = {"template": template, "encryptedData": encrypted}
    return {"kind": "SealedSecret", "apiVersion": "bitnami.com/v1alpha1", "metadata": outer, "spec": spec}


def plaintext(secret: Document) -> dict[str, Plain]:
    """Return the values of a Secret; `stringData` wins over `data`, as in the API server."""
    values = {}
    for name, text in _mapping(secret, "data").items():
        try:
            values[str(name)] = Plain(base64.b64decode(text_of("" if text is None else text), validate=True))
        except binascii.Error:
            raise InputError(f"data[{name}] is not base64") from None
    for name, text in _mapping(secret, "stringData").items():
        values[str(name)] = Plain(text_of("" if text is None else text).encode())
    return values


def _metadata(secret: Document, options: Options) -> Document:
    """Return the metadata for the template: what the API server fills in, and copies of plaintext, are dropped."""
    metadata = {field: value for field, value in _mapping(secret, "metadata").items() if field not in SERVER_FIELDS}
    annotations = {name: text for name, text in _texts(metadata, "annotations").items() if name not in LAST_APPLIED}
    if options.scope in ANNOTATION_OF:
        annotations = {name: text for name, text in annotations.items() if name not in ANNOTATION_OF.values()}
        annotations[ANNOTATION_OF[options.scope]] = "true"
    metadata = {**metadata, "annotations": annotations, "labels": _texts(metadata, "labels")}
    metadata["name"] = options.name or text_of(metadata.get("name") or "")
    if not metadata["name"]:
        raise InputError("missing metadata.name in input Secret")
    metadata["namespace"] = _namespace(text_of(metadata.get("namespace") or ""), scope_of(annotations), options)
    return {field: value for field, value in metadata.items() if value or value == 0}


def _namespace(own: str, scope: Scope, options: Options) -> str:
    if scope is Scope.CLUSTER_WIDE:
        return own
    if options.namespace and own and own != options.namespace:
        raise InputError(
            f'namespace mismatch: input secret is in namespace "{own}" but "{options.namespace}" was specified'
        )
    namespace = own or options.namespace or options.default_namespace()
    if not namespace:
        raise InputError("secret must declare a namespace")
    return namespace


def _texts(metadata: Mapping[str, Any], field: str) -> dict[str, str]:
    return {str(name): text_of("" if text is None else text) for name, text in _mapping(metadata, field).items()}


def _mapping(holder: Mapping[str, Any], field: str) -> Mapping[Any, Any]:
    value = holder.get(field) or {}
    if not isinstance(value, dict):
        raise InputError(f"{field} must be a mapping")
    return value
