"""Opens the items of one SealedSecret: lenient about what it is given, all or nothing about what it returns. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from manager.errors import CofferError
from manager.plain import Plain
from sealed.crypto import BrokenBase64, CannotDecrypt, decode_blob, unseal

MOST_FAILURES = 10
"""Items that may fail before the rest is left: each costs an RSA operation a key, and a place in the condition."""
LONGEST_NAME = 253  # characters of a Secret's key (Kubernetes: IsConfigMapKey); a user may have written more

Keys = Sequence[tuple[str, RSAPrivateKey]]


class UnsealFailed(CofferError):
    """Some items could not be opened; the text follows sealed-secrets.md 2.5, in sorted order."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The values, and which keys opened them."""

    values: dict[str, Plain]
    key_ids: frozenset[str]


def decrypt_items(encrypted: object, bound_to: bytes, keys: Keys) -> Unsealed:
    """Open every item of `spec.encryptedData`; call it in a thread, an RSA-4096 operation takes 5 ms.

    Args:
        encrypted: as the user wrote it; what is not a mapping counts as empty, what is not a string fails (1.3).
        bound_to: the OAEP label of the scope.
        keys: in the order in which they are tried; the one that worked is tried first for the next item.

    Raises:
        UnsealFailed: with the first ten problems at once.

    """
    values: dict[str, Plain] = {}
    problems: dict[str, list[str]] = defaultdict(list)
    used: set[str] = set()
    order = list(keys)
    items = sorted(encrypted.items()) if isinstance(encrypted, dict) else []
    for position, (name, text) in enumerate(items):
        if sum(map(len, problems.values())) == MOST_FAILURES:
            problems["items not looked at after these"].append(str(len(items) - position))
            break
        try:
            opener, values[name] = _open(decode_blob(text if isinstance(text, str) else ""), bound_to, order)
        except (BrokenBase64, CannotDecrypt) as error:
            problems[str(error)].append(name[:LONGEST_NAME])
            continue
        used.add(order[opener][0])
        order.insert(0, order.pop(opener))
    if problems:
        raise UnsealFailed(tuple(f"{text} ({', '.join(names)})" for text, names in sorted(problems.items())))
    return Unsealed(values, frozenset(used))


def _open(blob: bytes, bound_to: bytes, keys: Keys) -> tuple[int, Plain]:
    for position, (_, key) in enumerate(keys):
        try:
            return position, unseal(key, blob, bound_to)
        except CannotDecrypt:
            continue
    raise CannotDecrypt
