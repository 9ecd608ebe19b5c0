"""What to do about a failure that a condition tells. Pure; most messages name the cure themselves."""

import re

NAMED = re.compile(
    r"; (?:correct|name|rename|delete|write|add|check|leave|put|see|annotate|remove|use|create|restore)\b"
    r"|to hand it over"
)
"""A message that says what to do, as ours do after a semicolon."""
CURES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"ExpiredToken|token (?:is |has )?expired|expired token|invalid token|UnrecognizedClient", re.IGNORECASE
        ),
        "the credentials have ended: put new ones into the Secret that the store names",
    ),
    (
        re.compile(r"AccessDenied|not authorized|permission denied|forbidden|\b403\b|denied by", re.IGNORECASE),
        "allow the identity of the store to read it, at the provider",
    ),
    (
        re.compile(r"\bproperty\b|does not exist in secret", re.IGNORECASE),
        "correct the property of the entry, or add it to the secret at the provider",
    ),
    (
        re.compile(r"looked in ", re.IGNORECASE),
        "correct the remote key of the entry, or the region or path of the store: it says where it was looked for",
    ),
    (
        re.compile(r"decrypt|no key could|sealed for", re.IGNORECASE),
        "seal the value again with this cluster's certificate, for this name and namespace",
    ),
    (re.compile(r"is not ready"), "mend the store first: `coffer explain store` says what it needs"),
    (
        re.compile(r"resolved|no answer in time|connection|TLS:|ended the connection", re.IGNORECASE),
        "make the provider reachable from Coffer's Pod: DNS, proxy, network policy, certificate",
    ),
    (re.compile(r"immutable"), "delete the target, so that it is made again"),
    (re.compile(r"already exists|exists that is not|owned by another"), "rename it, or hand the Secret over"),
)
OTHERWISE = "do what the message says; Coffer tries again by itself"


def cure_of(message: str) -> str:
    """Return what to do about the message of a condition that is False."""
    if NAMED.search(message):
        return "do what the message says"
    return next((cure for pattern, cure in CURES if pattern.search(message)), OTHERWISE)
