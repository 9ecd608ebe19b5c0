"""`result.jsonPath`: takes a value from the body of an answer."""

from typing import Any

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.naming import document
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.secret_value import SecretValue

MAX_SHOWN_CHARACTERS = 100  # of a path, in an error


def value(body: bytes, path: str, shown: str = "") -> SecretValue:
    """Return what a JSON path leads to: of several the first, objects as JSON, texts as they are.

    Args:
        shown: the path as the store has it, which errors may show; a template may have put values into the other.

    Raises:
        ProviderDenied: the path is none, takes too many steps, or leads nowhere.
        ProviderUnavailable: the body is no JSON.

    """
    from external.providers.webhook.paths import first, one

    shown = shown or path
    failed = (
        f"failed to get response path {shown[:MAX_SHOWN_CHARACTERS]}{' …' if len(shown) > MAX_SHOWN_CHARACTERS else ''}"
    )

    try:
        parsed = read_json(body, ANSWER)
    except Unreadable as error:
        raise ProviderUnavailable(f"failed to parse response json: {error}") from None
    try:
        found = first(parsed, path)
    except ProviderDenied as error:
        raise ProviderDenied(f"{failed}: {error}") from None
    except Exception:  # of a library, whose text may quote the answer
        raise ProviderDenied(f"{failed}: it does not fit the answer; correct result.jsonPath") from None
    if not found and one(path):
        raise ProviderDenied(f"{failed}: unknown key: there is nothing at this place")
    if found and isinstance(found[0], list):
        found = found[0][:1]
    if not found:
        raise ProviderDenied("filter worked but didn't get any result (result.jsonPath)")
    return _text(found[0])


def _text(found: Any) -> SecretValue:
    match found:
        case str():
            return SecretValue(found.encode("utf-8", "replace"))
        case None:
            return SecretValue(b"")
        case _:
            return document(found)
