"""Encode requests for the sandbox (go/serve.go)."""

from collections.abc import Iterator, Mapping
from enum import Enum

from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Limits, Template

Data = Mapping[str, SecretValue]
Groups = Mapping[str, Data]


class Scope(Enum):
    """How the output is read."""

    VALUES = b"values"
    """As it is."""
    MAP = b"map"
    """As a YAML map of texts."""
    ANY = b"any"
    """As any YAML document; the answer is JSON."""


def render(template: Template, data: Data | Groups, scope: Scope, limits: Limits) -> list[bytes]:
    """Return the parts of a request to render."""
    grouped = any(not isinstance(content, SecretValue) for content in data.values())
    settings = (template.profile, template.missing, *template.delimiters, template.timezone)
    limit = str(limits.output_bytes).encode()
    return [
        b"render",
        *map(encoded, settings),
        scope.value,
        b"2" if grouped else b"1",
        limit,
        encoded(template.name),
        encoded(template.source),
        *(part for *names, value in _entries(data) for part in (*map(encoded, names), value.reveal())),
    ]


def flat(data: Data | Groups) -> tuple[list[SecretValue], list[str]]:
    """Return all values, and all names of keys and groups."""
    entries = list(_entries(data))
    return [value for *_, value in entries], [name for *names, _ in entries for name in names]


def encoded(text: str) -> bytes:
    """Return the bytes of a text as it came from the API server."""
    return text.encode(errors="surrogatepass")


def _entries(data: Data | Groups) -> Iterator[tuple[str, SecretValue] | tuple[str, str, SecretValue]]:
    """Yield key and value, or group, key and value."""
    for name, content in data.items():
        if isinstance(content, SecretValue):
            yield name, content
        else:
            for key, value in content.items():
                yield name, key, value
