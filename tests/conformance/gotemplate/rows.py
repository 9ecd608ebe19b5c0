"""The inputs, and their form for whoever renders them."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PROFILES = ("eso", "sealed")


@dataclass(frozen=True)
class Row:
    """One template for one profile."""

    id: str
    profile: str
    source: str
    name: str
    data: dict[str, bytes]
    delimiters: tuple[str, str]
    missing: str
    timezone: str

    @property
    def key(self) -> str:
        """What it is called in lists."""
        return f"{self.profile}:{self.id}"


@cache
def rows() -> tuple[Row, ...]:
    """Return every input, once for each profile that it is for."""
    files = (FOLDER / name for name in ("inputs.jsonl", "more.jsonl"))
    lines = (json.loads(line) for file in files for line in file.read_text().splitlines())
    return tuple(row for line in lines for row in _of(line))


def _of(line: dict[str, Any]) -> Iterator[Row]:
    for profile in [line["p"]] if "p" in line else PROFILES:
        name = line["t"] if line.get("name") == "=t" else line.get("name", "k")
        missing = line.get("missing", "error" if profile == "eso" else "")
        data = dict(_value(key, value) for key, value in line.get("d", {}).items())
        left, right = line.get("delims", ("{{", "}}"))
        yield Row(line["id"], profile, line["t"], name, data, (left, right), missing, line.get("tz", "UTC"))


def _value(key: str, value: str) -> tuple[str, bytes]:
    if key.startswith("b64:"):
        return key.removeprefix("b64:"), base64.b64decode(value)
    if key.startswith("@"):
        return key.removeprefix("@"), fixture(value)
    return key, value.encode()


def fixture(role: str) -> bytes:
    """Return a certificate, key or PKCS#12 file by what it is for."""
    return base64.b64decode(_fixtures()[role])


@cache
def _fixtures() -> dict[str, str]:
    found: dict[str, str] = json.loads((FOLDER / "fixtures.json").read_text())
    return found
