"""Extract which admission policy, webhook or quota refused a write, and its message. Pure.

The message may quote the object that was sent: if it holds one of its values, the message is left out.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

MAX_WORDS_CHARACTERS = 400
MAX_COMPARED_CHARACTERS = 64 << 10  # of values; if there are more, the message is left out without a comparison
PIECE_CHARACTERS = 8  # a message with this many characters of a value counts as quoting it
DATA = ("data", "stringData", "binaryData")
LEFT_OUT = "its words quote the object and are left out"
POLICY = re.compile(
    r"(ValidatingAdmissionPolicy '[^']{1,253}') with binding '[^']{1,253}' denied request(?:: (.*))?", re.DOTALL
)
WEBHOOK = re.compile(r'(admission webhook "[^"]{1,253}") denied the request(?:: (.*))?', re.DOTALL)
QUOTA = re.compile(r"(exceeded quota): (.*)", re.DOTALL)


def denial(message: object, sent: object) -> str:
    """Return who refused a request and why, empty if the message names no policy, webhook or quota.

    Args:
        message: the `message` of the API server's Status.
        sent: the body of the request: an object, a merge patch, or the operations of a JSON patch.
    """
    text = message[: 4 * MAX_WORDS_CHARACTERS] if isinstance(message, str) else ""
    found = next((match for each in (POLICY, WEBHOOK, QUOTA) if (match := each.search(text))), None)
    if found is None:
        return ""
    who, said = found.group(1), " ".join((found.group(2) or "").split())[:MAX_WORDS_CHARACTERS]
    verb = "" if who == "exceeded quota" else " denies it"
    if not said:
        return who + verb
    return f"{who}{verb}: {LEFT_OUT if _quotes(said, list(_values(sent))) else said}"


def _quotes(said: str, values: list[str]) -> bool:
    if sum(map(len, values)) > MAX_COMPARED_CHARACTERS:
        return True
    words = set(re.findall(r"\w+", said))
    pieces = [said[at : at + PIECE_CHARACTERS] for at in range(len(said) - PIECE_CHARACTERS + 1)]
    for value in values:
        if len(value) >= PIECE_CHARACTERS:
            if any(piece in value for piece in pieces):
                return True
        elif value in words or (len(value) > 3 and value in said):
            return True
    return False


def _values(sent: object, *, inside: bool = False) -> Iterator[str]:
    """Yield every value of the sent data: as sent, decoded and encoded."""
    if isinstance(sent, str) and inside and sent:
        yield sent
        yield base64.b64encode(sent.encode(errors="replace")).decode()
        yield from _decoded(sent)
    elif isinstance(sent, dict):
        operation = str(sent.get("path", "")).startswith(tuple(f"/{name}" for name in DATA))
        for name, each in sent.items():
            yield from _values(each, inside=inside or name in DATA or (operation and name == "value"))
    elif isinstance(sent, list):
        for each in sent:
            yield from _values(each, inside=inside)


def _decoded(text: str) -> Iterator[Any]:
    try:
        found = base64.b64decode(text, validate=True).decode(errors="replace")
    except ValueError:
        return
    if found:
        yield found
