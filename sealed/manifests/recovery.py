"""Open SealedSecrets offline with the private keys."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from manager.core.secret_value import SecretValue
from sealed.crypto.key_pair import fingerprint, load_private_key
from sealed.crypto.unseal import Keys, UnsealFailed, mapping, open_object
from sealed.crypto.wire_format import BrokenBase64, decode_blob
from sealed.diagnosis import malformed
from sealed.manifests.documents import Document, InputError, kinds, read, read_file

TEMPLATES = "spec.template.data holds templates: only the whole of Coffer renders them, as its image has it"


def read_keys(places: Iterable[str]) -> Keys:
    """Return the keys in files: PEM, key Secrets, or Lists of these as kubectl prints them. Raises InputError."""
    found = {}
    for place in places:
        for pem in _pems(read_file(Path(place))):
            try:
                key = load_private_key(pem)
            except ValueError as error:
                raise InputError(f"{place}: {error}") from None
            found[fingerprint(key.public_key())] = key
    return list(found.items())


def unsealed(sealed: Document, keys: Keys) -> Document:
    """Return the Secret of a SealedSecret, in the original's order of fields. Raises InputError."""
    if sealed.get("kind", "SealedSecret") != "SealedSecret":
        # Otherwise the result is an empty Secret, which a user may apply.
        raise InputError(f"the input is no SealedSecret, but {kinds([sealed])}")
    template = mapping(mapping(sealed.get("spec")).get("template"))
    metadata = mapping(sealed.get("metadata"))
    values = _filled(opened(sealed, keys), template.get("data"))
    place = {name: metadata[name] for name in ("name", "namespace") if metadata.get(name)}
    brought = {name: value for name, value in mapping(template.get("metadata")).items() if value}
    secret = {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {**brought, **place},
        "immutable": template.get("immutable"),
        "data": {name: base64.b64encode(value.reveal()).decode() for name, value in sorted(values.items())},
        "type": template.get("type"),
    }
    return {name: value for name, value in secret.items() if value}


def opened(sealed: Document, keys: Keys) -> dict[str, SecretValue]:
    """Return the values of a SealedSecret. Raises InputError with the original's text."""
    try:
        return open_object(sealed, keys, legacy=False).values
    except UnsealFailed as error:
        problem = malformed(sealed)
        raise InputError(f"{error}: {problem}" if problem else str(error)) from None


def _filled(values: dict[str, SecretValue], texts: object) -> dict[str, SecretValue]:
    if not texts:
        return values
    import asyncio  # imported late: slow, and only templates need them

    return asyncio.run(_rendered(values, texts))


async def _rendered(values: Mapping[str, SecretValue], texts: object) -> dict[str, SecretValue]:
    """Render templates as the controller does, if its sandbox is installed."""
    from manager.core.errors import SandboxUnavailable, TemplateDelayed
    from manager.gotemplate.sandbox import Sandbox
    from sealed.rendering import fill

    sandbox = Sandbox()
    try:
        while True:
            with suppress(TemplateDelayed):  # the sandbox is compiled for this machine first
                return (await fill(sandbox, "", values, texts)).data
    except UnsealFailed as error:
        raise InputError(str(error)) from None
    except (SandboxUnavailable, ModuleNotFoundError):
        raise InputError(
            "spec.template.data holds templates: only the whole of Coffer renders them, as its image has it"
        ) from None
    finally:
        await sandbox.close()


def _pems(raw: bytes) -> Iterator[bytes]:
    if b"PRIVATE KEY-----" in raw and raw.lstrip().startswith(b"-----BEGIN"):
        yield raw
        return
    for document in read(raw):
        items = document.get("items")
        for each in items if isinstance(items, list) else [document]:
            yield _tls_key(each)


def _tls_key(secret: Any) -> bytes:
    text = mapping(mapping(secret).get("data")).get("tls.key")
    if not isinstance(text, str):
        raise InputError("secret must contain a 'tls.data' key")
    try:
        return decode_blob(text)
    except BrokenBase64 as error:
        raise InputError(f"tls.key: {error}") from None
