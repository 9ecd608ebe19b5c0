"""Change single values in files of SealedSecrets; comments, order, style and all other bytes stay the same."""

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import yaml

from sealed.manifests.documents import (
    Document,
    InputError,
    compose,
    json_objects,
    one_line,
    parsed_value,
    read,
    read_whole,
    render,
    split_list,
)

Path = Sequence[str]


class ManifestFile:
    """The text of a file and the documents in it; changing one value changes no other line.

    JSON has no comments, so it is rewritten completely, with keys in the same order.

    Raises:
        InputError: there is no document in it.

    """

    def __init__(self, raw: bytes) -> None:
        self._whole = read_whole(raw)
        self.documents: list[Document] = [item for each in self._whole for item in split_list(each)]
        self._text = raw.decode("utf-8")
        self._is_json = json_objects(self._text) is not None
        # Windows line breaks are kept, also in files that mix both kinds.
        self._windows = self._text.count("\n") == self._text.count("\r\n") > 0
        if self._windows:
            self._text = self._text.replace("\r\n", "\n")

    def content(self) -> bytes:
        """Return the current content of the file."""
        text = b"".join(render(each, "json") for each in self._objects()) if self._is_json else self._text.encode()
        return text.replace(b"\n", b"\r\n") if self._windows else text

    def _objects(self) -> Iterator[Document]:
        """Yield the objects of the file with the changes made so far, without splitting Lists."""
        now = iter(self.documents)
        for each in self._whole:
            inner = [next(now) for _ in split_list(each)]
            yield inner[0] if split_list(each) == [each] else {**each, "items": inner}

    def put(self, position: int, path: Path, value: str) -> None:
        """Set the text at a path of one document; create missing mappings on the way.

        Raises:
            InputError: the file has a form that cannot be edited in place; it is unchanged.

        """
        wanted = deepcopy(self.documents[position])
        _holder(wanted, path)[path[-1]] = value
        self._become(position, wanted, lambda root: _put(self._text, root, path, value))

    def drop(self, position: int, path: Path) -> None:
        """Remove the field at a path of one document. Raises InputError as `put` does."""
        wanted = deepcopy(self.documents[position])
        _holder(wanted, path).pop(path[-1])
        self._become(position, wanted, lambda root: _drop(self._text, root, path))

    def _become(self, position: int, wanted: Document, edit: Any) -> None:
        if not self._is_json:
            root = list(self._roots())[position]
            try:
                edited = edit(root)
                known = read(edited.encode())
            except (InputError, LookupError, yaml.YAMLError):
                known = []
            # The result is parsed again: an edit must not change any other value.
            if known != [*self.documents[:position], wanted, *self.documents[position + 1 :]]:
                raise InputError("the file is written in a way that cannot be changed in place")
            self._text = edited
        self.documents[position] = wanted

    def _roots(self) -> Iterator[yaml.MappingNode]:
        for node in compose(self._text):
            if isinstance(node, yaml.MappingNode) and node.value:
                yield from _items(node)


def _items(root: yaml.MappingNode) -> list[Any]:
    """Return the nodes of a List's items, or the node itself if it is no List."""
    kind, items = _entry(root, "kind"), _entry(root, "items")
    if kind is None or not str(kind[1].value).endswith("List") or not items:
        return [root]
    return list(items[1].value) if isinstance(items[1], yaml.SequenceNode) else [root]


def _holder(document: Document, path: Path) -> Document:
    for name in path[:-1]:
        if not isinstance(document.get(name), dict):
            document[name] = {}
        document = document[name]
    return document


def _put(text: str, root: yaml.MappingNode, path: Path, value: str) -> str:
    mapping, depth = root, 0
    while True:
        found = _entry(mapping, path[depth])
        if found is None:
            return _insert(text, mapping, path[depth:], value)
        node, depth = found[1], depth + 1
        _refuse_alias(found)
        if depth == len(path):
            return _replace(text, node, _styled(text, node, value))
        if not isinstance(node, yaml.MappingNode):  # nothing, or null
            return _replace(text, node, json.dumps(_nested(path[depth:], value), ensure_ascii=False))
        mapping = node


def _drop(text: str, root: yaml.MappingNode, path: Path) -> str:
    mapping = root
    for name in path[:-1]:
        below = _found(mapping, name)[1]
        if not isinstance(below, yaml.MappingNode):
            raise LookupError(name)
        mapping = below
    key, value = _found(mapping, path[-1])
    if mapping.flow_style or len(mapping.value) == 1:
        rest = {one.value: _plain(text, other) for one, other in mapping.value if one is not key}
        start, end = mapping.start_mark.index, _end(text, mapping)
        return f"{text[:start]}{json.dumps(rest, ensure_ascii=False)}{_newline(text, end)}{text[end:]}"
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    return text[:start] + text[_line_end(text, _end(text, value)) :]


def _insert(text: str, mapping: yaml.MappingNode, path: Path, value: str) -> str:
    if mapping.flow_style or not mapping.value:
        known = {key.value: _plain(text, node) for key, node in mapping.value}
        flow = json.dumps({**known, **_nested(path, value)}, ensure_ascii=False)
        return _replace(text, mapping, flow)
    at = _line_end(text, _end(text, mapping.value[-1][1]))
    indent = mapping.value[0][0].start_mark.column
    lines = [*(one_line({name: None}, bare=True) for name in path[:-1]), one_line({path[-1]: value})]
    block = "".join(f"{' ' * (indent + 2 * depth)}{line}\n" for depth, line in enumerate(lines))
    before = text[:at] if text[:at].endswith("\n") else text[:at] + "\n"
    return before + block + text[at:]


def _entry(mapping: yaml.MappingNode, name: str) -> tuple[yaml.ScalarNode, yaml.Node] | None:
    return next(((key, node) for key, node in mapping.value if key.value == name), None)


def _found(mapping: yaml.MappingNode, name: str) -> tuple[yaml.ScalarNode, yaml.Node]:
    entry = _entry(mapping, name)
    if entry is None:
        raise LookupError(name)
    return entry


def _refuse_alias(entry: tuple[yaml.Node, yaml.Node]) -> None:
    key, node = entry
    if node.start_mark.index < key.end_mark.index:  # an alias: other fields use the same node
        raise InputError("a value is written as an alias")


def _plain(text: str, node: yaml.Node) -> Any:
    """Return the value of a node in flow style."""
    return parsed_value(text[node.start_mark.index : node.end_mark.index]) if text else None


def _nested(path: Path, value: str) -> Document:
    nested: Any = value
    for name in reversed(path):
        nested = {name: nested}
    return dict(nested)


def _replace(text: str, node: yaml.Node, new: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    space = " " if start == end else ""  # there is nothing behind the colon
    return text[:start] + space + new + _newline(text, end, start) + text[end:]


def _newline(text: str, end: int, start: int = 0) -> str:
    """Return the line break at the end of a block; its replacement must end with the same."""
    return "\n" if end > start and text[end - 1] == "\n" else ""


def _styled(text: str, node: yaml.Node, value: str) -> str:
    """Return a value in the same quotes as the old one."""
    if text[node.start_mark.index : node.start_mark.index + 1] == '"':
        return json.dumps(value, ensure_ascii=False)
    return one_line({"k": value}).removeprefix("k: ")


def _end(text: str, node: yaml.Node) -> int:
    """Return the end of a value; for a block, the end of its last entry, before any comments that follow."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    return node.end_mark.index


def _line_end(text: str, at: int) -> int:
    """Return the beginning of the next line; `at` itself if a line begins there."""
    if at > 0 and text[at - 1] == "\n":
        return at
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1
