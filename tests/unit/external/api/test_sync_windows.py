"""When periodic refreshes may happen: `spec.syncWindows`."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from external.api.schedules import FURTHEST, Schedule, Work, parse_schedule
from external.api.sync_windows import MAX_MONTHS, windows_of
from external.external_secrets.refresh import due_in
from tests.builders.external_module import ExternalModule
from tests.unit.external.external_secrets.test_refresh import digest

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def allow(schedule: str, duration: str = "1h", kind: str = "allow", **more: Any) -> Any:
    return {"kind": kind, "windows": [{"schedule": schedule, "duration": duration}, *more.get("also", ())]}


@pytest.mark.parametrize(
    ("schedule", "moment", "comes"),
    [
        ("0 12 * * *", "2026-03-02T11:59:59", "2026-03-02T12:00:00"),
        ("0 12 * * *", "2026-03-02T12:00:00", "2026-03-03T12:00:00"),
        ("*/15 * * * *", "2026-03-02T12:01:00", "2026-03-02T12:15:00"),
        ("5/20 * * * *", "2026-03-02T12:06:00", "2026-03-02T12:25:00"),
        ("10-20/5 * * * *", "2026-03-02T12:11:00", "2026-03-02T12:15:00"),
        ("0 0 1,15 * *", "2026-03-02T00:00:00", "2026-03-15T00:00:00"),
        ("0 0 * jan mon-WED", "2026-03-02T00:00:00", "2027-01-04T00:00:00"),
        ("0 0 13 * fri", "2026-03-02T00:00:00", "2026-03-06T00:00:00"),  # either kind of day
        ("0 0 */2 * fri", "2026-03-02T00:00:00", "2026-03-03T00:00:00"),  # a stepped star is no star
        ("0 0 ? * fri", "2026-03-02T00:00:00", "2026-03-06T00:00:00"),
        ("0 0 29 2 *", "2026-03-02T00:00:00", "2028-02-29T00:00:00"),
        ("0,30, 12 * * *", "2026-03-02T12:00:00", "2026-03-02T12:30:00"),
        ("@monthly", "2026-03-02T00:00:00", "2026-04-01T00:00:00"),
        ("@weekly", "2026-03-02T00:00:00", "2026-03-08T00:00:00"),
        ("@hourly", "2026-12-31T23:00:00", "2027-01-01T00:00:00"),
        ("0 0 30 2 *", "2026-03-02T00:00:00", None),
    ],
)
def test_a_schedule_comes_when_the_originals_does(schedule: str, moment: str, comes: str | None) -> None:
    found = parse_schedule(schedule)

    assert isinstance(found, Schedule)
    assert found.after(at(moment)) == (at(comes) if comes else None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7"),
        *("5-1 * * * *", "*/0 * * * *", "a * * * *", ", * * * *", "- * * * *", "@sometimes", "@every soon"),
        "99999999999 * * * *",
    ],
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words the message
        parse_schedule(text)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-02T12:00:00", True),
        ("2026-03-02T12:30:00", True),
        ("2026-03-02T13:00:00", True),
        ("2026-03-02T13:00:01", False),
        ("2026-03-02T11:00:00", False),
        ("2026-03-02T18:00:00", False),
        ("2026-03-03T12:30:00", True),
    ],
)
def test_a_window_is_open_at_both_of_its_ends(moment: str, *, is_open: bool) -> None:
    for kind, permitted in (("allow", is_open), ("deny", not is_open)):
        windows = windows_of(allow("0 12 * * *", kind=kind))
        assert windows is not None
        assert (windows.permitted_from(at(moment)) == at(moment)) is permitted


@pytest.mark.parametrize(
    ("spec", "moment", "from_when"),
    [
        (allow("0 12 * * *"), "2026-03-02T11:00:00", "2026-03-02T12:00:00"),
        (allow("0 12 * * *"), "2026-03-02T14:00:00", "2026-03-03T12:00:00"),
        (allow("0 12 * * *", kind="deny"), "2026-03-02T12:30:00", "2026-03-02T13:00:01"),
        (
            allow("0 12 * * *", kind="deny", also=[{"schedule": "30 12 * * *", "duration": "2h"}]),
            "2026-03-02T12:10:00",
            "2026-03-02T14:30:01",
        ),
        (allow("@every 30m", "1h"), "2026-03-02T11:00:00", "2026-03-02T11:00:00"),
        (allow("@every 2h", "1h"), "2026-03-02T11:00:00", None),
        (allow("@every 30m", "1h", kind="deny"), "2026-03-02T11:00:00", None),
        (allow("* * * * *", "1h", kind="deny"), "2026-03-02T11:00:00", "later"),
        (allow("nonsense"), "2026-03-02T11:00:00", None),
        (allow("nonsense", kind="deny"), "2026-03-02T11:00:00", "2026-03-02T11:00:00"),
        (
            allow("nonsense", also=[{"schedule": "0 12 * * *", "duration": "1h"}]),
            "2026-03-02T11:00:00",
            "2026-03-02T12:00:00",
        ),
    ],
)
def test_the_next_moment_is_known_and_waited_for(spec: Any, moment: str, from_when: str | None) -> None:
    windows = windows_of(spec)

    assert windows is not None
    found = windows.permitted_from(at(moment))
    if from_when == "later":
        assert found is not None
        assert found > at(moment)
    else:
        assert found == (at(from_when) if from_when else None)


@pytest.mark.parametrize("spec", [{}, {"kind": "sometimes"}, {"kind": "allow", "windows": None}, {"kind": "deny"}])
def test_odd_windows_raise_nothing(spec: Any) -> None:
    windows = windows_of(spec)

    assert windows is None or windows.permitted_from(NOON) == (None if windows.allow else NOON)


def test_only_periodic_refreshes_wait() -> None:
    closed = windows_of(allow("0 18 * * *"))
    now = NOON.timestamp()

    assert due_in(digest(windows=closed), now - 3600, now) == timedelta(hours=6).total_seconds()
    assert due_in(digest(windows=closed, synced=""), None, now) == 0.0
    assert due_in(digest(windows=closed, current="other"), now - 3600, now) == 0.0
    assert due_in(digest(windows=closed, policy="OnChange", current="other"), now - 3600, now) == 0.0


@pytest.mark.timeout(60)  # each looked at by itself takes a quarter of an hour
def test_very_many_windows_do_not_hold_up_the_process() -> None:
    never = {"schedule": "0 0 30 2 *", "duration": "1h"}
    windows = windows_of({"kind": "allow", "windows": [never] * 10_000})
    assert windows is not None

    assert windows.permitted_from(NOON) is None


async def test_a_refresh_waits_for_its_window_and_a_wish_does_not(bench: ExternalModule) -> None:
    windows = allow("0 6 * * *")
    bench.store(values={"remote": "one"})
    bench.external(refreshInterval="10m", syncWindows=windows)
    await bench.settle()
    assert bench.data() == {"k": b"one"}
    reads = bench.api.counts()["get"]

    bench.pass_by(3 * 3600)
    await bench.settle()
    assert bench.api.counts()["get"] - reads <= 6  # the store's own looks

    wish = {"annotations": {"external-secrets.io/force-sync": "1"}}
    bench.external(meta=wish, refreshInterval="10m", syncWindows=windows)
    await bench.settle()
    assert bench.ready()[0] == "True"


async def test_a_schedule_that_cannot_be_read_is_named(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external(syncWindows=allow("61 * * * *"))
    await bench.settle()

    assert "spec.syncWindows.windows[0].schedule" in bench.ready()[2]


def _by_minutes(found: Schedule, moment: datetime) -> datetime | None:
    """Look at one day, hour and minute after the other, as the original does."""
    moment = (moment + timedelta(minutes=1)).replace(second=0, microsecond=0)
    end = moment + FURTHEST
    while moment < end:
        by_month, by_week = found.days >> moment.day & 1, found.weekdays >> (moment.weekday() + 1) % 7 & 1
        day = by_month and by_week if found.both_days else by_month or by_week
        if not found.months >> moment.month & 1 or not day:
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif not found.hours >> moment.hour & 1:
            moment = moment.replace(minute=0) + timedelta(hours=1)
        elif not found.minutes >> moment.minute & 1:
            moment += timedelta(minutes=1)
        else:
            return moment
    return None


def test_every_schedule_matches_a_minute_by_minute_search() -> None:
    dice = random.Random(5)

    def field(low: int, high: int) -> str:
        one, other = sorted((dice.randint(low, high), dice.randint(low, high)))
        return dice.choice(["*", f"*/{dice.randint(2, 9)}", str(one), f"{one},{other}", f"{one}-{other}"])

    for _ in range(400):
        text = " ".join(field(*bounds) for bounds in ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6)))
        found = parse_schedule(text)
        assert isinstance(found, Schedule)
        moment = NOON + timedelta(seconds=dice.randint(0, 10**8))
        assert found.after(moment) == _by_minutes(found, moment), (text, moment)


@pytest.mark.parametrize(
    "text", ["0 0 31 2,4,6,9,11 *", "0 0 30 2 *", "0 0 30,31 feb *", "0 0 29 2 *", "59 23 31 12 *"]
)
def test_a_rare_schedule_costs_a_look_at_a_few_months(text: str) -> None:
    found, work = parse_schedule(text), Work(8)
    assert isinstance(found, Schedule)

    found.after(NOON, work)  # raises for more


CLOSED = {"schedule": "* * * * *", "duration": "1h"}
EXPENSIVE: list[Any] = [
    [CLOSED, *({"schedule": "0 0 31 2,4,6,9,11 *", "duration": "1h"} for _ in range(99))],
    [{"schedule": f"{n % 60} 0 1 {1 + n % 12} *", "duration": f"{24 * 330 + n}h"} for n in range(100)],
    [{"schedule": f"{n % 60} {n % 24} 29 2 *", "duration": f"{24 * 365 * 4 + n}h"} for n in range(100)],
    [{"schedule": f"{n % 60} {n % 24} * * {n % 7}", "duration": f"{24 * n}h"} for n in range(100)],
]


@pytest.mark.parametrize("windows", EXPENSIVE)
@pytest.mark.parametrize("kind", ["allow", "deny"])
def test_an_answer_is_bounded_in_months_whatever_is_asked(
    windows: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    within = Schedule._within
    monkeypatch.setattr(Schedule, "_within", lambda *given: looks.append(1) or within(*given))  # type: ignore[func-returns-value]
    found = windows_of({"kind": kind, "windows": windows})
    assert found is not None

    for hour in range(5):
        found.permitted_from(NOON + timedelta(hours=hour))

    assert len(looks) <= 5 * MAX_MONTHS


def test_what_was_found_once_is_not_looked_for_again() -> None:
    rare = [{"schedule": f"{n % 60} 0 1 {1 + n % 12} *", "duration": "1m"} for n in range(100)]
    found = windows_of({"kind": "allow", "windows": rare})
    assert found is not None
    first = found.permitted_from(NOON)

    for window in found.windows:
        window.schedule = _Forbidden(**{name: getattr(window.schedule, name) for name in Schedule.__slots__})

    assert found.permitted_from(NOON + timedelta(seconds=1)) == first


class _Forbidden(Schedule):
    def after(self, moment: datetime, work: Any = None) -> datetime | None:
        raise AssertionError(moment)


def test_a_remembered_answer_does_not_hide_a_window() -> None:
    windows = windows_of(allow("0 12 * * *"))
    assert windows is not None
    asked = [NOON.replace(hour=hour, minute=30) + timedelta(days=day) for day in range(3) for hour in (10, 11, 12, 13)]

    assert [windows.permitted_from(each) == each for each in asked] == [False, False, True, False] * 3


async def test_windows_that_take_too_long_get_a_condition(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external(syncWindows={"kind": "deny", "windows": EXPENSIVE[1]})
    await bench.settle()

    assert "spec.syncWindows: to find the next moment" in bench.ready()[2]


async def test_a_schedule_of_a_megabyte_is_no_schedule(bench: ExternalModule) -> None:
    text = ",".join(["*/2"] * 300_000) + " * * * *"
    with pytest.raises(ValueError, match="longer than"):
        parse_schedule(text)
    bench.store(values={"remote": "x"})
    bench.external(syncWindows=allow(text))
    await bench.settle()

    assert "spec.syncWindows.windows[0].schedule" in bench.ready()[2]
