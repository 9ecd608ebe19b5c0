"""Why an object's values are read or pushed now, and when a refresh time is worth a write. Pure."""

from enum import Flag, auto

MIN_PERSIST_SECONDS = 600.0  # between two writes of a refresh time that changes nothing else in the status


class Reason(Flag):
    """Why the provider is asked now; several reasons may apply."""

    NONE = 0
    DUE = auto()
    """There was no refresh yet, the interval has passed, or the object has changed."""
    ASKED = auto()
    """The user has changed the object, or forced a refresh."""
    MOVED = auto()
    """A store, its credentials, or what is pushed has changed."""
    REPAIR = auto()
    """The last pass failed, or the target was edited or removed."""


def worth_persisting(refreshed: float | None, interval: float, now: float) -> bool:
    """Return True if the refresh time in the status is so old that it is worth a write.

    Args:
        refreshed: Unix time in the status; None if there is none.
        interval: seconds between two refreshes.
        now: Unix time.

    """
    return refreshed is None or now - refreshed >= max(interval, MIN_PERSIST_SECONDS)
