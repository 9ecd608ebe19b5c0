"""Hide installed packages that libraries would load although Coffer does not use them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

UNUSED = ("rich", "kubernetes", "pykube")
"""8 MB: coloured tracebacks, which are never printed, and Kubernetes clients that kopf loads if they are installed."""


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Make imports inside the `with` block not find these packages, unless they are loaded already."""
    hidden = [each for each in packages if each not in sys.modules]
    absent: dict[str, Any] = dict.fromkeys(hidden)  # None makes an import raise ModuleNotFoundError
    sys.modules.update(absent)
    try:
        yield
    finally:
        for each in hidden:
            if sys.modules.get(each) is None:
                sys.modules.pop(each, None)
