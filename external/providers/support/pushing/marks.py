"""The marks by which a provider's secret is ours to overwrite and delete. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from external.providers.push import PushRequest, RemoteUnmanaged
from external.providers.support.pushing.payload import payload
from manager.core.documents import ANSWER, Unreadable, read_json

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


def marks_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the marks of a provider that takes a name twice. Raises RemoteUnmanaged if two PushSecrets are named."""
    found = [(name, text) for name, text in pairs if name in RESERVED]
    if len({text for name, text in found if name == OWNER}) > 1:
        raise RemoteUnmanaged(f"{UNMANAGED} here: {OWNER} names two PushSecrets; remove the one that does not push it")
    return dict(found)


def require_ours_or_known(found: Mapping[str, str], request: PushRequest, place: str, *, known: bool) -> None:
    """Raise RemoteUnmanaged unless `require_ours` allows the push, or it is recorded and tells the secret nothing new.

    For providers where external-secrets leaves no mark. Its record alone proves nothing: whoever may write the status
    of a PushSecret can record any key of a store that others share.

    Args:
        known: whether the secret holds nothing that the source does not.
    """
    if MANAGED_BY in found or not (request.recorded and known):
        require_ours(found, request.owners, place)
    else:
        require_no_other(found.get(OWNER, ""), request.owners, place)


def holds_only_source(request: PushRequest, content: bytes) -> bool:
    """Return True if a secret is what an entry pushes, or with a property a JSON object of values of the source."""
    if not request.ref.property:
        return content == payload(request).reveal()
    try:
        document = read_json(content, ANSWER)
    except Unreadable:
        return False
    return isinstance(document, dict) and in_source(request, document.values())


def in_source(request: PushRequest, values: Iterable[object]) -> bool:
    """Return True if each value is a text of the source."""
    own = {each.reveal() for each in request.values.values()}
    return all(isinstance(each, str) and each.encode("utf-8", "replace") in own for each in values)


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
