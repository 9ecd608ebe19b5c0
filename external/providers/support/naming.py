"""Names, URLs, JSON and tags, for several providers."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from external.api.regular_expressions import expression
from external.providers.protocol import ProviderDenied
from manager.core.secret_value import SecretValue

STEPS = re.compile(r"[/\\]")


def compiled(pattern: str | None) -> Any:
    """Return `find.name.regexp`, which matches anywhere in a name, ready for `search`. Raises ProviderDenied."""
    try:
        return expression(pattern or "")
    except ValueError:
        raise ProviderDenied(f"could not compile find.name.regexp [{pattern}]: it is no RE2 expression") from None


def host_of(url: str) -> str:
    """Return host and port of a URL, without user and password; empty for a text that is no URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def leads_elsewhere(name: str) -> bool:
    """Return True if a name has a step `.` or `..`: in the path of a URL it leads out of where the name is put."""
    return bool({".", ".."} & set(STEPS.split(name)))


ESCAPED = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}
"""Characters that Go's `encoding/json` always escapes."""


def document(data: Any) -> SecretValue:
    """Return JSON as Go's encoder writes it. Raises ProviderDenied."""
    try:
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        raise ProviderDenied("the data cannot be written as JSON") from None
    return SecretValue(text.translate(ESCAPED).encode("utf-8", "replace"))


def tags_text(tags: Mapping[str, str]) -> SecretValue:
    """Return tags as the JSON object that `metadataPolicy: Fetch` gives."""
    return SecretValue(json.dumps(tags, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
