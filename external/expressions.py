"""Regular expressions that tenants write: RE2, in linear time whatever they write, and never printed."""

from functools import lru_cache
from typing import Any

import re2

QUIET = re2.Options()
QUIET.log_errors = False  # RE2 itself would print what a tenant wrote to stderr, past the log and its rules


@lru_cache(maxsize=1024)
def expression(pattern: str) -> Any:
    """Return a compiled expression. Raises ValueError for what is none, without its text."""
    try:
        return re2.compile(pattern, QUIET)
    except re2.error:
        raise ValueError("it is no RE2 expression") from None
