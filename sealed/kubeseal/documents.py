"""Streams of Kubernetes objects in YAML or JSON, read with care and written as the original writes them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml

LARGEST_INPUT = 16 * 1024 * 1024  # bytes; a Secret holds 1 MiB
MOST_NODES = 200_000  # values after aliases are expanded: a 323-byte file can ask for gigabytes (reliability.md H4)
NOTHING_FOUND = "no secrets found. Ensure the input is valid and UTF-8 encoded"

Document = dict[str, Any]


class InputError(Exception):
    """The user's input or flags cannot be used; the text is what kubeseal prints after `error: `."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as Kubernetes tools read it: `y` and `n` are booleans, dates are text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))


def read(raw: bytes) -> list[Document]:
    """Return the objects of a stream: YAML documents, or JSON objects one after the other; empty ones are skipped.

    Raises:
        InputError: nothing usable is in it.

    """
    if len(raw) > LARGEST_INPUT:
        raise InputError(f"input is larger than {LARGEST_INPUT} bytes")
    try:
        text = raw.decode()
        found = list(_json_stream(text)) if text.lstrip().startswith("{") else list(yaml.load_all(text, _Loader))
    except (UnicodeDecodeError, ValueError, yaml.YAMLError, RecursionError):
        raise InputError(NOTHING_FOUND) from None
    documents = [each for each in found if each]
    if not documents or not all(isinstance(each, dict) for each in documents):
        raise InputError(NOTHING_FOUND)
    if any(_nodes(each, {}) > MOST_NODES for each in documents):
        raise InputError("input expands to too many values")
    return documents


def render(document: Document, form: str) -> str:
    """Return one object as text, in `json` or `yaml` (7.5)."""
    if form == "yaml":
        return "---\n" + yaml.safe_dump(document, default_flow_style=False, allow_unicode=True, width=2**31)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def replace_file(path: Path, text: str) -> None:
    """Write a file as a whole or not at all, readable by its owner only; a failure leaves the old one."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8") as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            temporary.chmod(0o600)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def text_of(value: object) -> str:
    """Return a scalar as it lands in a string field: booleans and numbers become their text (7.3)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise InputError(f"a text was expected where the input has a {type(value).__name__}")


def _json_stream(text: str) -> Iterator[Any]:
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        rest = text[position:]
        position += len(rest) - len(rest.lstrip())
        if position < len(text):
            value, position = decoder.raw_decode(text, position)
            yield value


def _nodes(value: object, known: dict[int, int]) -> int:
    """Count the values of a document with every alias expanded, without expanding any."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_NODES + 1  # a document that contains itself is too large
        children = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_nodes(each, known) for each in children)
    return known[id(value)]
