"""Suggest the known name that is most like a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches

MAX_NAME_CHARACTERS = 60  # of a wrong name that are compared


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` with the known name most like a wrong one, empty if none is like it."""
    lowered = {each.lower(): each for each in known}
    found = get_close_matches(name[:MAX_NAME_CHARACTERS].lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[found[0]]}?" if found else ""
