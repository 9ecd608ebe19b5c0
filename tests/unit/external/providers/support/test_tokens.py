"""How long a token lives, as an answer says it."""

import time

import pytest

from external.providers.protocol import ProviderUnavailable
from external.providers.support.tokens import MAX_LIFE_SECONDS, issued_in, life_of


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0.0),
        (3600, 3600.0),
        (1.5, 1.5),
        (10**15, MAX_LIFE_SECONDS),
        (10**400, MAX_LIFE_SECONDS),
        (float("inf"), MAX_LIFE_SECONDS),
        (float("nan"), None),
        (-1, None),
        (True, None),
        ("3600", None),
        (None, None),
        ([], None),
    ],
)
def test_a_life_is_a_number_that_can_be_counted_with(given: object, seconds: float | None) -> None:
    """An integer of 400 digits is JSON, and no float."""
    assert life_of(given) == seconds


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"token": "t"},
        {"seconds": 60},
        {"token": "", "seconds": 60},
        {"token": 7, "seconds": 60},
        {"token": "t", "seconds": True},
    ],
)
def test_an_answer_without_token_or_life_is_no_login(told: dict[str, object]) -> None:
    with pytest.raises(ProviderUnavailable, match="Login: the answer holds no token"):
        issued_in("Login", told, "token", "seconds")


def test_a_token_is_replaced_before_its_end() -> None:
    now = time.monotonic()
    long, short = (issued_in("Login", {"t": "x", "s": seconds}, "t", "s") for seconds in (600, 60))

    assert 535 < long.refresh_at - now < 545
    assert 25 < short.refresh_at - now < 35
