"""What the watches and the reconciler of ExternalSecrets tell each other."""

from dataclasses import dataclass, field

from external.external_secrets.refresh import Refreshed
from external.external_secrets.unsynced import Unsynced
from external.generators.credentials import CredentialUsers
from external.generators.state_index import StateIndex
from external.reading.expected_requests import ExpectedRequests
from external.reading.request_times import RequestTimes
from manager.kube.resources import Key


@dataclass
class SyncState:
    """Remembers ExternalSecrets between their passes; a restart loses nothing that a pass does not find again."""

    requests: RequestTimes
    """When each ExternalSecret last requested its values; the watches note it."""
    expected: ExpectedRequests
    """What queued ExternalSecrets will ask of their stores."""
    generator_states: StateIndex
    """The GeneratorStates of each ExternalSecret."""
    unsynced: Unsynced = field(default_factory=Unsynced)
    """Bodies of ExternalSecrets that were never synced, so that their first pass needs no read."""
    stale: set[Key] = field(default_factory=set)
    """ExternalSecrets whose store, credentials or templates changed since the last pass; the watches add them."""
    written: dict[Key, str] = field(default_factory=dict)
    """Target -> resourceVersion of our last write, so that the watches ignore its echo."""
    refreshed: dict[Key, Refreshed] = field(default_factory=dict)
    """The refreshes of this process."""
    accepted: dict[Key, tuple[str, str]] = field(default_factory=dict)
    """For targets of other kinds: the hashes of the last requested content, and of what was stored for it."""

    generator_credentials: CredentialUsers = field(default_factory=CredentialUsers)
    """What the generators of each ExternalSecret refer to; the reconciler notes it."""

    def forget(self, key: Key) -> None:
        """Drop what is remembered of an ExternalSecret that is deleted.

        Its request times are dropped by the watches, which see last that it is gone.
        """
        self.refreshed.pop(key, None)
        self.accepted.pop(key, None)
        self.unsynced.forget(key)
        self.stale.discard(key)
