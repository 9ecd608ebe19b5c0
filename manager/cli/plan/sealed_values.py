"""What can be known of sealed values without opening them: whether they can be of a certificate's key. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from manager.cli.manifests.reading import Manifest
from sealed.crypto.unseal import binding
from sealed.crypto.wire_format import BrokenBase64, decode_blob

UNKNOWABLE = "which key, scope, namespace and name a value was sealed for is not written in it: only its key can tell"


def key_of(certificate: bytes) -> RSAPublicKey | None:
    """Return the key of a certificate in PEM; None if it is none."""
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        return None
    return key if isinstance(key, RSAPublicKey) else None


def foreign(manifest: Manifest, key: RSAPublicKey) -> Iterator[str]:
    """Yield the values that cannot be for a key: their session key has another size, or is too large a number."""
    numbers = key.public_numbers()
    for name, text in _values(manifest).items():
        wrapped = _wrapped(text)
        if wrapped is None:
            continue  # malformed; lint tells it
        bits = 8 * len(wrapped)
        if len(wrapped) != (key.key_size + 7) // 8:
            yield f"spec.encryptedData[{name}]: sealed for a key of {bits} bits, this cluster's has {key.key_size}"
        elif int.from_bytes(wrapped, "big") >= numbers.n:
            yield f"spec.encryptedData[{name}]: sealed for another key of {bits} bits than this cluster's"


def bound_to(manifest: Manifest) -> str:
    """Return for which place the object says that its values are sealed."""
    scope, _ = binding(manifest.body)
    places = {"strict": f"{manifest.namespace}/{manifest.name} alone", "namespace-wide": manifest.namespace}
    return f"scope {scope.value}: {places.get(scope.value, 'any name and namespace')}"


def _values(manifest: Manifest) -> Mapping[str, Any]:
    spec = manifest.body.get("spec")
    found = spec.get("encryptedData") if isinstance(spec, dict) else None
    return found if isinstance(found, dict) else {}


def _wrapped(text: object) -> bytes | None:
    """Return the session key of a sealed value, which RSA has wrapped."""
    try:
        blob = decode_blob(text) if isinstance(text, str) else b""
    except BrokenBase64:
        return None
    size = int.from_bytes(blob[:2], "big")
    return blob[2 : 2 + size] if size and len(blob) >= 2 + size else None
