"""Read manifests from files, folders and standard input."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from manager.core.errors import SettingsError
from manager.kube.resources import Body
from sealed.manifests.documents import InputError, read, read_file

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILES = 10_000


@dataclass(frozen=True)
class Manifest:
    """One object of a file."""

    file: str
    number: int
    """Its place in the file, from 1."""
    body: Body = field(repr=False)

    @property
    def kind(self) -> str:
        """The kind; empty if it has none."""
        return str(self.body.get("kind") or "")

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        version = str(self.body.get("apiVersion") or "")
        return version.partition("/")[0] if "/" in version else ""

    @property
    def name(self) -> str:
        """The name; empty if it has none."""
        return str(self._meta("name"))

    @property
    def namespace(self) -> str:
        """The namespace; empty if the file names none."""
        return str(self._meta("namespace"))

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind or 'an object without kind'} {place}".rstrip()

    def _meta(self, name: str) -> object:
        meta = self.body.get("metadata")
        return (meta.get(name) or "") if isinstance(meta, dict) else ""


@dataclass(frozen=True)
class Unread:
    """A file that holds nothing usable."""

    file: str
    why: str


def manifests(names: Iterable[str]) -> tuple[list[Manifest], list[Unread]]:
    """Return the objects of files, of all manifests in folders, and of standard input.

    Raises:
        SettingsError: there is no such file, or there are too many.

    """
    found: list[Manifest] = []
    unread: list[Unread] = []
    for name, raw in _contents(names):
        try:
            documents = read(raw)
        except InputError as error:
            unread.append(Unread(name, str(error)))
            continue
        found += [Manifest(name, number, body) for number, body in enumerate(documents, 1)]
    return found, unread


def _contents(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for number, name in enumerate(_files(names)):
        if number >= MAX_FILES:
            raise SettingsError(f"more than {MAX_FILES} files: name fewer")
        if name == STDIN:
            yield name, sys.stdin.buffer.read()
            continue
        try:
            yield name, read_file(Path(name))
        except InputError as error:
            raise SettingsError(str(error)) from None


def _files(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        folder = Path(name)
        if name != STDIN and folder.is_dir():
            yield from sorted(str(each) for each in folder.rglob("*") if each.suffix in SUFFIXES and each.is_file())
        else:
            yield name
