"""The value that an entry pushes. Pure."""

import json
from collections.abc import Mapping

from external.providers.push import PushRefused, PushRequest
from manager.core.secret_value import SecretValue

LINE_SEPARATORS = {ord(each): f"\\u{ord(each):04x}" for each in "\u2028\u2029"}
"""Go's encoder escapes them in every form."""


def payload(request: PushRequest) -> SecretValue:
    """Return the value of the entry's key, or without one the whole source as a JSON object of texts.

    Raises:
        PushRefused: there is no such key, or JSON cannot hold a value.

    """
    if request.secret_key:
        return single(request)
    return SecretValue(whole_text(request.values).encode())


def single(request: PushRequest) -> SecretValue:
    """Return the value of the entry's key. Raises PushRefused if there is none."""
    if request.secret_key not in request.values:
        raise PushRefused(f"secret key {request.secret_key} does not exist")
    return request.values[request.secret_key]


def payload_text(request: PushRequest) -> str:
    """Return `payload` as the text of a JSON string. Raises PushRefused, also if it is not UTF-8."""
    return text_of(payload(request), request.secret_key)


def whole_text(values: Mapping[str, SecretValue]) -> str:
    """Return all values as a JSON object of texts, as the original writes it. Raises PushRefused."""
    return json_text({name: text_of(value, name) for name, value in values.items()})


def json_text(value: object) -> str:
    """Return JSON with sorted keys, in which `<`, `>` and `&` stay as they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).translate(LINE_SEPARATORS)


def text_of(value: SecretValue, key: str) -> str:
    """Return a value as text. Raises PushRefused: a JSON text would hold replacement characters instead of it."""
    try:
        return value.reveal().decode()
    except UnicodeDecodeError:
        text = f"secret key {key} is not UTF-8, and a JSON document can only hold text"
        raise PushRefused(f"{text}: push it alone to a remoteKey without property, or encode it first") from None
