"""Cron schedules as robfig/cron reads them (core 2.3): five fields, names, descriptors and `@every`; always in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from manager.durations import parse_duration

MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = MappingProxyType({name: at + 1 for at, name in enumerate(MONTH_NAMES)})
DAYS = MappingProxyType({name: at for at, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))})
NO_NAMES: Mapping[str, int] = MappingProxyType({})
BOUNDS = ((0, 59, NO_NAMES), (0, 23, NO_NAMES), (1, 31, NO_NAMES), (1, 12, MONTHS), (0, 6, DAYS))
DESCRIPTORS = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)
EVERY = "@every "
FURTHEST = timedelta(days=5 * 366)  # after which a schedule counts as one that never comes


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes that match; of the two kinds of day either is enough where both are restricted."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool
    """Whether a day must match in both ways: one of them is a star."""

    def after(self, moment: datetime) -> datetime | None:
        """Return the first match strictly after a moment, None when there is none in five years."""
        at = (moment.astimezone(UTC) + timedelta(minutes=1)).replace(second=0, microsecond=0)
        end = at + FURTHEST
        while at < end:
            if at.month not in self.months:
                at = (at.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
            elif not self._day(at):
                at = at.replace(hour=0, minute=0) + timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=0) + timedelta(hours=1)
            elif at.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at
        return None

    def _day(self, at: datetime) -> bool:
        by_month, by_week = at.day in self.days, (at.weekday() + 1) % 7 in self.weekdays
        return (by_month and by_week) if self.both_days else (by_month or by_week)


def parse_schedule(text: str) -> Schedule | float:
    """Read a schedule; `@every` gives its seconds. Raises ValueError."""
    if text.startswith(EVERY):
        return max(1.0, float(int(parse_duration(text.removeprefix(EVERY)))))
    fields = DESCRIPTORS.get(text, text).split()
    if len(fields) != 5:
        raise ValueError("not five fields")
    read = [_field(each, *bounds) for each, bounds in zip(fields, BOUNDS, strict=True)]
    minutes, hours, days, months, weekdays = read
    both = days[1] or weekdays[1]
    return Schedule(minutes[0], hours[0], days[0], months[0], weekdays[0], both)


def _field(text: str, low: int, high: int, names: Mapping[str, int]) -> tuple[frozenset[int], bool]:
    """Return the values of one field, and whether it is a star."""
    values: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):  # the original skips empty ones
        span, slash, step_text = part.partition("/")
        step = _number(step_text, NO_NAMES) if slash else 1
        first, dash, last = span.partition("-")
        if first in ("*", "?") and not dash:
            start, end, star = low, high, star or step == 1
        else:
            start = _number(first, names)
            end = _number(last, names) if dash else (high if slash else start)
        if not low <= start <= end <= high or step < 1:
            raise ValueError("out of bounds")
        values.update(range(start, end + 1, step))
    if not values:
        raise ValueError("no value")
    return frozenset(values), star


def _number(text: str, names: Mapping[str, int]) -> int:
    found = names.get(text.lower())
    if found is not None:
        return found
    if not (text.isascii() and text.isdecimal()) or len(text) > 4:
        raise ValueError("not a number")
    return int(text)
