"""Seal a Secret. Pure, except for random session keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from manager.core.secret_value import SecretValue
from sealed.crypto.wire_format import (
    CLUSTER_WIDE,
    NAMESPACE_WIDE,
    BrokenBase64,
    Scope,
    decode_blob,
    label,
    scope_of,
    seal,
)
from sealed.manifests.documents import Document, InputError, text_of
from sealed.manifests.recipient import recipient

LAST_APPLIED = ("kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration")
ANNOTATION_OF = {Scope.NAMESPACE_WIDE: NAMESPACE_WIDE, Scope.CLUSTER_WIDE: CLUSTER_WIDE}
MIN_KEY_BITS = 1024  # the original refuses smaller keys too
EMPTY = (
    "secret.data is empty in input Secret, assuming this is an error and aborting. "
    "To work with empty data, --allow-empty-data can be used"
)


@dataclass(frozen=True)
class Options:
    """The flags that affect sealing."""

    scope: Scope = Scope.STRICT
    name: str = ""
    """Overrides the name of every document."""
    namespace: str = ""
    """Given by flag or variable: a document that names another one is refused."""
    default_namespace: Callable[[], str] = str
    """Returns the kubeconfig's namespace; called only if neither flag nor document names one."""
    allow_empty_data: bool = False


def public_key(pem: bytes, now: datetime) -> RSAPublicKey:
    """Return the key of a certificate. Raises InputError if it is unusable or expired."""
    found = recipient(pem)
    if found is None:
        from sealed.crypto.key_pair import first_certificate  # imported late: slow, but it says exactly what is wrong

        try:
            certificate = first_certificate(pem)
        except ValueError as error:
            raise InputError(str(error)) from None
        key, ends = certificate.public_key(), certificate.not_valid_after_utc
    else:
        key, ends = found
    if ends < now:
        raise InputError(f"failed to encrypt using an expired certificate on {ends:%B} {ends.day}, {ends.year}")
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise InputError(f"the certificate's key is too short; RSA keys have {MIN_KEY_BITS} bits or more")
    return key


def seal_secret(secret: Document, key: RSAPublicKey, options: Options) -> Document:
    """Seal one Secret; apply rules and write fields in the order of the original.

    Raises:
        InputError: with the original's text.

    """
    kind = secret.get("kind") or "Secret"
    if kind != "Secret" and not (isinstance(secret.get("data"), dict) and secret["data"]):
        raise InputError(f"kind: a Secret was expected, and this is {_article(str(kind)[:100])}")
    if not secret.get("data") and not secret.get("stringData") and not options.allow_empty_data:
        raise InputError(EMPTY)
    metadata = _metadata(_mapping(secret, "metadata"), options)
    scope = scope_of(metadata.get("annotations", {}))
    name, namespace = metadata["name"], metadata.get("namespace", "")
    annotations = {ANNOTATION_OF[scope]: "true"} if scope in ANNOTATION_OF else {}
    bound_to = label(scope, namespace, name)
    template = {"metadata": metadata, "type": text_of(secret.get("type")), "immutable": _immutable(secret)}
    return {
        "kind": "SealedSecret",
        "apiVersion": "bitnami.com/v1alpha1",
        "metadata": _without_empty({"name": name, "namespace": namespace, "annotations": annotations}),
        "spec": {
            "template": _without_empty(template),
            "encryptedData": {item: seal(key, value, bound_to) for item, value in sorted(plaintext(secret).items())},
        },
    }


def seal_value(value: SecretValue, key: RSAPublicKey, options: Options) -> str:
    """Return one sealed value. Raises InputError if the flags do not name namespace and name as the scope needs."""
    scope, namespace = options.scope, options.namespace
    if scope is not Scope.CLUSTER_WIDE:
        namespace = namespace or options.default_namespace()
        if not namespace:
            raise InputError(f"must provide the --namespace flag with --raw and --scope {scope}")
    if scope is Scope.STRICT and not options.name:
        raise InputError(f"must provide the --name flag with --raw and --scope {scope}")
    return seal(key, value, label(scope, namespace, options.name))


def plaintext(secret: Document) -> dict[str, SecretValue]:
    """Return the values of a Secret; `stringData` wins over `data`, as in the API server."""
    values = {text_of(name): _decoded(name, value) for name, value in _mapping(secret, "data").items()}
    texts = _texts(secret, "stringData")
    return values | {name: SecretValue(text.encode()) for name, text in texts.items()}


def _article(kind: str) -> str:
    hint = ": it is sealed already, see --re-encrypt and --merge-into" if kind == "SealedSecret" else ""
    return f"{'an' if kind[:1] in 'AEIOUaeiou' else 'a'} {kind}{hint}"


def _decoded(name: object, value: object) -> SecretValue:
    if value is not None and not isinstance(value, str):
        raise InputError(f"data[{name}] must be base64 text; quote it, or move it to stringData")
    try:
        return SecretValue(decode_blob(value or ""))
    except BrokenBase64 as error:
        raise InputError(f"{error} ({name})") from None


def _metadata(given: Mapping[Any, Any], options: Options) -> Document:
    """Return the metadata for the template, in the original's order.

    Only known fields are kept: those that the API server fills in do not belong in Git, and an unknown field may be a
    misplaced `stringData`. Annotations with a copy of the plaintext are dropped.
    """
    annotations = {name: text for name, text in _texts(given, "annotations").items() if name not in LAST_APPLIED}
    if options.scope in ANNOTATION_OF:
        annotations = {name: text for name, text in annotations.items() if name not in ANNOTATION_OF.values()}
        annotations[ANNOTATION_OF[options.scope]] = "true"
    name = options.name or text_of(given.get("name"))
    if not name:
        raise InputError("missing metadata.name in input Secret")
    metadata = {
        "name": name,
        "generateName": text_of(given.get("generateName")),
        "namespace": _namespace(text_of(given.get("namespace")), scope_of(annotations), options),
        "labels": _texts(given, "labels"),
        "annotations": dict(sorted(annotations.items())),
        "finalizers": _finalizers(given),
    }
    return _without_empty(metadata)


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


def _immutable(secret: Document) -> bool | None:
    value = secret.get("immutable")
    if value is not None and not isinstance(value, bool):
        raise InputError("immutable must be true or false")
    return value


def _finalizers(given: Mapping[Any, Any]) -> list[str]:
    value = given.get("finalizers") or []
    if not isinstance(value, list):
        raise InputError("finalizers must be a list")
    return [text_of(each) for each in value]


def _texts(holder: Mapping[Any, Any], field: str) -> dict[str, str]:
    texts = {text_of(name): text_of(text) for name, text in _mapping(holder, field).items()}
    return dict(sorted(texts.items()))


def _mapping(holder: Mapping[Any, Any], field: str) -> Mapping[Any, Any]:
    value = holder.get(field) or {}
    if not isinstance(value, dict):
        raise InputError(f"{field} must be a mapping")
    return value


def _without_empty(fields: Document) -> Document:
    """Drop empty fields; `false` is not empty."""
    return {field: value for field, value in fields.items() if value or value is False}
