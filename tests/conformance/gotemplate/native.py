"""Builds and runs the native programs, whose answers are the measure."""

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.conformance.gotemplate.rows import FOLDER, Row
from tools.golang import cache_root, compile_package, toolchain

SOURCES = FOLDER / "native"


class Outcome(NamedTuple):
    """What became of a template: ok, parse, execute, or crash where the program itself ended."""

    verdict: str
    text: bytes


CRASHED = Outcome("crash", b"")


def program(profile: str) -> Path:
    """Return the native program of a profile, after building it where its sources are new."""
    folder = SOURCES / profile
    digest = hashlib.sha256()
    for file in sorted([*folder.rglob("*"), *(SOURCES / "engine").rglob("*")]):
        if file.is_file():
            digest.update(str(file.relative_to(SOURCES)).encode() + file.read_bytes())
    place = cache_root() / f"native-{profile}-{digest.hexdigest()[:16]}" / profile
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_suffix(f".{os.getpid()}")
        go = toolchain(folder, SOURCES / "go.txt", same_release=True)
        compile_package(
            f"native templates of {profile}", go, ["-o", str(fresh), "."], folder, place.with_suffix(".log")
        )
        fresh.replace(place)
    return place


def versions(profile: str) -> dict[str, str]:
    """Return Go's version and those of the modules, as the program itself tells them."""
    found: dict[str, str] = json.loads(subprocess.check_output([program(profile), "version"]))
    return found


class Native:
    """One running program. It is started again after a template that ended it."""

    def __init__(self, profile: str, timezone: str = "UTC") -> None:
        self._command = [str(program(profile))]
        self._environment = {"TZ": timezone}
        self._process = self._start()

    def render(self, row: Row) -> Outcome:
        """Return what native Go says."""
        line = {
            "name": row.name,
            "source": _encoded(row.source.encode()),
            "data": {key: _encoded(value) for key, value in row.data.items()},
            "left": row.delimiters[0],
            "right": row.delimiters[1],
            "missing": row.missing,
        }
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self.close()
            self._process = self._start()
            return CRASHED
        found = json.loads(answer)
        return Outcome(found["verdict"], base64.b64decode(found["text"] or ""))

    def close(self) -> None:
        """End the program."""
        with self._process as process:
            process.kill()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


def render_all(rows: Iterable[Row]) -> dict[str, Outcome]:
    """Return what native Go says of each row, by its key."""
    running: dict[tuple[str, str], Native] = {}
    try:
        found = {}
        for row in rows:
            which = (row.profile, row.timezone)
            if which not in running:
                running[which] = Native(*which)
            found[row.key] = running[which].render(row)
        return found
    finally:
        for each in running.values():
            each.close()


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
