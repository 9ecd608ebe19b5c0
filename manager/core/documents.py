"""The one reader of JSON and the one reader of YAML for text that others wrote: bounded in size, nesting and expansion.

Tenants choose what stands in their objects, Secrets and answers. Python's readers bound nothing: nesting ends them with
a RecursionError, YAML aliases expand to gigabytes, and a megabyte of empty lists becomes twenty-four in memory.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

Value = TypeVar("Value")

READABLE_LEVELS = (
    200  # of nesting that Python 3.11's parser can read at any depth of the call stack; its limit is 1,000
)
MAX_ALIASES = 1_000  # of one YAML document; each is looked up and counted

# Strings are matched possessively: backtracking would keep a state for each character.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{]|[\]}]', re.DOTALL)
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class Unreadable(ValueError):
    """A text is malformed or beyond a bound; the message names the bound and quotes nothing."""


class Beyond(Unreadable):
    """A text is beyond a bound."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The bounds of a text.

    Args:
        size: bytes of the text.
        values: scalars, lists and mappings, with every alias expanded. Each takes about 100 bytes of memory.
        levels: of nesting.
    """

    size: int
    values: int
    levels: int


OBJECT = Caps(size=8 << 20, values=250_000, levels=100)
"""A Kubernetes object: the API server takes 1.5 MB in a request, and may write a character as six."""
ANSWER = Caps(size=1 << 20, values=700_000, levels=READABLE_LEVELS)
"""The answer of a provider with one value, which must fit into a Secret; an empty list takes three bytes."""
CONFIGURATION = Caps(size=64 << 10, values=5_000, levels=20)
"""A kubeconfig or settings, written by hand."""


def read_json(text: bytes | str, caps: Caps = OBJECT) -> Any:
    """Parse a JSON text. Raises Unreadable."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    _require_size(len(raw), caps)
    if holds_more(raw, caps.values):
        raise Beyond(f"it has more than {caps.values} values")
    parsed = _loaded(text, caps.levels)
    if openings(raw) > caps.levels and too_deep(parsed, caps.levels):
        raise Beyond(_nested(caps.levels))
    return parsed


def read_json_beneath(text: bytes, levels: int) -> Any:
    """Parse a JSON text of any depth; values below some levels become null.

    For lists of objects, of which one may be nested without end. Raises Unreadable.
    """
    try:
        return _loaded(text, levels)
    except Beyond:
        return read_json_outline(text, levels)


def read_json_outline(text: bytes, levels: int) -> Any:
    """Parse the upper levels of a JSON text; values below them become null. Raises Unreadable."""
    return _loaded(b"".join(_cut(text, levels)), levels)


def holds_more(text: bytes, values: int) -> bool:
    """Return True if a JSON text holds more values than a bound, without parsing it."""
    return _values_at_most(text) > values and _values_at_most(_STRING.sub(b"", text)) > values


def too_deep(value: object, levels: int) -> bool:
    """Return True if a parsed value is nested deeper than a bound, without recursion."""
    here = [value]
    for _ in range(levels):
        here = [
            inner
            for each in here
            for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not here:
            return False
    return True


def more_values(value: object, most: int) -> bool:
    """Return True if a parsed value holds more values than a bound; visits no more, without recursion."""
    waiting, seen = [value], 1
    while waiting and seen <= most:
        each = waiting.pop()
        if isinstance(each, dict | list):
            seen += len(each)
            if seen <= most:
                waiting.extend(each.values() if isinstance(each, dict) else each)
    return seen > most


def decoder(**options: Any) -> json.JSONDecoder:
    """Return a decoder for texts that are read in parts; the caller bounds them and catches RecursionError."""
    return json.JSONDecoder(**options)


def json_stream(text: str, caps: Caps) -> Iterator[Any]:
    """Yield the values of a JSON text that holds several; fractions keep their text. Raises Unreadable."""
    _require_size(len(text), caps)
    reader, text, position = decoder(parse_float=str), text.strip(), 0
    while position < len(text):
        try:
            value, position = reader.raw_decode(text, position)
        except (ValueError, RecursionError, MemoryError):
            raise Unreadable("it is no JSON") from None
        if too_deep(value, caps.levels):
            raise Beyond(_nested(caps.levels))
        yield value
        while text[position : position + 1].isspace():
            position += 1


FAR_CHARACTERS = 64
_BREAK = re.compile("[\n\r\x85\u2028\u2029\ufeff]")


class Loader(yaml.SafeLoader):
    """Reads YAML within bounds; subclasses choose what scalars mean."""

    caps = CONFIGURATION
    _level = 0
    _made = 0
    _aliases = 0

    def forward(self, length: int = 1) -> None:
        """Advance by some characters; a megabyte on one line is not visited character by character."""
        passed = self.buffer[self.pointer : self.pointer + length]
        if length < FAR_CHARACTERS or len(passed) < length or _BREAK.search(passed):
            super().forward(length)
            return
        self.pointer += length
        self.index += length
        self.column += length

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Build the node of the next event. Raises Unreadable if there are too many, or it is too deep."""
        self._made += 1
        self._aliases += self.check_event(yaml.AliasEvent)
        if self._level >= self.caps.levels:
            raise Beyond(_nested(self.caps.levels))
        if self._made > self.caps.values or self._aliases > MAX_ALIASES:
            raise Beyond(_expands(self.caps))
        self._level += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._level -= 1
        return node


def read_yaml(text: bytes | str, caps: Caps = CONFIGURATION) -> Any:
    """Parse the only document of a YAML text; return None if it has none. Raises Unreadable."""
    found = list(yaml_stream(text, type("_Bounded", (Loader,), {"caps": caps})))
    if len(found) > 1:
        raise Unreadable("it holds several YAML documents")
    return found[0] if found else None


def yaml_stream(text: bytes | str, loader: type[Loader]) -> Iterator[Any]:
    """Yield the documents of a YAML text as a loader reads them. Raises Unreadable."""
    for node in yaml_nodes(text, loader):
        try:
            yield loader("").construct_document(node)
        except Exception:  # beside its own errors PyYAML lets through whatever an odd text does to it
            raise Unreadable("it is no YAML") from None


def yaml_nodes(text: bytes | str, loader: type[Loader]) -> Iterator[yaml.Node]:
    """Yield the nodes of YAML documents, which know their place in the text. Raises Unreadable."""
    _require_size(len(text), loader.caps)
    try:
        reader = loader(text)
        while reader.check_node():
            node = reader.get_node()
            _require_within(node, loader.caps)
            if node is not None:
                yield node
    except Beyond:
        raise
    except Exception as error:  # beside its own errors PyYAML lets through whatever an odd text does to it
        mark = getattr(error, "problem_mark", None)
        raise Unreadable("it is no YAML" + (f", see line {mark.line + 1}" if mark else "")) from None


def field(mapping: object, name: str, kind: type[Value]) -> Value | None:
    """Return a member of a mapping, None where it is missing or null. Raises Unreadable where it is of another type.

    Nothing is made a text that is none: a list that aliases made endless would be written out.
    """
    if not isinstance(mapping, Mapping):
        raise Unreadable(f"{name}: it stands in what is no mapping")
    value = mapping.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Unreadable(f"{name}: a {_WORDS.get(kind, kind.__name__)} is needed here")
    return value


_WORDS = {str: "text", dict: "mapping", list: "list", bool: "true or false", int: "number"}


def _loaded(text: bytes | str, levels: int) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise Beyond(_nested(levels)) from None
    except (ValueError, MemoryError):  # the decoder's own error quotes the text
        raise Unreadable("it is no JSON") from None


def _cut(text: bytes, levels: int) -> Iterator[bytes]:
    """Yield the parts of a JSON text with all values below some levels replaced by null; one pass, no recursion."""
    level = kept = 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in b"[{":
            level += 1
            if level == levels + 1:
                yield text[kept : token.start()]
        elif sign in b"]}":
            if level == levels + 1:
                yield b"null"
                kept = token.end()
            level -= 1
    if level <= levels:
        yield text[kept:]


def openings(raw: bytes) -> int:
    """Return the number of opening brackets in a JSON text, which bounds its nesting."""
    return raw.count(b"{") + raw.count(b"[")


def _values_at_most(raw: bytes) -> int:
    """Return an upper bound of the number of values: each but the first follows one of these characters."""
    return 1 + openings(raw) + raw.count(b",") + raw.count(b":")


def _require_size(size: int, caps: Caps) -> None:
    if size > caps.size:
        raise Beyond(f"it is larger than {caps.size} bytes")


def _nested(levels: int) -> str:
    return f"it is nested deeper than {levels} levels"


def _expands(caps: Caps) -> str:
    return f"it expands to more than {caps.values} values"


def _require_within(node: yaml.Node | None, caps: Caps) -> None:
    if _size(node, {}, caps.values) > caps.values:
        raise Beyond(_expands(caps))


def _size(node: Any, known: dict[int, int], most: int) -> int:
    """Count the values of a document with every alias and merge expanded, without expanding any."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if node is None:
        return 0
    if id(node) not in known:
        known[id(node)] = most + 1  # a document that contains itself is too large
        pairs = isinstance(node, yaml.MappingNode)
        children = [child for pair in node.value for child in pair] if pairs else node.value
        known[id(node)] = 1 + sum(_size(each, known, most) for each in children)
    return known[id(node)]
