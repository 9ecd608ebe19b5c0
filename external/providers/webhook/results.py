"""From an answer's body to a value: `result.jsonPath` (providers 4.5)."""

from typing import Any

from external.providers.naming import document
from external.providers.protocol import ProviderDenied, ProviderUnavailable
from manager.documents import ANSWER, Unreadable, read_json
from manager.plain import Plain


def value(body: bytes, path: str) -> Plain:
    """Return what a JSON path leads to: of several the first, objects as JSON, texts as they are.

    Raises:
        ProviderDenied: the path is none, takes too many steps, or leads nowhere.
        ProviderUnavailable: the body is no JSON.

    """
    from external.providers.webhook.paths import first

    try:
        parsed = read_json(body, ANSWER)
    except Unreadable as error:
        raise ProviderUnavailable(f"HTTPRequest: the answer is no JSON that can be read: {error}") from None
    try:
        found = first(parsed, path)
    except ProviderDenied:
        raise
    except Exception as error:
        raise ProviderDenied(f"result.jsonPath: {type(error).__name__}") from None
    if found and isinstance(found[0], list):
        found = found[0][:1]
    if not found:
        raise ProviderDenied("result.jsonPath: filter worked but didn't get any result")
    return _text(found[0])


def _text(found: Any) -> Plain:
    match found:
        case str():
            return Plain(found.encode("utf-8", "replace"))
        case None:
            return Plain(b"")
        case _:
            return document(found)
