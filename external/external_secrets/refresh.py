"""Why an ExternalSecret is refreshed now, and when the next refresh is due. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Flag, auto

from external.summaries import ExternalSecretSummary

MIN_PERSIST_SECONDS = 600.0  # between two writes of a refresh time that changes nothing else in the status


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The last refresh by this process; it may be later than the status says."""

    at: float
    """Unix time."""
    identity: tuple[str, ...]
    """The stores and credentials that were used."""
    mark: str = ""
    """A fingerprint of the versions that were read; empty if the provider has no versions."""
    began: float = 0.0
    """Monotonic second at which the oldest of the values was requested, or for which it is proven."""

    def answers(self, since: float) -> bool:
        """Return True if a list of versions may confirm what was read: nothing has been requested since."""
        return bool(self.mark) and self.began >= since


class Reason(Flag):
    """Why the provider is read now; several reasons may apply."""

    NONE = 0
    DUE = auto()
    """There was no refresh yet, the interval has passed, or the object has changed."""
    ASKED = auto()
    """The user has changed the object, or forced a refresh."""
    MOVED = auto()
    """The store or its credentials have changed: other values may be behind the same keys."""
    REPAIR = auto()
    """The last pass failed, or the target was edited or removed."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a pass observed that can make a refresh due."""

    identity: tuple[str, ...]
    """The stores and credentials that would be used now."""
    marked_stale: bool
    """Whether the watches saw a store, its credentials or a template change since the last pass."""
    intact: bool
    """Whether the target is as it was written."""


def refresh_reason(summary: ExternalSecretSummary, last: Refreshed | None, seen: Observed, now: float) -> Reason:
    """Return why a refresh is due; `Reason.NONE` if the target may stay as it is.

    Args:
        summary: of the ExternalSecret as the API server has it.
        last: the last refresh by this process; None after a start.
        seen: what else this pass observed.
        now: Unix time.

    """
    reason = Reason.NONE
    if due_in(summary, last_refresh(summary, last), now) == 0.0:
        reason |= Reason.DUE
        if summary.synced and summary.synced != summary.current:
            reason |= Reason.ASKED
    other_identity = last is not None and last.identity != seen.identity
    # CreatedOnce, OnChange and interval 0 keep the first value, whatever happens to the store.
    if (seen.marked_stale or other_identity) and summary.policy == "Periodic" and summary.interval > 0:
        reason |= Reason.MOVED
    if not (summary.ready and seen.intact):
        reason |= Reason.REPAIR
    return reason


def last_refresh(summary: ExternalSecretSummary, last: Refreshed | None) -> float | None:
    """Return the Unix time of this process's last refresh, otherwise that in the status; None for never."""
    return last.at if last else summary.refreshed


def due_in(summary: ExternalSecretSummary, last: float | None, now: float) -> float | None:
    """Return the seconds until the next refresh, None for never.

    Args:
        summary: of the ExternalSecret.
        last: Unix time of the last refresh, None when there was none.
        now: Unix time.

    """
    if not summary.synced or last is None:
        return 0.0
    if summary.policy == "CreatedOnce":
        return None
    changed = summary.synced != summary.current
    if summary.policy == "OnChange":
        return 0.0 if changed else None
    if summary.interval <= 0:
        return None  # the first sync only, whatever changes
    if changed or last > now:
        return 0.0
    due = max(0.0, last + summary.interval - now)
    if summary.windows is None:
        return due
    permitted = summary.windows.permitted_from(datetime.fromtimestamp(now + due, UTC))
    return None if permitted is None else permitted.timestamp() - now


def persist_due(summary: ExternalSecretSummary, now: float) -> bool:
    """Return True if the refresh time in the status is so old that it is worth a write."""
    return summary.refreshed is None or now - summary.refreshed >= max(summary.interval, MIN_PERSIST_SECONDS)
