"""Bound what the C library keeps of freed memory. Only glibc does: elsewhere nothing happens."""

import ctypes
from contextlib import suppress
from functools import cache
from typing import Any

MAX_HEAPS = 2  # glibc gives each thread one, up to 16 on two cores, and what is freed in one serves no other
LARGE_BYTES = 128 << 10  # from this on a block is a mapping of its own; else glibc raises it to 32 MiB by itself
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # of mallopt(3)


def bound_heaps() -> None:
    """Let all threads share a few heaps, and give large blocks back as soon as they are freed.

    Call before threads are started. A megabyte that a thread has parsed would otherwise leave a hole in its own heap.
    """
    with suppress(OSError, AttributeError):
        libc = _libc()
        libc.mallopt(_ARENA_MAX, MAX_HEAPS)
        libc.mallopt(_MMAP_THRESHOLD, LARGE_BYTES)


def trim_heaps() -> None:
    """Give freed memory back to the system; takes some milliseconds, and the interpreter is not held."""
    with suppress(OSError, AttributeError):
        _libc().malloc_trim(0)


@cache
def _libc() -> Any:
    return ctypes.CDLL(None)
