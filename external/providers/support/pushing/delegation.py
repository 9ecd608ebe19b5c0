"""A client that leaves pushing to another object, which has its connection."""

from external.providers.push import Pushed, Pushes, PushRequest, ReferencedObject, RemoteRef


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
        """Write and mark the value unless it is there. Raises ProviderError."""
        return self._pusher.push(request)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if there is a value. Raises ProviderError."""
        return self._pusher.exists(ref, metadata)

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete what was pushed; return False if it was gone. Raises ProviderError."""
        return self._pusher.delete(ref, owner, metadata)
