"""What a provider says of its own refusal: shown where it helps, without what must not be shown."""

import re
from collections.abc import Iterable

LONGEST = 300  # characters; the first sentence or two say what is wrong
SHORTEST_SAID = 4  # characters of what we sent; shorter texts would take pieces out of words
HIDDEN = "***"
VARYING = re.compile(
    r"[\s(,;]*request ?id: ?[\w-]+\)?|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b\d{8}T\d{6}Z\b",
    re.IGNORECASE,
)
"""Differs each time: with it every try would be another condition."""
OPAQUE = re.compile(
    r"(?<![\w+/=.-])(?:Credential=\S+|eyJ[\w.-]{16,}|[hb]v[sbr]\.[\w-]{16,}|[\w+=-]{80,}|[\w+/=-]{120,})"
)
"""Tokens, signatures, encoded messages."""
ECHO = re.compile(r"the canonical string.*", re.IGNORECASE | re.DOTALL)
"""From here on AWS repeats the request."""


def reason(text: object, said: Iterable[str] = ()) -> str:
    """Return a provider's words in one short line, after a colon; nothing where it says nothing.

    Args:
        said: credentials that it was sent, which it may repeat.
    """
    if not isinstance(text, str):
        return ""
    shown = ECHO.sub("", text[: 20 * LONGEST])
    for each in sorted((each for each in said if len(each) >= SHORTEST_SAID), key=len, reverse=True):
        shown = shown.replace(each, HIDDEN)
    shown = " ".join(OPAQUE.sub(HIDDEN, VARYING.sub("", shown)).split()).strip(" :;,.")
    if len(shown) > LONGEST:
        shown = f"{shown[:LONGEST].rstrip()} …"
    return f": {shown}" if shown and shown.isprintable() else ""
