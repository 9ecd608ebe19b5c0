"""How often a caller may ask, to the request."""

import pytest

from sealed.http import rate_limits
from sealed.http.rate_limits import CallerLimiter, RateLimits
from tests.builders.api_in_memory import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def passed(limiter: CallerLimiter | RateLimits, times: int, caller: str = "a") -> int:
    return sum(limiter.take(caller).allowed for _ in range(times))


def test_the_burst_and_one_more_pass_at_once(clock: HandClock) -> None:
    assert passed(CallerLimiter(2, 2, clock), 10) == 3


def test_then_the_rate_holds(clock: HandClock) -> None:
    limiter = CallerLimiter(2, 2, clock)
    passed(limiter, 10)

    total = 0
    for _ in range(100):
        clock.pass_by(0.1)
        total += passed(limiter, 5)

    assert total == 20


def test_a_caller_is_told_what_is_left_and_when_to_return(clock: HandClock) -> None:
    limiter = CallerLimiter(2, 2, clock)

    told = [dict(limiter.take("a").headers) for _ in range(4)]

    assert [each["X-Ratelimit-Limit"] for each in told] == ["3"] * 4
    assert [each["X-Ratelimit-Remaining"] for each in told] == ["2", "1", "0", "0"]
    assert [each["X-Ratelimit-Reset"] for each in told] == ["1", "1", "2", "2"]
    assert [each.get("Retry-After") for each in told] == [None, None, None, "1"]


def test_who_returns_when_told_passes(clock: HandClock) -> None:
    limiter = CallerLimiter(2, 2, clock)
    passed(limiter, 10)

    clock.pass_by(limiter.take("a").retry_after)

    assert limiter.take("a").allowed


def test_callers_do_not_disturb_each_other(clock: HandClock) -> None:
    limiter = CallerLimiter(2, 2, clock)
    passed(limiter, 10)

    assert passed(limiter, 10, "b") == 3


def test_a_rate_of_zero_limits_nothing(clock: HandClock) -> None:
    """The original divides by it."""
    assert passed(CallerLimiter(0, 0, clock), 1000) == 1000


def test_many_callers_are_forgotten_before_they_fill_the_memory(
    clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "MAX_BUCKETS", 10)
    limiter = CallerLimiter(2, 2, clock)

    for caller in range(1000):
        limiter.take(caller)

    assert len(vars(limiter)["_arrivals"]) == 10


def test_all_callers_share_one_budget(clock: HandClock) -> None:
    shared = RateLimits(2, 2, clock)

    assert sum(passed(shared, 3, f"caller-{at}") for at in range(100)) == 21
    assert shared.take("another").headers["Retry-After"] == "1"


def test_one_caller_cannot_use_up_the_budget_of_all(clock: HandClock) -> None:
    shared = RateLimits(2, 2, clock)
    passed(shared, 1000, "greedy")

    assert passed(shared, 3, "modest") == 3
