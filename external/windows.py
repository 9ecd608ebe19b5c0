"""When a periodic refresh may happen: `syncWindows` (core 2.3). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from external.schedules import Schedule, parse_schedule
from manager.durations import parse_duration

SECOND = timedelta(seconds=1)
FOREVER = datetime.max.replace(tzinfo=UTC)
MOST_WINDOWS = 100  # tenants write them, and the event loop looks at each
MOST_STEPS = 64  # windows that close one after the other; what is not free by then is looked at again


@dataclass(frozen=True, slots=True)
class Window:
    """A schedule, and how long it stays open from each of its moments."""

    schedule: Schedule | float
    duration: timedelta

    def active_until(self, moment: datetime) -> datetime | None:
        """Return when the window closes that is open at a moment, None when none is."""
        if not isinstance(self.schedule, Schedule):
            # The original counts `@every` from the question itself: open always, or never.
            return FOREVER if self.schedule <= self.duration.total_seconds() + 1 else None
        opened = self.schedule.after(moment - self.duration - SECOND)
        return opened + self.duration if opened is not None and opened <= moment <= opened + self.duration else None

    def opens_after(self, moment: datetime) -> datetime | None:
        """Return the next moment at which it opens."""
        return self.schedule.after(moment) if isinstance(self.schedule, Schedule) else None


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of an ExternalSecret: they allow, or they deny."""

    allow: bool
    windows: tuple[Window, ...]

    def permitted_from(self, moment: datetime) -> datetime | None:
        """Return the first moment from this one on at which a refresh may happen, None when none is in sight."""
        for _ in range(MOST_STEPS):
            closes = [each for each in (window.active_until(moment) for window in self.windows) if each is not None]
            if bool(closes) is self.allow:
                return moment
            if self.allow:
                opens = [each for each in (window.opens_after(moment) for window in self.windows) if each is not None]
                return min(opens, default=None)
            closed = max(closes)
            if closed == FOREVER:
                return None
            moment = closed + SECOND
        return moment


def windows_of(given: Mapping[str, Any]) -> Windows | None:
    """Read `spec.syncWindows`, however odd it is; what cannot be read never opens."""
    if given.get("kind") not in ("allow", "deny"):
        return None
    found = [each for each in (_window(raw) for raw in (given.get("windows") or ())[:MOST_WINDOWS]) if each is not None]
    return Windows(given["kind"] == "allow", tuple(found))


def _window(raw: Any) -> Window | None:
    try:
        seconds = parse_duration(str(raw["duration"]))
        return Window(parse_schedule(str(raw["schedule"])), timedelta(seconds=max(0.0, seconds)))
    except (ValueError, OverflowError, KeyError, TypeError):
        return None
