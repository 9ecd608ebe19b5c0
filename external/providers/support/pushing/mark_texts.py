"""Marks at providers whose tags have no values: a tag for each, `name=text`. Pure."""

from collections.abc import Iterable

from external.providers.support.pushing.marks import MANAGED_BY, MANAGER, MAX_SHOWN_CHARACTERS, OWNER, marks, marks_of

SEPARATOR = "="
MANAGED_TAG = f"{MANAGED_BY}{SEPARATOR}{MANAGER}"


def mark_tags(owner: str, room: int = MAX_SHOWN_CHARACTERS) -> list[str]:
    """Return the tags that name a PushSecret."""
    return [f"{name}{SEPARATOR}{text}" for name, text in marks(owner, room).items()]


def is_mark(tag: str) -> bool:
    """Return True if a tag is a mark."""
    return tag == MANAGED_TAG or tag.startswith(f"{OWNER}{SEPARATOR}")


def marks_in(tags: Iterable[str]) -> dict[str, str]:
    """Return the marks among some tags. Raises RemoteUnmanaged if they name two PushSecrets."""
    split = (each.partition(SEPARATOR) for each in tags if is_mark(each))
    return marks_of((name, text) for name, _, text in split)
