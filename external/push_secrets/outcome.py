"""What came of one pass over a PushSecret, and the texts that external-secrets has for it."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from external.api.push_secret import PushSecretSpec
from external.push_secrets.record import Record
from external.push_secrets.view import SYNCED, EntryState
from manager.core.errors import ReconcileError

PUSHED = "PushSecret synced successfully"
UNCHANGED = ". Existing secrets in providers unchanged."
DELETED = "source secret deleted; provider secrets cleaned up"


def success_message(spec: PushSecretSpec) -> str:
    """Return the message of the condition after a success."""
    return PUSHED + (UNCHANGED if spec.update_policy == "IfNotExists" else "")


@dataclass
class Outcome:
    """What came of a pass."""

    error: ReconcileError | None = None
    record: Record | None = None
    """What the provider has; None if that was not looked at."""
    states: Sequence[EntryState] | None = None
    reason: str = SYNCED
    message: str = PUSHED
    synced: bool = False
    """Whether everything is at the providers, or is proven to be."""
    at: float = 0.0
    """Unix time for which that holds."""
    sources: str = ""
    versions: str = ""
    refresh_by: float | None = None
    wrote: bool = False
    gate: Hashable = None
    """A dependency that does not answer."""
    backoff: bool = False
    """Whether an error may end without an event."""
    after: float | None = None
    """Seconds until the pass goes on."""
    answered: Hashable = None
    """A dependency that has answered."""

    @property
    def news(self) -> bool:
        """Whether there is anything to report; otherwise nothing was due."""
        return self.error is not None or self.synced or self.record is not None or self.reason != SYNCED
