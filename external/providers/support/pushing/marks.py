"""The marks by which a provider's secret is ours to overwrite and delete. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from external.providers.push import RemoteUnmanaged

MANAGED_BY = "managed-by"
MANAGER = "external-secrets"
OWNER = "coffer.dev/push-secret"
MANAGED: Mapping[str, str] = MappingProxyType({MANAGED_BY: MANAGER})
"""The mark of external-secrets, which Coffer leaves too: either may take over what the other has pushed."""
RESERVED = frozenset({MANAGED_BY, OWNER})
"""Marks that no entry may set."""
UNMANAGED = "secret not managed by external-secrets"
DIGEST_CHARACTERS = 40
MAX_SHOWN_CHARACTERS = 330  # a namespace, a slash and a name


def marks(owner: str, room: int = MAX_SHOWN_CHARACTERS) -> dict[str, str]:
    """Return the marks that name a PushSecret.

    Args:
        room: characters that the provider allows; a longer name is cut, with a digest that tells it from others.
    """
    return {**MANAGED, OWNER: owner_mark(owner, room)}


def owner_mark(owner: str, room: int = MAX_SHOWN_CHARACTERS) -> str:
    """Return the text that names a PushSecret in a mark."""
    if len(owner) <= room:
        return owner
    digest = hashlib.sha256(owner.encode()).hexdigest()[:DIGEST_CHARACTERS]
    return f"{owner[: room - DIGEST_CHARACTERS - 1]}={digest}"


def require_ours(found: Mapping[str, str], owners: Iterable[str], place: str, room: int = MAX_SHOWN_CHARACTERS) -> None:
    """Raise RemoteUnmanaged unless a secret is marked, and with no other PushSecret's name.

    A mark without a name is external-secrets': it is taken over.

    Args:
        owners: whose name may be there.
        place: what holds the marks, such as `tag`, for the cure.
    """
    if found.get(MANAGED_BY) != MANAGER:
        cure = f"to hand it over, give it the {place} {MANAGED_BY}={MANAGER}"
        raise RemoteUnmanaged(f"{UNMANAGED}: it was not written by a PushSecret; {cure}, or push to another remoteKey")
    require_no_other(found.get(OWNER, ""), [owner_mark(each, room) for each in owners], place)


def require_no_other(named: str, owners: Sequence[str], place: str) -> None:
    """Raise RemoteUnmanaged if a mark names another PushSecret; one of another namespace is not told by name."""
    if not named or named in owners:
        return
    if any(named.partition("/")[0] == each.partition("/")[0] for each in owners):
        shown = named[:MAX_SHOWN_CHARACTERS] if named.isprintable() else "another"
        cure = f"push all of it from one PushSecret, or remove the {place} {OWNER} to hand it over"
        raise RemoteUnmanaged(f"{UNMANAGED} here: PushSecret {shown} has written it; {cure}")
    cure = f"its owner or an administrator removes the {place} {OWNER} to hand it over, or push to another remoteKey"
    raise RemoteUnmanaged(f"{UNMANAGED} here: a PushSecret of another namespace has written it; {cure}")
