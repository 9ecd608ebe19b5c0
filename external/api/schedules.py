"""Cron schedules as github.com/robfig/cron reads them: five fields, names, descriptors, `@every`; in UTC."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

from manager.core.durations import parse_duration

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
FURTHEST = timedelta(days=5 * 366)  # a schedule without a match by then counts as one that never matches


MAX_YEARS = 5  # of the search for the next match; a month takes two microseconds
DAYS_OF_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
MAX_SCHEDULE_CHARACTERS = 128  # all 31 days of a month, written out, have 82


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes that match; of the two kinds of day either is enough where both are restricted.

    A set of numbers is one number, whose bits they are: a hundred schedules of a tenant take no memory, and the next
    day of a month is found without looking at each.
    """

    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    both_days: bool
    """Whether a day must match in both ways: one of them is a star."""

    def after(self, moment: datetime, work: "Work | None" = None) -> datetime | None:
        """Return the first match after a moment, None if there is none in five years.

        Raises:
            TooMuchWork: more months would have to be looked at than are left of `work`.

        """
        at = (moment.astimezone(UTC) + timedelta(minutes=1)).replace(second=0, microsecond=0)
        year, month = at.year, at.month
        start: datetime | None = at
        while year <= min(at.year + MAX_YEARS, MAXYEAR) and not self._never:
            if work is not None:
                work.spend()
            found = self._within(year, month, start)
            if found is not None:
                return found if found < at + FURTHEST else None
            following, start = _lowest(self.months, month + 1), None
            year, month = (year, following) if following else (year + 1, _lowest(self.months, 0) or 1)
        return None

    @property
    def _never(self) -> bool:
        """Whether there is no such day in any of the months: the 31st of April."""
        longest = [length for month, length in enumerate(DAYS_OF_MONTHS, 1) if self.months >> month & 1]
        return self.both_days and not self.days & ((2 << max(longest)) - 2)

    def _within(self, year: int, month: int, start: datetime | None) -> datetime | None:
        """Return the first match of a month, from a moment of it on where one is given."""
        days = self._days(year, month) if self.months >> month & 1 else 0
        if start is not None and days >> start.day & 1:
            time = self._time(start.hour, start.minute)
            if time is not None:
                return datetime(year, month, start.day, *time, tzinfo=UTC)
        day = _lowest(days, 0 if start is None else start.day + 1)
        time = self._time(0, 0)
        return None if day is None or time is None else datetime(year, month, day, *time, tzinfo=UTC)

    def _days(self, year: int, month: int) -> int:
        first, number = monthrange(year, month)
        by_week = self.weekdays * WEEKS >> (first + 1) % 7 << 1
        days = self.days & by_week if self.both_days else self.days | by_week
        return days & ((2 << number) - 2)

    def _time(self, hour: int, minute: int) -> tuple[int, int] | None:
        """Return the first matching time of a day from one on."""
        later = _lowest(self.minutes, minute) if self.hours >> hour & 1 else None
        if later is not None:
            return hour, later
        first, further = _lowest(self.minutes, 0), _lowest(self.hours, hour + 1)
        return None if further is None or first is None else (further, first)


WEEKS = sum(1 << 7 * week for week in range(6))
"""Repeats a set of days of the week for a whole month."""


class TooMuchWork(Exception):
    """The search takes more months than its budget has."""


@dataclass(slots=True)
class Work:
    """A budget of months to search."""

    left: int

    def spend(self) -> None:
        """Take one. Raises TooMuchWork."""
        self.left -= 1
        if self.left < 0:
            raise TooMuchWork


def _lowest(numbers: int, start: int) -> int | None:
    """Return the lowest number of a set from one on."""
    rest = numbers >> start << start
    return (rest & -rest).bit_length() - 1 if rest else None


def parse_schedule(text: str) -> Schedule | float:
    """Read a schedule; `@every` gives its seconds. Raises ValueError."""
    if len(text) > MAX_SCHEDULE_CHARACTERS:
        raise ValueError(f"longer than {MAX_SCHEDULE_CHARACTERS} characters")
    if text.startswith(EVERY):
        return max(1.0, float(int(parse_duration(text.removeprefix(EVERY)))))
    fields = DESCRIPTORS.get(text, text).split()
    if len(fields) != 5:
        raise ValueError("not five fields")
    read = [_field(each, *bounds) for each, bounds in zip(fields, BOUNDS, strict=True)]
    minutes, hours, days, months, weekdays = read
    both = days[1] or weekdays[1]
    return Schedule(minutes[0], hours[0], days[0], months[0], weekdays[0], both)


def _field(text: str, low: int, high: int, names: Mapping[str, int]) -> tuple[int, bool]:
    """Return the values of one field, and whether it is a star."""
    values, star = 0, False
    for part in filter(None, text.split(",")):  # robfig/cron skips empty ones
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
        values |= _span(start, end, step)
    if not values:
        raise ValueError("no value")
    return values, star


@lru_cache(maxsize=1024)
def _span(start: int, end: int, step: int) -> int:
    return sum(1 << each for each in range(start, end + 1, step))


def _number(text: str, names: Mapping[str, int]) -> int:
    found = names.get(text.lower())
    if found is not None:
        return found
    if not (text.isascii() and text.isdecimal()) or len(text) > 4:
        raise ValueError("not a number")
    return int(text)
