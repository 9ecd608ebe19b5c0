"""The formats in which Doppler gives a config, and how an answer proves to be one. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from external.providers.protocol import ProviderUnavailable
from manager.core.documents import Caps, Unreadable, read_json, read_yaml

ANSWER = Caps(size=8 << 20, values=100_000, levels=5)
YAML = Caps(size=1 << 20, values=20_000, levels=5)
"""A file that is larger fits into no Secret."""
NO_CONFIG = "DownloadSecrets: the answer is no config"
PROJECT = "dopplerproject"
"""Doppler itself adds the name of the project to each config: an answer without it is none, and proves no absence."""


def parsed_config(content: bytes, form: str) -> Mapping[str, Any]:
    """Return a config in JSON or YAML as it is written, of any other format its names.

    Raises ProviderUnavailable for an answer that holds no config, such as the page of a proxy.
    """
    if form in ("json", "dotnet-json", "yaml"):
        try:
            parsed = read_yaml(content, YAML) if form == "yaml" else read_json(content, ANSWER)
        except Unreadable:
            parsed = None
        found = {str(name): each for name, each in parsed.items()} if isinstance(parsed, dict) else {}
    else:
        lines = content.decode(errors="replace").splitlines()
        found = {line.partition("=")[0].strip(): "" for line in lines if "=" in line}
    if not any(PROJECT in _bare(name) for name in _names(found)):
        raise ProviderUnavailable(NO_CONFIG)
    return found


def _names(found: Mapping[Any, Any], above: str = "") -> Iterator[str]:
    """Yield all names; `dotnet-json` splits some into objects."""
    for name, each in found.items():
        if isinstance(each, dict):
            yield from _names(each, f"{above}{name}_")
        else:
            yield f"{above}{name}"


def _bare(name: str) -> str:
    """Return a name without what transformers change."""
    return "".join(filter(str.isalnum, name)).lower()
