"""Keeps out what libraries load only because it is installed, and what nobody here uses of them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

UNUSED = ("rich", "kubernetes", "pykube")
"""Beautiful tracebacks, which are never printed, and clients of Kubernetes whose objects nobody passes: 8 MB."""


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Let imports that come now find none of some packages, where they are not loaded already."""
    hidden = [each for each in packages if each not in sys.modules]
    absent: dict[str, Any] = dict.fromkeys(hidden)  # Python takes None for a module that is not there
    sys.modules.update(absent)
    try:
        yield
    finally:
        for each in hidden:
            if sys.modules.get(each) is None:
                sys.modules.pop(each, None)
