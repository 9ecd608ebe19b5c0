"""Read what an API server sends within bounds; one unreadable object does not hide the others."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeVar

from manager.core.background import in_background
from manager.core.documents import (
    OBJECT,
    Unreadable,
    holds_more,
    openings,
    read_json,
    read_json_beneath,
    read_json_outline,
    too_deep,
)
from manager.kube.resources import Body

Parsed = TypeVar("Parsed")

PAGE_BYTES = 2 << 20  # of one list page: parsing holds the GIL for about 10 ms for each MB
PAGE_VALUES = 100_000  # of one list page: 10 MB of memory; an empty list takes 24 times its three bytes
HEAVY_BYTES = 128 << 10  # a longer text is parsed in a thread; a shorter one takes less than 2 ms
SPARE_LEVELS = 10  # of nesting that a list or a watch event adds around an object
MAX_LEVELS = OBJECT.levels + SPARE_LEVELS
CHUNK_BYTES = 64 << 10
TOO_DEEP = f"it is nested deeper than {OBJECT.levels} levels"
TOO_MANY = f"it holds more than {OBJECT.values} values"


class Unusable(Body):
    """The stub of an object that is not taken in: its apiVersion, kind and identity, and why."""

    why: str


class Oversize(Exception):
    """An answer is too large; its rest was not read."""


class Chunks(Protocol):
    """A body that arrives in chunks."""

    def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Yield chunks of at most `n` bytes."""
        ...


async def read_within(content: Chunks, most: int) -> bytes:
    """Return a whole body. Raises Oversize if it is larger; the rest is not read."""
    parts, size = [], 0
    async for part in content.iter_chunked(CHUNK_BYTES):
        size += len(part)
        if size > most:
            raise Oversize(f"more than {most} bytes")
        parts.append(part)
    return b"".join(parts)


async def parsed(content: bytes, read: Callable[[bytes], Parsed], *, first: bool = False) -> Parsed:
    """Parse a text, a long one in a thread; `first` if objects of other tenants wait for it."""
    if len(content) < HEAVY_BYTES:
        return read(content)
    return await in_background(lambda: read(content), first=first)


def read_object(content: bytes) -> Body:
    """Return one object. Raises Unreadable."""
    found = read_json(content)
    if not isinstance(found, dict):
        raise Unreadable("it is no object")
    return found


def read_page(content: bytes, *, alone: bool = False) -> Body:
    """Return a page of a list, with an Unusable instead of each object beyond the bounds.

    Args:
        content: the answer.
        alone: whether the page was limited to one object, which may hold more values than a page.

    Raises:
        Oversize: the page holds too many values for several objects.
        Unreadable: it is no list.

    """
    full = holds_more(content, OBJECT.values if alone else PAGE_VALUES)
    if full and not alone:
        raise Oversize(f"more than {PAGE_VALUES} values")
    found = read_json_outline(content, 4) if full else read_json_beneath(content, MAX_LEVELS)
    if not isinstance(found, dict):
        raise Unreadable("it is no list")
    items = found.get("items")
    if isinstance(items, list):
        found["items"] = [stub_of(each, TOO_MANY) if full else usable(each) for each in items]
    return found


def read_event(line: bytes) -> Body:
    """Return an event of a watch, with an Unusable instead of an object beyond the bounds. Raises Unreadable."""
    full = holds_more(line, OBJECT.values)
    found = read_json_outline(line, 3) if full else read_json_beneath(line, MAX_LEVELS)
    if not isinstance(found, dict):
        raise Unreadable("it is no event")
    if "object" in found:
        shallow = not full and openings(line) <= OBJECT.levels  # quicker to check, and true for most objects
        found["object"] = (
            stub_of(found["object"], TOO_MANY) if full else found["object"] if shallow else usable(found["object"])
        )
    return found


def usable(body: Any) -> Any:
    """Return an object, or its stub if it is nested too deep."""
    return stub_of(body, TOO_DEEP) if too_deep(body, OBJECT.levels) else body


def stub_of(body: Any, why: str) -> "Unusable":
    """Return the stub of an object that is not taken in."""
    body = body if isinstance(body, dict) else {}
    meta = body.get("metadata")
    stub = Unusable({name: body[name] for name in ("apiVersion", "kind") if isinstance(body.get(name), str)})
    stub["metadata"] = {
        name: meta[name]
        for name in ("name", "namespace", "uid", "resourceVersion")
        if isinstance(meta, dict) and isinstance(meta.get(name), str)
    }
    stub.why = why
    return stub
