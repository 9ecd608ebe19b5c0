"""Durations in Go's format, as users write intervals."""

import math

MAX_DURATION_CHARACTERS = 64  # all units with nine decimals are shorter; tenants' texts are parsed on the event loop
NOT_A_DURATION = "must be a duration such as 1h, 30m or 1h30m"
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Return the seconds of a text such as `1h0m0s`. Raises ValueError."""
    rest, sign = text[: MAX_DURATION_CHARACTERS + 1].strip(), 1.0
    if len(rest) > MAX_DURATION_CHARACTERS:
        raise ValueError(NOT_A_DURATION)
    if rest[:1] in ("+", "-"):
        sign, rest = (-1.0 if rest[0] == "-" else 1.0), rest[1:]
    if rest == "0":
        return 0.0
    total, parts = 0.0, 0
    while rest:
        number = _leading(rest, "0123456789.")
        unit = _leading(rest[len(number) :], "nsuµμmh")
        total += float(number) * UNITS[unit] if unit in UNITS and number else math.nan
        rest, parts = rest[len(number) + len(unit) :], parts + 1
        if math.isnan(total) or not unit:
            raise ValueError(NOT_A_DURATION)
    if not parts:
        raise ValueError(NOT_A_DURATION)
    return sign * total


def duration_text(seconds: float) -> str:
    """Return seconds as users write them: `20s`, `1.5s`, `250ms`, `10us`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            return f"{round(seconds / size, 3):g}{unit}"
    return "0s"


def _leading(text: str, alphabet: str) -> str:
    end = next((at for at, character in enumerate(text) if character not in alphabet), len(text))
    return text[:end]
