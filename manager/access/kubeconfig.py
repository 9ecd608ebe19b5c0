"""Find and merge kubeconfig files, as client-go does."""

import base64
import binascii
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from manager.access.explanations import file_fault
from manager.core.documents import Caps, Loader, yaml_stream
from manager.core.errors import AccessError

MAX_FILE_BYTES = 16 << 20  # room for thousands of clusters with their authorities


class _Loader(Loader):
    """Reads dates as strings, as Kubernetes does."""

    caps = Caps(MAX_FILE_BYTES, 500_000, 100)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Entry:
    """One cluster, user or context, and its place in the files."""

    at: str = ""
    """Such as `kubeconfig /home/me/.kube/config: users[admin].user`."""
    folder: Path = Path()
    """The folder that relative file names refer to."""
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """Return a text, empty where there is none. Raises AccessError."""
        value = self.fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise AccessError(f"{self.at}.{name}: must be a string; quote it")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, false where there is none. Raises AccessError."""
        value = self.fields.get(name)
        if not isinstance(value, bool | None):
            raise AccessError(f"{self.at}.{name}: must be true or false")
        return bool(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts. Raises AccessError."""
        value = self.fields.get(name) or []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise AccessError(f"{self.at}.{name}: must be a list of strings")
        return tuple(value)

    def below(self, name: str) -> "Entry | None":
        """Return a mapping that stands in this one, None where there is none. Raises AccessError."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise AccessError(f"{self.at}.{name}: must be a mapping")
        return Entry(f"{self.at}.{name}", self.folder, value)

    def listed(self, name: str) -> "tuple[Entry, ...]":
        """Return the mappings of a list. Raises AccessError."""
        value = self.fields.get(name) or []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise AccessError(f"{self.at}.{name}: must be a list of mappings")
        return tuple(Entry(f"{self.at}.{name}[{at}]", self.folder, each) for at, each in enumerate(value))

    def path(self, name: str) -> str:
        """Return a file's name, made absolute by the kubeconfig's own folder. Raises AccessError."""
        value = self.text(name)
        return str(self.folder / value) if value else ""

    def data(self, name: str) -> bytes:
        """Return what a field holds in base64. Raises AccessError."""
        try:
            return base64.b64decode("".join(self.text(name).split()), validate=True)
        except (binascii.Error, ValueError):
            raise AccessError(f"{self.at}.{name}: must be base64") from None


@dataclass(frozen=True)
class Kubeconfig:
    """The merged content of all files."""

    clusters: Mapping[str, Entry] = field(default_factory=dict)
    users: Mapping[str, Entry] = field(default_factory=dict)
    contexts: Mapping[str, Entry] = field(default_factory=dict)
    current_context: str = ""


def load(explicit: str, environ: Mapping[str, str]) -> Kubeconfig:
    """Read the kubeconfig: the explicit file alone, or the list KUBECONFIG, or ~/.kube/config.

    Of several files the first that has a current-context, or an entry of a name, decides; files that are missing are
    skipped, but not an explicit one.

    Raises:
        AccessError: a file that is there cannot be used.
    """
    if explicit:
        return _read(Path(explicit), explicit)
    return merged(_read(Path(each), each) for each in locations(environ) if not _missing(each))


def locations(environ: Mapping[str, str]) -> Iterable[str]:
    """Return the files that are read if none is given, in order."""
    listed = environ.get("KUBECONFIG", "")
    if listed:
        return dict.fromkeys(each for each in listed.split(os.pathsep) if each)
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    return [str(Path(home, ".kube", "config"))] if home else []


def merged(files: Iterable[Kubeconfig]) -> Kubeconfig:
    """Return one kubeconfig of several: the first that has a value wins, and entries are never mixed."""
    clusters: dict[str, Entry] = {}
    users: dict[str, Entry] = {}
    contexts: dict[str, Entry] = {}
    current = ""
    for each in files:
        clusters = {**each.clusters, **clusters}
        users = {**each.users, **users}
        contexts = {**each.contexts, **contexts}
        current = current or each.current_context
    return Kubeconfig(clusters, users, contexts, current)


def _missing(place: str) -> bool:
    try:
        Path(place).stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False  # reading it tells why
    return False


def _read(path: Path, named: str) -> Kubeconfig:
    at = f"kubeconfig {named}"
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise AccessError(f"{at}: {file_fault(error)}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise AccessError(f"{at}: is larger than {MAX_FILE_BYTES} bytes")
    root = Entry(at, path.absolute().parent, _parsed(raw, at))
    for name, wanted in (("apiVersion", "v1"), ("kind", "Config")):
        if root.text(name) not in ("", wanted):
            raise AccessError(f"{at}: {name} must be {wanted}")
    current = root.text("current-context")
    clusters, users = _entries(root, "clusters", "cluster"), _entries(root, "users", "user")
    return Kubeconfig(clusters, users, _entries(root, "contexts", "context"), current)


def _parsed(raw: bytes, at: str) -> Mapping[str, Any]:
    try:
        found = next(iter(yaml_stream(raw.decode("utf-8-sig"), _Loader)), None) or {}
    except ValueError:  # the parser's text would quote the line, which may hold a token
        raise AccessError(f"{at}: not a kubeconfig: it is no YAML") from None
    if not isinstance(found, dict):
        raise AccessError(f"{at}: not a kubeconfig: a mapping was expected")
    return found


def _entries(root: Entry, many: str, one: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for each in root.listed(many):
        name = each.text("name")
        if name in found:
            raise AccessError(f"{root.at}: {many}: the name {name!r} stands there twice")
        at = f"{root.at}: {many}[{name}].{one}"
        value = each.below(one)
        found[name] = Entry(at, root.folder, value.fields if value else {})
    return found
