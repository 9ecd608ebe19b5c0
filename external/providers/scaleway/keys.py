"""What remote keys name, and secrets as the API shows them. Pure."""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from external.providers.protocol import ProviderDenied, ProviderUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
VERSION = re.compile(r"[1-9]\d{0,8}|latest|latest_enabled")
MAX_CHARACTERS = 4096
"""Of a name, its folder and tags: a list holds thousands."""
FORMS = "name:NAME, id:UUID or path:/FOLDER/NAME"


class Place(NamedTuple):
    """Where a key leads: an id, or a name with or without its folder."""

    id: str
    name: str
    folder: str
    """Empty for any folder."""

    @property
    def text(self) -> str:
        """The key in its one form."""
        if self.id:
            return f"id:{self.id.lower()}"
        return f"path:{self.folder.rstrip('/')}/{self.name}" if self.folder else f"name:{self.name}"


class Found(NamedTuple):
    """A secret without its value."""

    id: str
    name: str
    folder: str
    tags: tuple[str, ...]
    gone: bool
    """Whether it is scheduled for deletion."""
    versions: int


def place_of(key: str) -> Place:
    """Return where a key leads. Raises ProviderDenied."""
    kind, colon, text = key.partition(":")
    if not colon or not text or kind not in ("name", "id", "path"):
        raise ProviderDenied(f"the key must be {FORMS}")
    if kind == "id":
        if ID.fullmatch(text) is None:
            raise ProviderDenied("the key names an id that is no UUID")
        return Place(text, "", "")
    if kind == "name":
        return Place("", text, "")
    folder, _, name = text.rpartition("/")
    if not text.startswith("/") or not name:
        raise ProviderDenied("the key names a path, which begins with a slash and ends with a name")
    return Place("", name, cleaned(folder))


def cleaned(folder: str) -> str:
    """Return a folder with one slash in front of each step."""
    return "/" + "/".join(step for step in folder.split("/") if step)


def version_of(given: str) -> str:
    """Return the revision to read: by default the newest that is enabled. Raises ProviderDenied."""
    if given and VERSION.fullmatch(given) is None:
        raise ProviderDenied("the version must be a number, latest or latest_enabled")
    return given or "latest_enabled"


def found_of(call: str, body: object) -> Found:
    """Return a secret as the API shows it. Raises ProviderUnavailable for what is none."""
    given: Mapping[str, Any] = body if isinstance(body, dict) else {}
    own, name, folder, tags = given.get("id"), given.get("name"), given.get("path", "/"), given.get("tags") or []
    number = given.get("version_count", 1)
    if (
        not isinstance(own, str)
        or ID.fullmatch(own) is None
        or not isinstance(name, str)
        or not isinstance(folder, str)
    ):
        raise ProviderUnavailable(f"{call}: the answer is no secret")
    if not isinstance(tags, list) or not isinstance(number, int):
        raise ProviderUnavailable(f"{call}: the answer is no secret")
    texts = tuple(each for each in tags if isinstance(each, str))
    if sum(map(len, (name, folder, *texts))) > MAX_CHARACTERS:
        raise ProviderUnavailable(f"{call}: the answer is no secret")
    return Found(own, name, cleaned(folder), texts, bool(given.get("deletion_requested_at")), number)
