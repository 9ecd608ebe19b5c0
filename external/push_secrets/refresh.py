"""Why a PushSecret is pushed now, and when it is looked at next. Pure."""

from dataclasses import dataclass

from external.push_secrets.memory import Remembered
from external.push_summaries import PushSecretSummary
from external.refresh_reasons import Reason, worth_persisting


@dataclass(frozen=True, slots=True)
class Known:
    """What was last pushed: by this process, otherwise by the status."""

    sources: str
    versions: str
    at: float | None
    refresh_by: float | None = None


def known_of(summary: PushSecretSummary, remembered: Remembered | None) -> Known:
    """Return what is known of the last push; empty stamps if external-secrets made it."""
    if remembered is not None and remembered.at is not None:
        return Known(remembered.sources, remembered.versions, remembered.at, remembered.refresh_by)
    return Known(summary.sources, summary.versions, summary.refreshed, summary.refresh_by)


def due_in(summary: PushSecretSummary, known: Known, now: float) -> float | None:
    """Return the seconds until the next refresh, None for never: with interval 0, only a change is pushed."""
    if not summary.synced or summary.synced != summary.current or known.at is None or known.at > now:
        return 0.0
    due = [known.at + summary.interval] if summary.interval > 0 else []
    due += [known.refresh_by] if known.refresh_by is not None else []
    return max(0.0, min(due) - now) if due else None


def reason_for(summary: PushSecretSummary, known: Known, sources: str, now: float, *, stale: bool) -> Reason:
    """Return why a push is due; `Reason.NONE` if everything stands as it was pushed.

    Args:
        summary: of the PushSecret.
        known: the last push.
        sources: the stamp of sources, templates and stores now.
        now: Unix time.
        stale: whether the watches saw one of them change, or an older PushSecret claim the same place.

    """
    reason = Reason.NONE
    if due_in(summary, known, now) == 0.0:
        reason |= Reason.DUE
    if summary.synced != summary.current:
        reason |= Reason.ASKED
    if stale or known.sources not in ("", sources):
        reason |= Reason.MOVED
    if not summary.ready:
        reason |= Reason.REPAIR
    return reason


def persist_due(summary: PushSecretSummary, now: float) -> bool:
    """Return True if the refresh time in the status is so old that it is worth a write."""
    return worth_persisting(summary.refreshed, summary.interval, now)
