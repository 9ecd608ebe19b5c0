"""From an answer's body to a value: `result.jsonPath` (providers 4.5)."""

import json
from functools import lru_cache
from itertools import islice
from typing import Any

from external.providers.naming import document
from external.providers.protocol import ProviderDenied, ProviderUnavailable
from manager.plain import Plain

LONGEST_PATH = 1024  # characters
MOST_SEARCHES = 2  # of `..` and `?` together: each goes through the whole answer, and one inside another squares that
PLAIN_FUNCTIONS = frozenset({"length", "count", "value"})  # others take expressions of which some never end


def value(body: bytes, path: str) -> Plain:
    """Return what a JSON path leads to: of several the first, objects as JSON, texts as they are.

    Raises:
        ProviderDenied: the path is none, or leads nowhere.
        ProviderUnavailable: the body is no JSON.

    """
    query = _compiled(path)
    try:
        parsed = json.loads(body)
        found = [match.obj for match in islice(query.finditer(parsed), 1)]
    except (ValueError, RecursionError):
        raise ProviderUnavailable("HTTPRequest: the answer is no JSON") from None
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


@lru_cache(maxsize=256)
def _compiled(path: str) -> Any:
    from jsonpath import JSONPathEnvironment, JSONPathError

    class Bounded(JSONPathEnvironment):
        max_recursion_depth = 50

        def setup_function_extensions(self) -> None:
            super().setup_function_extensions()
            for name in [each for each in self.function_extensions if each not in PLAIN_FUNCTIONS]:
                del self.function_extensions[name]

    if len(path) > LONGEST_PATH or path.count("..") + path.count("?") > MOST_SEARCHES:
        raise ProviderDenied("result.jsonPath: it is too long, or searches too often")
    try:
        return Bounded(strict=True).compile(path if path.startswith("$") else f"$.{path}")
    except (JSONPathError, RecursionError, ValueError):
        raise ProviderDenied("result.jsonPath: it is no JSONPath expression") from None
