"""What would be lost if a backup of sealing keys replaced a file."""

from collections.abc import Iterable
from pathlib import Path

from sealed.manifests.documents import Document, InputError, read


def lost_by(file: Path, keys: Iterable[Document]) -> str:
    """Return what a file holds that is not among the keys, as the rest of a sentence; empty if nothing is lost.

    Raises:
        InputError: the file exists and cannot be read.

    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    if not content.strip():
        return ""
    try:
        there = [_private_key(each) for each in read(content)]
    except InputError:
        return "is no backup of keys"
    if None in there:
        return "is no backup of keys"
    missing = len(set(there) - {_private_key(each) for each in keys})
    if not missing:
        return ""
    return f"holds {'a key that is' if missing == 1 else f'{missing} keys that are'} not in this cluster"


def _private_key(body: Document) -> str | None:
    data = body.get("data")
    found = data.get("tls.key") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None
