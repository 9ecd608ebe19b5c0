"""Read streams of Kubernetes objects in YAML or JSON, within limits; write them as the original does."""

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from manager.core.documents import Caps, Loader, Unreadable, json_stream, yaml_nodes
from sealed.manifests.goyaml import in_order, is_text

MAX_INPUT_BYTES = 16 * 1024 * 1024  # a Secret holds 1 MiB
MAX_NODES = 200_000  # values after aliases are expanded: 323 bytes can expand to gigabytes
MAX_LEVELS = 100  # of nesting; the scanner reads a thousand characters ahead at each: 5,000 brackets took 2 s
NOTHING_FOUND = "no secrets found. Ensure the input is valid and UTF-8 encoded"
# Go's JSON encoder escapes these characters.
ESCAPED = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}
ODD_CHARACTER = re.compile("[\x85\u2028\u2029\ufeff\U00010000-\U0010ffff]")
BASE64, LONG = re.compile("[A-Za-z0-9+/]*={0,2}"), 64

NOT_REPLACED = frozenset({errno.EXDEV, errno.EBUSY, errno.EACCES, errno.EPERM, errno.EROFS})
TEXT = "tag:yaml.org,2002:str"

Document = dict[str, Any]


class InputError(Exception):
    """The user's input or flags are wrong; kubeseal prints the text after `error: `."""


class _Loader(Loader):
    """YAML 1.1 as Kubernetes tools read it: `y` and `n` are booleans; dates, times of day and fractions are text.

    A number of more than 64 bits stays text too; the original rounds it.
    """

    caps = Caps(MAX_INPUT_BYTES, MAX_NODES, MAX_LEVELS)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Turn every key into text: in Python, 1 and true would be one key."""
        self.flatten_mapping(node)
        return {
            text_of(self.construct_object(key, deep=True)): self.construct_object(value, deep=deep)
            for key, value in node.value
        }


class _Dumper(yaml.SafeDumper):
    """Writes quotes, blocks and keys as Go's library does, and escapes what PyYAML writes as a line break."""

    blocks = True

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Return the tag that a YAML reader gives to an unquoted text."""
        if kind is yaml.ScalarNode and is_text(value):
            return TEXT
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Return the node of a text: quoted, as a block, or plain."""
        known = any(pattern.match(data) for _, pattern in self.yaml_implicit_resolvers.get(data[:1], ()))
        quoted = known or not is_text(data) or ODD_CHARACTER.search(data)
        style = "|" if "\n" in data and self.blocks and not ODD_CHARACTER.search(data) else '"' if quoted else None
        return self.represent_scalar(TEXT, data, style)

    def represent_dict(self, data: Any) -> yaml.MappingNode:
        """Return the node of a mapping, with sorted keys."""
        pairs: Any = sorted(data.items(), key=lambda pair: in_order(pair[0]))
        return self.represent_mapping("tag:yaml.org,2002:map", pairs)

    def check_simple_key(self) -> bool:
        """Return True if a key and its value fit on one line; PyYAML says no for an empty key."""
        empty = isinstance(self.event, yaml.ScalarEvent) and not self.event.value
        return empty or bool(super().check_simple_key())

    def analyze_scalar(self, scalar: str) -> Any:
        """Analyse a text; skip this for base64, which may be a megabyte long."""
        if len(scalar) > LONG and BASE64.fullmatch(scalar):
            return yaml.emitter.ScalarAnalysis(scalar, False, False, True, True, True, True, True)
        return super().analyze_scalar(scalar)

    def write_plain(self, text: str, split: bool = True) -> None:
        """Write an unquoted text; write base64 without looking for line breaks."""
        if len(text) <= LONG or not BASE64.fullmatch(text):
            super().write_plain(text, split)
            return
        written = text if self.whitespace else f" {text}"
        self.column += len(written)
        self.stream.write(written)
        self.whitespace = self.indention = False


class _Inline(_Dumper):
    """Writes a text of several lines on one line."""

    blocks = False


_UNTOUCHED = ("bool", "merge", "null")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in _UNTOUCHED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}
_INTEGER = "[-+]?(0b[01][01_]{0,63}|0x[0-9a-fA-F][0-9a-fA-F_]{0,15}|0[0-7_]{0,21}|[1-9][0-9_]{0,18})"
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"^{_INTEGER}$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))
_Dumper.add_representer(str, _Dumper.represent_str)
_Dumper.add_representer(dict, _Dumper.represent_dict)


def read(raw: bytes) -> list[Document]:
    """Return the objects of a stream: YAML documents, or JSON objects one after the other; empty ones are skipped.

    A List, as kubectl prints it, is replaced by its items.

    Raises:
        InputError: nothing usable is in it.

    """
    return [each for document in read_whole(raw) for each in split_list(document)]


def split_list(document: Document) -> list[Document]:
    """Return the items of a List, or the object itself if it is none. Raises InputError."""
    items = document.get("items")
    if not str(document.get("kind")).endswith("List") or not isinstance(items, list):
        return [document]
    if not all(isinstance(each, dict) for each in items):
        raise InputError("items: must hold objects")
    return items


def read_whole(raw: bytes) -> list[Document]:
    """Return the objects of a stream without splitting Lists. Raises InputError as `read` does."""
    if len(raw) > MAX_INPUT_BYTES:
        raise InputError(f"input is larger than {MAX_INPUT_BYTES} bytes")
    try:
        documents = [each for each in _documents(raw.decode("utf-8-sig")) if each]
    except InputError:
        raise
    except Exception:  # odd input makes PyYAML raise more than its own errors
        raise InputError(NOTHING_FOUND) from None
    if not documents or not all(isinstance(each, dict) for each in documents):
        raise InputError(NOTHING_FOUND)
    return documents


def kinds(documents: Iterable[Document]) -> str:
    """Return the kinds of objects as a text, such as `ConfigMap, Secret`."""
    found = {str(each.get("kind") or "an object without kind")[:100] for each in documents}
    return ", ".join(sorted(found)) or "nothing"


def render(document: Document, form: str) -> bytes:
    """Return one object as text, in `json` or `yaml`."""
    if form == "yaml":
        text = yaml.dump(document, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=2**31)
        return f"---\n{text}".encode()
    return (json.dumps(document, indent=2, ensure_ascii=False).translate(ESCAPED) + "\n").encode()


def read_file(path: Path) -> bytes:
    """Return the content of a file. Raises InputError in the original's words."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(_cannot_open(path, error)) from None


def replace_file(path: Path, content: bytes, *, keep_mode: bool = False) -> None:
    """Replace the content of a file completely, or leave the file unchanged.

    A new file is readable by its owner only. The owner of an old file stays the same. A symbolic link stays a link; the
    file behind it changes. A file that cannot be replaced by rename, such as a mounted one, is overwritten in place.

    Args:
        path: the file.
        content: its new content.
        keep_mode: keep the permissions of the old file.

    Raises:
        InputError: it cannot be written.

    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and (not target.is_file() or target.stat().st_nlink > 1):
            _write_over(target, content)
            return
        try:
            _put_in_place(target, content, keep_mode=keep_mode)
        except OSError as error:
            if error.errno not in NOT_REPLACED or not target.is_file():
                raise
            _write_over(target, content)
    except OSError as error:
        raise InputError(_cannot_open(path, error)) from None


def _put_in_place(target: Path, content: bytes, *, keep_mode: bool) -> None:
    from tempfile import NamedTemporaryFile  # imported late: it is slow

    with NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if target.exists():
                before, now = target.stat(), temporary.stat()
                if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
                    os.chown(temporary, before.st_uid, before.st_gid)
            if keep_mode:
                temporary.chmod(target.stat().st_mode)
            file.close()  # Windows cannot rename an open file
            temporary.replace(target)
        except BaseException:
            temporary.unlink()
            raise


def _write_over(target: Path, content: bytes) -> None:
    with target.open("r+b" if target.is_file() else "wb") as file:
        file.write(content)
        if target.is_file():
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


def text_of(value: object) -> str:
    """Return a scalar as the API server stores it in a string field: null becomes empty, numbers become text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # JSON may escape a character as a surrogate pair, which PyYAML does not join; half a pair is replaced.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    raise InputError(f"a text was expected where the input has a {type(value).__name__}")


def _documents(text: str) -> list[Any]:
    found = json_objects(text)
    return list(_yaml_stream(text)) if found is None else found


def json_objects(text: str) -> list[Any] | None:
    """Return the objects of a JSON stream; None for other text: a YAML document may also begin with a brace."""
    if text.lstrip().startswith("{"):
        with suppress(Unreadable):
            return list(json_stream(text, _Loader.caps))
    return None


def compose(text: str) -> Iterator[yaml.Node]:
    """Yield the nodes of YAML documents, with their positions. Raises InputError if aliases expand too far."""
    try:
        yield from yaml_nodes(text, _Loader)
    except Unreadable as error:
        if "expands" in str(error):
            raise InputError("input expands to too many values") from None
        raise InputError(NOTHING_FOUND) from None


def parsed_value(text: str) -> Any:
    """Return the value of a YAML text that holds a single value. Raises InputError."""
    return next(iter(_yaml_stream(text)), None)


def one_line(pair: Document, *, bare: bool = False) -> str:
    """Return `name: value` as YAML on one line, or `name:` alone."""
    text = yaml.dump(pair, Dumper=_Inline, default_flow_style=False, allow_unicode=True, width=2**31).rstrip("\n")
    return text.removesuffix(" null") if bare else text


def _yaml_stream(text: str) -> Iterator[Any]:
    for node in compose(text):
        yield _Loader("").construct_document(node)


def _cannot_open(path: Path, error: Exception) -> str:
    from manager.access.explanations import file_fault  # imported late: it loads ssl

    return f"open {path}: {file_fault(error)}"
