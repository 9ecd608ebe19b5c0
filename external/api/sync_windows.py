"""When a periodic refresh may happen: `spec.syncWindows`. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from external.api.schedules import Schedule, TooMuchWork, Work, parse_schedule
from manager.core.durations import parse_duration

SECOND = timedelta(seconds=1)
FOREVER = datetime.max.replace(tzinfo=UTC)
MAX_WINDOWS = 100  # tenants write them, and the event loop evaluates each
MAX_STEPS = 64  # windows in a row; after that many the answer is asked for again
MAX_MONTHS = 1_000  # searched for one answer, of all windows together: 5 ms
REFERENCE = datetime(2026, 1, 1, tzinfo=UTC)
NEVER_FOR = timedelta(days=30)  # after that, a schedule without a match in five years is searched again
LATER = timedelta(hours=1)  # until it is asked again where the answer takes more


@dataclass(slots=True)
class Window:
    """A schedule, and how long each of its matches stays open."""

    schedule: Schedule | float
    duration: timedelta
    _known: tuple[datetime, datetime | None] | None = field(default=None, compare=False)
    """A moment, and the next match after it: the same for every moment between the two."""

    def active_until(self, moment: datetime, work: Work) -> datetime | None:
        """Return when the window that is open at a moment closes, None if none is open."""
        if not isinstance(self.schedule, Schedule):
            # robfig/cron counts `@every` from the moment that is asked about: always open, or never.
            return FOREVER if self.schedule <= self.duration.total_seconds() + 1 else None
        opened = self._after(moment - self.duration - SECOND, work)
        return opened + self.duration if opened is not None and opened <= moment <= opened + self.duration else None

    def opens_after(self, moment: datetime, work: Work) -> datetime | None:
        """Return the next moment at which it opens."""
        return self._after(moment, work)

    def _after(self, moment: datetime, work: Work) -> datetime | None:
        if not isinstance(self.schedule, Schedule):
            return None
        if self._known is not None:
            since, comes = self._known
            if since <= moment < (comes or since + NEVER_FOR):
                return comes
        comes = self.schedule.after(moment, work)
        self._known = (moment, comes)
        return comes


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of an ExternalSecret, which allow or deny."""

    allow: bool
    windows: tuple[Window, ...]

    def permitted_from(self, moment: datetime) -> datetime | None:
        """Return the first moment from this one on at which a refresh may happen, None if there is none.

        Where that takes too much work it is a moment at which it should be asked again.
        """
        try:
            return self._permitted_from(moment, Work(MAX_MONTHS))
        except TooMuchWork:
            return moment + LATER

    def too_much(self) -> bool:
        """Return True if an answer takes more work than its budget, measured at one fixed moment."""
        fresh = Windows(self.allow, tuple([Window(each.schedule, each.duration) for each in self.windows]))
        try:
            fresh._permitted_from(REFERENCE, Work(MAX_MONTHS))
        except TooMuchWork:
            return True
        return False

    def _permitted_from(self, moment: datetime, work: Work) -> datetime | None:
        for _ in range(MAX_STEPS):
            closes = [
                each for each in (window.active_until(moment, work) for window in self.windows) if each is not None
            ]
            if bool(closes) is self.allow:
                return moment
            if self.allow:
                opens = [
                    each for each in (window.opens_after(moment, work) for window in self.windows) if each is not None
                ]
                return min(opens, default=None)
            closed = max(closes)
            if closed == FOREVER:
                return None
            moment = closed + SECOND
        return moment


def _known(moments: Iterable[datetime | None]) -> list[datetime]:
    return [each for each in moments if each is not None]


def windows_of(given: Mapping[str, Any]) -> Windows | None:
    """Read a raw `spec.syncWindows`; an invalid window never opens."""
    if given.get("kind") not in ("allow", "deny"):
        return None
    found = [each for each in (_window(raw) for raw in (given.get("windows") or ())[:MAX_WINDOWS]) if each is not None]
    return Windows(given["kind"] == "allow", tuple(found))


def _window(raw: Any) -> Window | None:
    try:
        seconds = parse_duration(str(raw["duration"]))
        return Window(parse_schedule(str(raw["schedule"])), timedelta(seconds=max(0.0, seconds)))
    except (ValueError, OverflowError, KeyError, TypeError):
        return None
