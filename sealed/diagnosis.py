"""Explain why a SealedSecret may not open, without decryption and without a hint at a value. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from sealed.crypto.unseal import binding, mapping
from sealed.crypto.wire_format import CLUSTER_WIDE, NAMESPACE_WIDE, BrokenBase64, decode_blob

MAX_FAULTS = 3  # kinds of faults
WRAPPED_KEY_BYTES = range(128, 2049)  # bytes of a session key under RSA of 1024 to 16384 bits
TAG_BYTES = 16  # that AES-GCM appends to every ciphertext
NOT_OPENED = "no key could decrypt"


def explained(sealed: Mapping[str, Any], problems: str, key_bits: Iterable[int]) -> str:
    """Return the problems with the tried keys and the likely cause.

    Args:
        key_bits: the sizes of the keys that were tried, one each.

    """
    bits = list(key_bits)
    hints = [hint for hint in (malformed(sealed), _whitespace(sealed, problems), _misplaced_scope(sealed)) if hint]
    if NOT_OPENED in problems:
        hints = [_tried(sealed, len(bits)), *(hint for hint in (_foreign_size(sealed, bits),) if hint), *hints]
        if not bits:
            hints = ["this controller has no sealing key yet"]
        elif len(hints) == 1:
            hints.append("it was sealed for another cluster, scope, namespace or name: seal it again with kubeseal")
    return ": ".join([problems, "; ".join(hints)]) if hints else problems


def _tried(sealed: Mapping[str, Any], count: int) -> str:
    scope, _ = binding(sealed)
    metadata = mapping(sealed.get("metadata"))
    keys = f"{count} key{'' if count == 1 else 's'}"
    return f"tried {keys} with scope {scope.value}, namespace {metadata.get('namespace')}, name {metadata.get('name')}"


def _misplaced_scope(sealed: Mapping[str, Any]) -> str:
    """Return a hint if only the template names a scope, which has no effect."""
    template = mapping(mapping(sealed.get("spec")).get("template"))
    inner = mapping(mapping(template.get("metadata")).get("annotations"))
    outer = mapping(mapping(sealed.get("metadata")).get("annotations"))
    for name in (CLUSTER_WIDE, NAMESPACE_WIDE):
        if inner.get(name) == "true" and outer.get(name) != "true":
            return f"{name} stands under spec.template.metadata; the scope is read from metadata.annotations"
    for name in (CLUSTER_WIDE, NAMESPACE_WIDE):
        if name in outer and outer[name] != "true":
            return f'metadata.annotations[{name}] counts only as "true"'
    return ""


def malformed(sealed: Mapping[str, Any]) -> str:
    """Return which values are not in the form of sealed ones, and why; empty if all are."""
    items = mapping(mapping(sealed.get("spec")).get("encryptedData"))
    faults: dict[str, list[str]] = {}
    for name, text in items.items():
        if fault := _fault(text):
            faults.setdefault(fault, []).append(str(name)[:253])
    return "; ".join(
        f"spec.encryptedData[{names[0]}] {fault}"
        if len(names) == 1
        else f"{len(names)} values of spec.encryptedData: each {fault}"
        for fault, names in list(faults.items())[:MAX_FAULTS]
    )


def _fault(text: object) -> str:
    if text is None or text == "":
        return f"is {'null' if text is None else 'empty'}: seal a value, or take the line away"
    if not isinstance(text, str):
        return "is no text: a sealed value in base64 was expected"
    try:
        blob = decode_blob(text)
    except BrokenBase64 as error:
        cut = len("".join(text.split())) % 4 and error.offset >= len(text.rstrip()) - 4
        return "is cut off: a part of its base64 text is missing" if cut else ""
    size = int.from_bytes(blob[:2], "big")
    if size not in WRAPPED_KEY_BYTES:
        return "is not sealed: it is base64 of something else, such as a Secret's own data; seal it with kubeseal"
    least = 2 + size + TAG_BYTES
    return f"is cut off: {len(blob)} bytes are there, and a sealed value of its key has {least} or more" * (
        len(blob) < least
    )


def _whitespace(sealed: Mapping[str, Any], problems: str) -> str:
    spec = mapping(sealed.get("spec"))
    texts = [spec.get("data"), *mapping(spec.get("encryptedData")).values()]
    spaced = any(isinstance(text, str) and any(space in text for space in " \t") for text in texts)
    return "there are spaces in the base64 text" if spaced and "base64" in problems else ""


def _foreign_size(sealed: Mapping[str, Any], bits: list[int]) -> str:
    """Return a hint if a value was sealed with a key of a size that none of our keys has."""
    items = mapping(mapping(sealed.get("spec")).get("encryptedData"))
    foreign = sorted({size for text in items.values() if (size := _bits(text))} - set(bits))
    if not foreign:
        return ""
    return f"sealed with a key of {foreign[0]} bits, and there is none here: it is for another cluster"


def _bits(text: object) -> int:
    try:
        blob = decode_blob(text) if isinstance(text, str) else b""
    except BrokenBase64:
        return 0
    size = 8 * int.from_bytes(blob[:2], "big")
    return size if size in (1024, 2048, 3072, 4096, 8192) else 0
