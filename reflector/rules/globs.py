"""Lists of globs over the names of keys, labels and annotations, in linear time whatever a tenant writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from manager.core.errors import SettingsError

MAX_LIST_CHARACTERS = 16_384  # of a list; parsed lists stay in memory
MEMORY = 262_144  # bytes RE2 may use for one list


@dataclass(frozen=True, slots=True)
class Globs:
    """A parsed list: `*` is any run of characters, `?` any one, everything else stands for itself."""

    names: frozenset[str]
    """Items without a wildcard."""
    wild: Any
    """All others as one expression, None where there are none."""
    valid: bool = True
    """False for a list that is too large: it matches nothing."""

    def match(self, name: str) -> bool:
        """Return True if an item matches the whole name."""
        return name in self.names or (self.wild is not None and self.wild.fullmatch(name) is not None)


@lru_cache(maxsize=256)
def globs(text: str) -> Globs:
    """Parse a comma-separated list."""
    if len(text) > MAX_LIST_CHARACTERS:
        return Globs(frozenset(), None, valid=False)
    items = [item.strip() for item in text.split(",") if item.strip()]
    wild = [item for item in items if "*" in item or "?" in item]
    names = frozenset(items) - frozenset(wild)
    if not wild:
        return Globs(names, None)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY
    try:
        expression = re2.compile("|".join(map(_expression, wild)), options)
    except re2.error:
        return Globs(frozenset(), None, valid=False)
    return Globs(names, expression)


def administrators(setting: str, items: Iterable[str]) -> Globs:
    """Parse the namespace globs of a setting, in lower case as the original does. Raises SettingsError."""
    found = globs(",".join(items).lower())
    if not found.valid:
        raise SettingsError(f"{setting}: the list is too large")
    return found


def _expression(glob: str) -> str:
    parts = (".*" if part == "*" else "." if part == "?" else re2.escape(part) for part in glob)
    return "".join(parts)
