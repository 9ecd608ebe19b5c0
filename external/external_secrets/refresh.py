"""Why an ExternalSecret is refreshed now, and when the next refresh is due. Pure."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from external.refresh_reasons import Reason, worth_persisting
from external.summaries import ExternalSecretSummary


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
    refresh_by: float | None = None
    """Unix time at which generated values that end must be replaced; None if there are none."""

    def answers(self, since: float) -> bool:
        """Return True if a list of versions may confirm what was read: nothing has been requested since."""
        return bool(self.mark) and self.began >= since


@dataclass(frozen=True, slots=True)
class Observed:
    """What a pass observed that can make a refresh due."""

    identity: tuple[str, ...]
    """The stores and credentials that would be used now."""
    marked_stale: bool
    """Whether the watches saw a store, its credentials or a template change since the last pass."""
    intact: bool
    """Whether the target is as it was written."""
    refresh_by: float | None = None
    """Unix time at which its values must be replaced, as the target says; None if it says nothing."""


def refresh_reason(summary: ExternalSecretSummary, last: Refreshed | None, seen: Observed, now: float) -> Reason:
    """Return why a refresh is due; `Reason.NONE` if the target may stay as it is.

    Args:
        summary: of the ExternalSecret as the API server has it.
        last: the last refresh by this process; None after a start.
        seen: what else this pass observed.
        now: Unix time.

    """
    reason = Reason.NONE
    refresh_by = last.refresh_by if last else seen.refresh_by
    if due_in(summary, last_refresh(summary, last), now, refresh_by) == 0.0:
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


def due_in(
    summary: ExternalSecretSummary, last: float | None, now: float, refresh_by: float | None = None
) -> float | None:
    """Return the seconds until the next refresh, None for never.

    Args:
        summary: of the ExternalSecret.
        last: Unix time of the last refresh, None when there was none.
        now: Unix time.
        refresh_by: Unix time at which generated values that end must be replaced, whatever the interval is.

    """
    if not summary.synced or last is None:
        return 0.0
    if summary.policy == "CreatedOnce":
        return None
    changed = summary.synced != summary.current
    if summary.policy == "OnChange":
        return 0.0 if changed else None
    if summary.interval <= 0:  # the first sync only, whatever changes; but a token that has ended is of no use
        if refresh_by is None:
            return None
        due = max(0.0, refresh_by - now)
    elif changed or last > now:
        return 0.0
    else:
        due = max(0.0, min(last + summary.interval, refresh_by or math.inf) - now)
    if summary.windows is None:
        return due
    permitted = summary.windows.permitted_from(datetime.fromtimestamp(now + due, UTC))
    return None if permitted is None else permitted.timestamp() - now


def persist_due(summary: ExternalSecretSummary, now: float) -> bool:
    """Return True if the refresh time in the status is so old that it is worth a write."""
    return worth_persisting(summary.refreshed, summary.interval, now)
