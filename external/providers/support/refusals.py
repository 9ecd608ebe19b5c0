"""The description that a provider gives of an error, without credentials and texts that vary."""

import re
from collections.abc import Iterable, Iterator

MAX_REASON_CHARACTERS = 300  # one or two sentences
MIN_HIDDEN_CHARACTERS = 4  # hiding a shorter text would hit parts of ordinary words
ECHO_BYTES = 12  # a shorter piece of a value may be an ordinary word
HIDDEN = "***"
VARYING = re.compile(
    r"[\s(,;]{0,4}request ?id: ?[\w-]+\)?|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b\d{8}T\d{6}Z\b",
    re.IGNORECASE,
)
"""Request ids and times differ in each answer: the condition would change with every attempt.

What may come before has an end: a text of blanks alone would take quadratic time.
"""
OPAQUE = re.compile(
    r"(?<![\w+/=.-])(?:Credential=\S+|eyJ[\w.-]{16,}|[hb]v[sbr]\.[\w-]{16,}|[\w+=-]{80,}|[\w+/=-]{120,})"
)
"""Tokens, signatures, encoded messages."""
ECHO = re.compile(r"the canonical string.*", re.IGNORECASE | re.DOTALL)
"""From here on AWS repeats the signed request."""


def repeats(text: str, sent: Iterable[bytes]) -> bool:
    """Return True if a text holds a value that was sent, or a piece of it, in time that grows with their lengths."""
    shown = text.encode()
    pieces = set(_windows(shown))
    return any(
        each in shown if len(each) < ECHO_BYTES else not pieces.isdisjoint(_windows(each))
        for each in sent
        if len(each) >= MIN_HIDDEN_CHARACTERS
    )


def _windows(text: bytes) -> Iterator[bytes]:
    """Yield every piece of the length that gives a value away."""
    return (text[at : at + ECHO_BYTES] for at in range(len(text) - ECHO_BYTES + 1))


def reason(text: object, said: Iterable[str] = ()) -> str:
    """Return a provider's description as one short line after a colon; empty if it gives none.

    Args:
        said: credentials that were sent, which the provider may repeat.
    """
    if not isinstance(text, str):
        return ""
    shown = ECHO.sub("", text[: 20 * MAX_REASON_CHARACTERS])
    for each in sorted((each for each in said if len(each) >= MIN_HIDDEN_CHARACTERS), key=len, reverse=True):
        shown = shown.replace(each, HIDDEN)
    shown = " ".join(OPAQUE.sub(HIDDEN, VARYING.sub("", shown)).split()).strip(" :;,.")
    if len(shown) > MAX_REASON_CHARACTERS:
        shown = f"{shown[:MAX_REASON_CHARACTERS].rstrip()} …"
    return f": {shown}" if shown and shown.isprintable() else ""
