"""Streams of Kubernetes objects in YAML or JSON, read with care and written as the original writes them."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml

from manager.documents import Caps, Loader, Unreadable, json_stream, yaml_nodes

LARGEST_INPUT = 16 * 1024 * 1024  # bytes; a Secret holds 1 MiB
MOST_NODES = 200_000  # values after aliases are expanded: a 323-byte file can ask for gigabytes (reliability.md H4)
MOST_LEVELS = 100  # of nesting; the scanner looks a thousand characters ahead at each, so that 5,000 brackets took 2 s
NOTHING_FOUND = "no secrets found. Ensure the input is valid and UTF-8 encoded"
# Go's JSON encoder writes these as escapes, also within text.
ESCAPED = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}
ODD_BREAK = re.compile("[\x85\u2028\u2029\ufeff]")

TEXT = "tag:yaml.org,2002:str"

Document = dict[str, Any]


class InputError(Exception):
    """The user's input or flags cannot be used; the text is what kubeseal prints after `error: `."""


class _Loader(Loader):
    """YAML 1.1 as Kubernetes tools read it: `y` and `n` are booleans; dates, times of day and fractions are text.

    A number that 64 bits cannot hold keeps its text too, where the original rounds it.
    """

    caps = Caps(LARGEST_INPUT, MOST_NODES, MOST_LEVELS)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make every key a text: for Python 1 and true are the same key."""
        self.flatten_mapping(node)
        return {
            text_of(self.construct_object(key, deep=True)): self.construct_object(value, deep=deep)
            for key, value in node.value
        }


class _Dumper(yaml.SafeDumper):
    """Quotes what another YAML 1.1 reader would not take for text, and escapes what PyYAML writes as a line break.

    Quotes and blocks are where Go's library has them.
    """

    blocks = True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Return the node of a text."""
        ambiguous = any(pattern.match(data) for _, pattern in self.yaml_implicit_resolvers.get(data[:1], ()))
        style = '"' if ambiguous or ODD_BREAK.search(data) else "|" if "\n" in data and self.blocks else None
        return self.represent_scalar(TEXT, data, style)


class _Inline(_Dumper):
    """Keeps a text of several lines on one."""

    blocks = False


_UNTOUCHED = ("bool", "merge", "null")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in _UNTOUCHED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}
_INTEGER = "[-+]?(0b[01][01_]{0,63}|0x[0-9a-fA-F][0-9a-fA-F_]{0,15}|0[0-7_]{0,21}|[1-9][0-9_]{0,18})"
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"^{_INTEGER}$"), list("-+0123456789"))
for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))
_Dumper.add_representer(str, _Dumper.represent_str)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile("."), list("-+.0123456789"))


def read(raw: bytes) -> list[Document]:
    """Return the objects of a stream: YAML documents, or JSON objects one after the other; empty ones are skipped.

    Raises:
        InputError: nothing usable is in it.

    """
    if len(raw) > LARGEST_INPUT:
        raise InputError(f"input is larger than {LARGEST_INPUT} bytes")
    try:
        documents = [each for each in _documents(raw.decode("utf-8-sig")) if each]
    except InputError:
        raise
    except Exception:  # beside its own errors PyYAML lets through whatever an odd text does to it
        raise InputError(NOTHING_FOUND) from None
    if not documents or not all(isinstance(each, dict) for each in documents):
        raise InputError(NOTHING_FOUND)
    return documents


def render(document: Document, form: str) -> bytes:
    """Return one object as text, in `json` or `yaml` (7.5)."""
    if form == "yaml":
        text = yaml.dump(document, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=2**31)
        return f"---\n{text}".encode()
    return (json.dumps(document, indent=2, ensure_ascii=False).translate(ESCAPED) + "\n").encode()


def read_file(path: Path) -> bytes:
    """Return what a file holds. Raises InputError in the original's words."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(_cannot_open(path, error)) from None


def replace_file(path: Path, content: bytes, *, keep_mode: bool = False) -> None:
    """Write a file as a whole or not at all, readable by its owner only; a failure leaves the old one.

    Args:
        keep_mode: who could read the old file can read the new one.

    Raises:
        InputError: it cannot be written.

    """
    try:
        with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                if keep_mode:
                    temporary.chmod(path.stat().st_mode)
                file.close()  # Windows renames no open file
                temporary.replace(path)
            except BaseException:
                temporary.unlink()
                raise
    except OSError as error:
        raise InputError(_cannot_open(path, error)) from None


def text_of(value: object) -> str:
    """Return a scalar as it lands in a string field: null is empty, booleans and numbers become their text (7.3)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # JSON may write a character as two escapes, which YAML's reader does not join; half a pair is replaced.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    raise InputError(f"a text was expected where the input has a {type(value).__name__}")


def _documents(text: str) -> list[Any]:
    found = json_objects(text)
    return list(_yaml_stream(text)) if found is None else found


def json_objects(text: str) -> list[Any] | None:
    """Return the objects of a JSON stream, None when it is none: YAML may begin like that too."""
    if text.lstrip().startswith("{"):
        with suppress(Unreadable):
            return list(json_stream(text, _Loader.caps))
    return None


def compose(text: str) -> Iterator[yaml.Node]:
    """Yield the nodes of YAML documents, which know their place in the text. Raises InputError for a bomb."""
    try:
        yield from yaml_nodes(text, _Loader)
    except Unreadable as error:
        if "expands" in str(error):
            raise InputError("input expands to too many values") from None
        raise InputError(NOTHING_FOUND) from None


def one_line(pair: Document, *, bare: bool = False) -> str:
    """Return `name: value` as YAML on one line, or `name:` alone."""
    text = yaml.dump(pair, Dumper=_Inline, default_flow_style=False, allow_unicode=True, width=2**31).rstrip("\n")
    return text.removesuffix(" null") if bare else text


def _yaml_stream(text: str) -> Iterator[Any]:
    for node in compose(text):
        yield _Loader("").construct_document(node)


def _cannot_open(path: Path, error: Exception) -> str:
    return f"open {path}: {(getattr(error, 'strerror', None) or 'not a usable path').lower()}"
