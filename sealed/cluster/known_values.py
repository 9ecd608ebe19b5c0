"""Read the values of a SealedSecret from its Secret, with the user's own rights; the controller is not called."""

from collections.abc import Mapping

from manager.core.secret_value import SecretValue
from sealed.cluster.kube_access import KubeAccess, object_path
from sealed.crypto.unseal import mapping
from sealed.crypto.wire_format import BrokenBase64, decode_blob
from sealed.manifests.documents import Document

GROUP = "apis/bitnami.com/v1alpha1"


def known_in_cluster(cluster: KubeAccess, sealed: Document, default: str = "") -> dict[str, SecretValue]:
    """Return the values of a SealedSecret's items, as far as the cluster proves them.

    A Secret's value is the value of an item if the cluster's SealedSecret has the same ciphertext, was unsealed in its
    current generation, and the Secret has not been written since. Raises InputError if the cluster does not answer.
    """
    metadata = mapping(sealed.get("metadata"))
    namespace, name = str(metadata.get("namespace") or default or cluster.namespace()), str(metadata.get("name"))
    live = cluster.find(object_path(namespace, "sealedsecrets", name, GROUP))
    secret = cluster.find(object_path(namespace, "secrets", name)) if live else None
    if live is None or secret is None or not _stands(live, secret):
        return {}
    there, data = _items(live), mapping(secret.get("data"))
    same = [item for item, blob in _items(sealed).items() if blob is not None and blob == there.get(item)]
    return {item: SecretValue(decode_blob(data[item])) for item in same if isinstance(data.get(item), str)}


def _stands(live: Document, secret: Document) -> bool:
    status = mapping(live.get("status"))
    version = mapping(secret.get("metadata")).get("resourceVersion")
    return (
        status.get("observedGeneration") == mapping(live.get("metadata")).get("generation")
        and status.get("secretResourceVersion") == version
    )


def _items(sealed: Mapping[str, object]) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for name, text in mapping(mapping(sealed.get("spec")).get("encryptedData")).items():
        try:
            found[name] = decode_blob(text) if isinstance(text, str) else None
        except BrokenBase64:
            found[name] = None
    return found
