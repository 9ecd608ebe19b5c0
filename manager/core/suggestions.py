"""What a misspelt name was probably meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches

MAX_NAME_CHARACTERS = 60  # that are compared, and shown


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a question that names the known name which is most like a wrong one, or nothing."""
    lowered = {each.lower(): each for each in known}
    found = get_close_matches(name[:MAX_NAME_CHARACTERS].lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[found[0]]}?" if found else ""
