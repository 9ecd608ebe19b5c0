"""Regular expressions that tenants write: RE2, which takes linear time; never printed."""

from functools import lru_cache
from typing import Any

import re2

MAX_EXPRESSION_CHARACTERS = 4096
MAX_MEMORY_BYTES = (
    1 << 20
)  # bytes that a compiled expression may take; RE2 gives up what needs more, and is slower at its bound
QUIET = re2.Options()
QUIET.max_mem = MAX_MEMORY_BYTES
QUIET.log_errors = False  # RE2 would print the expression to stderr, past the rules of our log


@lru_cache(maxsize=64)
def expression(pattern: str) -> Any:
    """Return a compiled expression. Raises ValueError for an invalid or too large one, without its text."""
    if len(pattern) > MAX_EXPRESSION_CHARACTERS:
        raise ValueError(f"it has more than {MAX_EXPRESSION_CHARACTERS} characters")
    try:
        return re2.compile(pattern, QUIET)
    except re2.error:
        raise ValueError("it is no RE2 expression") from None
