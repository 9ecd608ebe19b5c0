"""Open one SealedSecret: accepts malformed objects, and returns all values or none. Pure."""

import base64
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from manager.core.documents import read_json
from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue
from sealed.crypto.wire_format import BrokenBase64, CannotDecrypt, Scope, decode_blob, label, scope_of, unseal

MAX_FAILURES = 10
"""Items that may fail until the rest is skipped: each costs an RSA operation for each key."""
MAX_NAME_CHARACTERS = 253  # of a Secret's key, as the API server allows; a user may have written more

DEPRECATED = "using deprecated 'data' field, use 'encryptedData' or flip the feature flag"
BOTH = "'data' and 'encryptedData' are used at the same time, remove 'data'"
NO_SECRET = "spec.data does not hold a Secret of version v1"

STEP_ITEMS = 8  # items in a step: 40 ms with one RSA-4096 key, so that others wait no longer for a turn

Keys = Sequence[tuple[str, RSAPrivateKey]]


class UnsealFailed(CofferError):
    """Some items could not be opened; the text is that of the original, in sorted order."""

    def __init__(self, problems: tuple[str, ...], *, slow: bool = False) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.slow = slow
        """A template took too long, which depends on how busy the node is."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The values, and which keys opened them."""

    values: dict[str, SecretValue]
    key_ids: frozenset[str]
    template: Mapping[str, Any] | None = None
    """Used instead of `spec.template`: the Secret in a legacy `spec.data` has its own."""


Steps = Generator[None, None, Unsealed]


def open_object(sealed: Mapping[str, Any], keys: Keys, *, legacy: bool) -> Unsealed:
    """Open a SealedSecret at once, see `opening`. Raises UnsealFailed."""
    return _finished(opening(sealed, keys, legacy=legacy))


def opening(sealed: Mapping[str, Any], keys: Keys, *, legacy: bool) -> Steps:
    """Open a SealedSecret in steps; take each in a thread, an RSA-4096 operation takes 5 ms.

    An object may have two thousand items: other namespaces take turns between the steps.

    Args:
        sealed: the object, perhaps malformed; its name, namespace and scope are authenticated, never its template.
        keys: in the order in which they are tried.
        legacy: whether the deprecated `spec.data` is read.

    Raises:
        UnsealFailed: with the first ten problems at once.

    """
    spec = mapping(sealed.get("spec"))
    _, bound_to = binding(sealed)
    if spec.get("data") is None:
        return (yield from _items(spec.get("encryptedData"), bound_to, keys))
    if not legacy:
        raise UnsealFailed((DEPRECATED,))
    if spec.get("encryptedData"):
        raise UnsealFailed((BOTH,))
    return _open_legacy(spec["data"], bound_to, keys)


def binding(sealed: Mapping[str, Any]) -> tuple[Scope, bytes]:
    """Return the scope of a SealedSecret and the label its values are bound to: its metadata alone decides."""
    metadata = mapping(sealed.get("metadata"))
    scope = scope_of(mapping(metadata.get("annotations")))
    name, namespace = (text if isinstance(text := metadata.get(key), str) else "" for key in ("name", "namespace"))
    return scope, label(scope, namespace, name)


def mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping as it is and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def step(steps: Steps) -> Unsealed | None:
    """Take one step of `opening`; returns what was opened after the last one. Raises UnsealFailed."""
    try:
        next(steps)
    except StopIteration as end:
        result: Unsealed = end.value
        return result
    return None


def decrypt_items(encrypted: object, bound_to: bytes, keys: Keys) -> Unsealed:
    """Open every item of `spec.encryptedData` at once. Raises UnsealFailed."""
    return _finished(_items(encrypted, bound_to, keys))


def _finished(steps: Steps) -> Unsealed:
    while True:
        opened = step(steps)
        if opened is not None:
            return opened


def _items(encrypted: object, bound_to: bytes, keys: Keys) -> Steps:
    """Open every item of `spec.encryptedData`.

    Args:
        encrypted: as the user wrote it; what is not a mapping counts as empty, what is not a string fails.
        bound_to: the OAEP label of the scope.
        keys: in the order in which they are tried; the one that worked is tried first for the next item.

    Raises:
        UnsealFailed: with the first ten problems at once.

    """
    values: dict[str, SecretValue] = {}
    problems: dict[str, list[str]] = defaultdict(list)
    used: set[str] = set()
    order = list(keys)
    items = sorted(encrypted.items()) if isinstance(encrypted, dict) else []
    for position, (name, text) in enumerate(items):
        if position and position % STEP_ITEMS == 0:
            yield
        if sum(map(len, problems.values())) == MAX_FAILURES:
            problems["items not looked at after these"].append(str(len(items) - position))
            break
        try:
            opener, values[name] = _open(decode_blob(text if isinstance(text, str) else ""), bound_to, order)
        except (BrokenBase64, CannotDecrypt) as error:
            problems[str(error)].append(name[:MAX_NAME_CHARACTERS])
            continue
        used.add(order[opener][0])
        order.insert(0, order.pop(opener))
    if problems:
        raise UnsealFailed(tuple(f"{text} ({', '.join(names)})" for text, names in sorted(problems.items())))
    return Unsealed(values, frozenset(used))


def _open_legacy(text: object, bound_to: bytes, keys: Keys) -> Unsealed:
    """Open the deprecated form: one blob that holds a whole Secret as JSON."""
    try:
        opener, whole = _open(decode_blob(text if isinstance(text, str) else ""), bound_to, keys)
    except (BrokenBase64, CannotDecrypt) as error:
        raise UnsealFailed((str(error),)) from None
    try:
        secret = read_json(whole.reveal())
        known = (secret["apiVersion"], secret["kind"]) == ("v1", "Secret")
        values = {name: SecretValue(base64.b64decode(value)) for name, value in (secret.get("data") or {}).items()}
        texts = {name: SecretValue(value.encode()) for name, value in (secret.get("stringData") or {}).items()}
    except Exception:  # the text of any error here may quote the Secret
        raise UnsealFailed((NO_SECRET,)) from None
    if not known:
        raise UnsealFailed((NO_SECRET,))
    template = {name: secret[name] for name in ("metadata", "type", "immutable") if name in secret}
    return Unsealed(values | texts, frozenset({keys[opener][0]}), template)


def _open(blob: bytes, bound_to: bytes, keys: Keys) -> tuple[int, SecretValue]:
    for position, (_, key) in enumerate(keys):
        try:
            return position, unseal(key, blob, bound_to)
        except CannotDecrypt:
            continue
    raise CannotDecrypt
