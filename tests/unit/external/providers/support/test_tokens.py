"""How long a token lives, as an answer says it."""

import pytest

from external.providers.support.tokens import MAX_LIFE_SECONDS, life_of


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
