"""Waiting ends as soon as the condition holds; a timeout explains what was missing."""

import itertools

import pytest

from tests.cluster.wait import wait_until


def test_waiting_returns_what_the_condition_held_for() -> None:
    numbers = itertools.count()
    assert wait_until(lambda: next(numbers), until=lambda number: number == 3) == 3


def test_waiting_outlives_exceptions() -> None:
    failures = [ConnectionError("away"), ConnectionError("away")]

    def ask() -> str:
        if failures:
            raise failures.pop()
        return "back"

    assert wait_until(ask) == "back"


def test_waiting_in_vain_shows_the_last_state() -> None:
    with pytest.raises(TimeoutError, match=r'(?s)waited 0.05 s in vain for a Secret.*"phase": "Pending"'):
        wait_until(lambda: {"phase": "Pending"}, lambda state: False, timeout=0.05, what="a Secret")


def test_waiting_in_vain_shows_the_last_exception() -> None:
    with pytest.raises(TimeoutError, match="LookupError: nothing here"):
        wait_until(lambda: (_ for _ in ()).throw(LookupError("nothing here")), timeout=0.05)
