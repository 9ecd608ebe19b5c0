"""Threads share a few heaps of the C library."""

import subprocess
import sys

import pytest

from manager.core import heap

SCENE = """
import ctypes, threading
from manager.core.heap import bound_heaps
{call}
everyone = threading.Barrier(8)
kept = []
def work():
    everyone.wait()
    kept.extend(bytes(2_000) for _ in range(500))
    everyone.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


def heaps(call: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCENE.format(call=call)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(not hasattr(heap._libc(), "malloc_info"), reason="only glibc tells its heaps")
def test_many_threads_share_few_heaps() -> None:
    assert heaps("") > heap.MAX_HEAPS, "otherwise the scene shows nothing"
    assert heaps("bound_heaps()") <= heap.MAX_HEAPS


def test_a_c_library_without_these_functions_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_libc", lambda: object())

    heap.bound_heaps()
    heap.trim_heaps()
