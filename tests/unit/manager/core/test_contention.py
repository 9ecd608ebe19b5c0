"""How often the same content is written again to an object that something else keeps changing."""

import pytest

from manager.core.contention import Contention, ContentionLimits
from manager.kube.resources import SECRETS, Key
from tests.builders.api_in_memory import HandClock

KEY = Key(SECRETS, "ns", "a")
LIMITS = ContentionLimits(free_writes=3, first_pause_seconds=8, max_pause_seconds=600)


def contested(clock: HandClock, writes: int, limits: ContentionLimits = LIMITS) -> Contention:
    """Return what is known after some writes that were each undone a second later."""
    made = Contention(clock, limits)
    for _ in range(writes):
        made.count(KEY, "x")
        clock.pass_by(1)
        made.wait(KEY, "x")
    return made


@pytest.mark.parametrize(("writes", "wait"), [(0, 0), (2, 0), (3, 7), (4, 15), (9, 511), (10, 599), (2_000, 599)])
def test_each_write_that_is_undone_doubles_the_pause(writes: int, wait: float) -> None:
    assert contested(HandClock(), writes).wait(KEY, "x") == wait


def test_other_content_and_other_objects_do_not_wait() -> None:
    made = contested(HandClock(), 5)

    assert made.wait(KEY, "y") == 0
    assert made.wait(Key(SECRETS, "ns", "b"), "x") == 0
    made.count(KEY, "y")
    assert made.wait(KEY, "x") == 0, "a write of other content starts a new count"


def test_an_object_that_is_gone_is_forgotten() -> None:
    made = contested(HandClock(), 5)
    made.forget(KEY)

    assert made.wait(KEY, "x") == 0


@pytest.mark.parametrize(("writes", "wait"), [(2, 0), (4, 63)])
def test_a_rest_restarts_only_a_count_without_a_pause(writes: int, wait: float) -> None:
    clock = HandClock()
    made = contested(clock, writes)
    clock.pass_by(700)
    made.count(KEY, "x")
    clock.pass_by(1)
    made.count(KEY, "x")
    clock.pass_by(1)

    assert made.wait(KEY, "x") == wait


@pytest.mark.parametrize(("undone_after", "wait"), [(9.0, 55.0), (11.0, 0.0)])
def test_a_write_that_is_undone_late_was_no_answer(undone_after: float, wait: float) -> None:
    limits = ContentionLimits(3, first_pause_seconds=64, max_pause_seconds=600, contest_seconds=10)
    clock = HandClock()
    made = contested(clock, 2, limits)
    made.count(KEY, "x")
    clock.pass_by(undone_after)

    assert made.wait(KEY, "x") == wait


def test_what_was_not_written_for_long_takes_no_memory() -> None:
    limits = ContentionLimits(1, first_pause_seconds=600, max_pause_seconds=600, forget_seconds=100)
    clock = HandClock()
    made = contested(clock, 1, limits)
    clock.pass_by(101)
    made.count(Key(SECRETS, "ns", "b"), "x")

    assert made.wait(KEY, "x") == 0
    assert len(made._writes) == 1
