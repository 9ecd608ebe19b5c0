"""Which ExternalSecrets use a Secret or ConfigMap through their generators, so that its change wakes them."""

from collections.abc import Collection

from manager.kube.resources import Key


class CredentialUsers:
    """Remembers what the generators of each ExternalSecret refer to, as its last pass has read them."""

    def __init__(self) -> None:
        self._named: dict[Key, frozenset[Key]] = {}
        self._users: dict[Key, set[Key]] = {}

    def note(self, external_secret: Key, named: Collection[Key]) -> None:
        """Replace what is known of an ExternalSecret."""
        self.forget(external_secret)
        if named:
            self._named[external_secret] = frozenset(named)
        for each in named:
            self._users.setdefault(each, set()).add(external_secret)

    def users(self, credential: Key) -> Collection[Key]:
        """Return the ExternalSecrets whose generators refer to an object."""
        return tuple(self._users.get(credential, ()))

    def forget(self, external_secret: Key) -> None:
        """Drop an ExternalSecret that was deleted."""
        for each in self._named.pop(external_secret, ()):
            users = self._users[each]
            users.discard(external_secret)
            if not users:
                del self._users[each]
