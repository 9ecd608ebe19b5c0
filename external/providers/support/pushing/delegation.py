"""A client that leaves pushing to another object, which has its connection."""

from external.providers.protocol import ProviderError, ProviderUnavailable, SecretAbsent
from external.providers.push import (
    Pushed,
    Pushes,
    PushRefused,
    PushRequest,
    ReferencedObject,
    RemoteRef,
    RemoteUnmanaged,
    canonical,
)
from external.providers.support.refusals import HIDDEN, repeats


class DelegatesPushes:
    """Passes the calls of `Pushes` on to `pusher`."""

    deletes_property = True

    def __init__(self, pusher: Pushes) -> None:
        self._pusher = pusher
        self.deletes_property = pusher.deletes_property

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return the objects that an entry's metadata names. Raises PushRefused."""
        return self._pusher.references(metadata)

    def push(self, request: PushRequest) -> Pushed:
        """Write and mark the value unless it is there. Raises ProviderError, never SecretAbsent."""
        try:
            return self._pusher.push(request)
        except (PushRefused, RemoteUnmanaged):
            raise
        except SecretAbsent:
            raise ProviderUnavailable("the secret was deleted while it was pushed") from None
        except ProviderError as error:
            raise _without_values(error, request) from None

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if there is a value. Raises ProviderError."""
        return self._pusher.exists(ref, metadata)

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete what was pushed; return False if it was gone. Raises ProviderError."""
        return self._pusher.delete(ref, owner, metadata)

    def canonical(self, ref: RemoteRef, metadata: object = None) -> RemoteRef:
        """Return the one ref of a place."""
        return canonical(self._pusher, ref, metadata)


def _without_values(error: ProviderError, request: PushRequest) -> ProviderError:
    """Return an error that quotes nothing of what was pushed: services repeat what they find invalid."""
    text = str(error)
    if not repeats(text, (each.reveal() for each in request.values.values())):
        return error
    call_and_code = text.split(": ")[:2]
    shown = ": ".join([*call_and_code, HIDDEN])
    return type(error)(HIDDEN if repeats(shown, (each.reveal() for each in request.values.values())) else shown)
