"""The connections of AWS's SDK under Coffer's limits: one deadline for a whole call, and a size for its answer.

The SDK's own time-outs begin again with every byte, and it reads an answer of any size.
"""

from collections.abc import Iterator
from typing import Any

from external.providers.support.deadlines import watch_reused, watched_socket

MAX_ANSWER_BYTES = 16 << 20
"""Twenty secrets of 64 KiB, as BatchGetSecretValue gives them, and room for base64."""
PRIVATE = ("_endpoint", "http_session", "_manager", "pool_classes_by_scheme")
"""Where a client of the SDK keeps the classes of its connections; a test fails where it does not."""


def guard_connections(client: Any) -> None:
    """Put the connections that a client of the SDK opens from now on under Coffer's limits."""
    owner, place = client, PRIVATE[-1]
    for name in PRIVATE[:-1]:
        owner = getattr(owner, name)
    setattr(owner, place, {name: _guarded(pool) for name, pool in getattr(owner, place).items()})


def _guarded(pool: Any) -> Any:
    """Return a class of connection pools whose connections end at the deadline of their call."""

    class Connection(pool.ConnectionCls):  # type: ignore[misc]
        def _new_conn(self) -> Any:
            return watched_socket(super()._new_conn())

        def request(self, *args: Any, **options: Any) -> Any:
            watch_reused(self)
            return super().request(*args, **options)

    class Pool(pool):  # type: ignore[misc]
        ConnectionCls = Connection

        def urlopen(self, *args: Any, **options: Any) -> Any:
            answer = super().urlopen(*args, **options)
            whole = answer.stream
            answer.stream = lambda *given, **more: _limited(answer, whole(*given, **more))
            return answer

    return Pool


def _limited(answer: Any, parts: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            answer.close()
            raise ValueError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
        yield part
