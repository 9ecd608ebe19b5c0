"""What comes from an API server, read within bounds: one object that cannot be read hides no other."""

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

PAGE_BYTES = 2 << 20  # of one list page: parsing holds the interpreter for about 10 ms a MB
PAGE_VALUES = 100_000  # of one list page: 10 MB of memory; empty lists, of three bytes each, would take 24 times theirs
HEAVY_BYTES = 128 << 10  # from here on a text is parsed in a thread; below, that takes less than 2 ms
SPARE_LEVELS = 10  # of nesting that a list or a watch event puts around an object
BENEATH = OBJECT.levels + SPARE_LEVELS
CHUNK_BYTES = 64 << 10
TOO_DEEP = f"it is nested deeper than {OBJECT.levels} levels"
TOO_MANY = f"it holds more than {OBJECT.values} values"


class Unusable(Body):
    """Stands for an object that was not taken in: its apiVersion, kind and identity, and why."""

    why: str


class Oversize(Exception):
    """An answer is larger than it may be; it was not read to its end."""


class Chunks(Protocol):
    """A body that arrives in parts."""

    def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Yield parts of at most so many bytes."""
        ...


async def read_within(content: Chunks, most: int) -> bytes:
    """Return a whole body. Raises Oversize, with the rest unread."""
    parts, size = [], 0
    async for part in content.iter_chunked(CHUNK_BYTES):
        size += len(part)
        if size > most:
            raise Oversize(f"more than {most} bytes")
        parts.append(part)
    return b"".join(parts)


async def parsed(content: bytes, read: Callable[[bytes], Parsed], *, first: bool = False) -> Parsed:
    """Parse a text, in a thread where it takes more than a moment; `first` where the objects of others come behind."""
    if len(content) < HEAVY_BYTES:
        return read(content)
    return await in_background(lambda: read(content), first=first)


def read_object(content: bytes) -> Body:
    """Return an object as it was sent. Raises Unreadable."""
    found = read_json(content)
    if not isinstance(found, dict):
        raise Unreadable("it is no object")
    return found


def read_page(content: bytes, *, alone: bool = False) -> Body:
    """Return a page of a list, with Unusable in the place of each object beyond the bounds.

    Args:
        content: the answer.
        alone: whether no more than one object was asked for, which may hold more than a page.

    Raises:
        Oversize: the page holds too many values for several objects.
        Unreadable: it is no list.

    """
    full = holds_more(content, OBJECT.values if alone else PAGE_VALUES)
    if full and not alone:
        raise Oversize(f"more than {PAGE_VALUES} values")
    found = read_json_outline(content, 4) if full else read_json_beneath(content, BENEATH)
    if not isinstance(found, dict):
        raise Unreadable("it is no list")
    items = found.get("items")
    if isinstance(items, list):
        found["items"] = [stub_of(each, TOO_MANY) if full else usable(each) for each in items]
    return found


def read_event(line: bytes) -> Body:
    """Return an event of a watch, with Unusable in the place of an object beyond the bounds. Raises Unreadable."""
    full = holds_more(line, OBJECT.values)
    found = read_json_outline(line, 3) if full else read_json_beneath(line, BENEATH)
    if not isinstance(found, dict):
        raise Unreadable("it is no event")
    if "object" in found:
        shallow = not full and openings(line) <= OBJECT.levels  # of most objects that is quicker to see
        found["object"] = (
            stub_of(found["object"], TOO_MANY) if full else found["object"] if shallow else usable(found["object"])
        )
    return found


def usable(body: Any) -> Any:
    """Return an object as it is, or what stands for it where it is nested too deep."""
    return stub_of(body, TOO_DEEP) if too_deep(body, OBJECT.levels) else body


def stub_of(body: Any, why: str) -> "Unusable":
    """Return what stands for an object that is not taken in."""
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
