"""`--merge-into`: add values, labels and annotations of a Secret to a file of SealedSecrets."""

from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from manager.core.secret_value import SecretValue
from sealed.crypto.unseal import binding, mapping
from sealed.crypto.wire_format import CLUSTER_WIDE, NAMESPACE_WIDE, seal
from sealed.manifests.documents import Document, InputError, text_of
from sealed.manifests.editing import ManifestFile
from sealed.manifests.sealing import LAST_APPLIED, plaintext

Known = Callable[[Document], Mapping[str, SecretValue]]
"""Returns the known values of a SealedSecret; an unchanged value keeps its ciphertext."""

NOT_COPIED = frozenset({*LAST_APPLIED, CLUSTER_WIDE, NAMESPACE_WIDE})  # the scope in the file wins


def merge_into(file: ManifestFile, secret: Document, key: RSAPublicKey, known: Known) -> None:
    """Seal a Secret's values into a SealedSecret of the file, for the name, namespace and scope of that SealedSecret.

    Raises:
        InputError: the file has no SealedSecret, or several and none of them has the name of the Secret.

    """
    position = _position(file, secret)
    update(file, position, plaintext(secret), key, known)
    given = mapping(secret.get("metadata"))
    for field in ("annotations", "labels"):
        for name, text in mapping(given.get(field)).items():
            path = ("spec", "template", "metadata", field, text_of(name))
            if name not in NOT_COPIED and _at(file.documents[position], path) != text_of(text):
                file.put(position, path, text_of(text))


def update(
    file: ManifestFile, position: int, values: Mapping[str, SecretValue], key: RSAPublicKey, known: Known
) -> list[str]:
    """Seal values into one document; what is known to be the same already keeps its ciphertext.

    Return the names of the values that were sealed again. Raises InputError.
    """
    sealed = file.documents[position]
    _, bound_to = binding(sealed)
    before = known(sealed)
    changed = [name for name, value in sorted(values.items()) if before.get(name) != value]
    for name in changed:
        file.put(position, ("spec", "encryptedData", name), seal(key, values[name], bound_to))
    return changed


def _position(file: ManifestFile, secret: Document) -> int:
    found = [at for at, each in enumerate(file.documents) if each.get("kind") == "SealedSecret"]
    if len(found) > 1:
        name = mapping(secret.get("metadata")).get("name")
        found = [at for at in found if mapping(file.documents[at].get("metadata")).get("name") == name]
        if len(found) != 1:
            raise InputError("the file holds several SealedSecrets, and the input's name does not say which is meant")
    if not found:
        raise InputError("there is no SealedSecret in the file to merge into")
    return found[0]


def _at(document: Document, path: tuple[str, ...]) -> object:
    value: object = document
    for name in path:
        value = mapping(value).get(name)
    return value
