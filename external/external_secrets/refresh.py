"""When is an ExternalSecret due? Pure (core 2.3 to 2.5, without their quirks; DESIGN.md 4a, 9)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from external.summaries import ExternalSecretSummary

PERSISTED_EVERY = 600.0  # seconds; an unchanged refresh is written to the status at most this often


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The last refresh that this process made; it may be later than what the status tells."""

    at: float
    """Unix time."""
    identity: tuple[str, ...]
    """Under which store and credentials."""
    mark: str = ""
    """One word for the versions that were read; empty where the provider names none."""
    began: float = 0.0
    """Monotonic second at which the oldest of the values was asked for, or for which it is proven."""

    def answers(self, since: float) -> bool:
        """Tell whether a list of versions may speak for what was read: not for what has been wanted anew since."""
        return bool(self.mark) and self.began >= since


def due_in(digest: ExternalSecretSummary, last: float | None, now: float) -> float | None:
    """Return the seconds until the next refresh, None for never.

    Args:
        last: Unix time of the last refresh, None when there was none.
        now: Unix time.

    """
    if not digest.synced or last is None:
        return 0.0
    if digest.policy == "CreatedOnce":
        return None
    changed = digest.synced != digest.current
    if digest.policy == "OnChange":
        return 0.0 if changed else None
    if digest.interval <= 0:
        return None  # the first sync only, whatever changes
    if changed or last > now:
        return 0.0
    due = max(0.0, last + digest.interval - now)
    if digest.windows is None:
        return due
    permitted = digest.windows.permitted_from(datetime.fromtimestamp(now + due, UTC))
    return None if permitted is None else permitted.timestamp() - now


def persist_due(digest: ExternalSecretSummary, now: float) -> bool:
    """Tell whether the refresh time in the status is so old that it is worth a write."""
    return digest.refreshed is None or now - digest.refreshed >= max(digest.interval, PERSISTED_EVERY)
