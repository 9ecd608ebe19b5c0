"""Durations as Go's `time.ParseDuration` reads them."""

import pytest

from manager.core.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h0m0s", 3600),
        ("5m", 300),
        ("1.5h", 5400),
        ("100ms", 0.1),
        ("0", 0),
        ("-1s", -1),
        ("1m30s", 90),
        ("2us", 2e-6),
        ("1h2m3s4ms", 3723.004),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "1x", "1h 2m", "1.2.3s", "h1", "1s" * 33])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words the message
        parse_duration(text)
