"""Record which objects there are, and compare later: what was rewritten, lost or read too early. Pure; no values."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from manager.access.explanations import file_fault
from manager.cli.migrate.listed import CRDS, Listed
from manager.cli.migrate.originals import ORIGINALS
from manager.core.clock import parse_rfc3339
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.errors import SettingsError
from manager.findings import ObjectFinding
from manager.kube.resources import Body, Key, key_of
from manager.kube.writer import SEALING_KEY_LABEL

FORMAT = 1
WRITTEN_BY = "write it by `coffer migrate check --save` before the move"
Place = tuple[str, str, str]
"""Kind, namespace and name."""
FILE = Caps(size=256 << 20, values=5_000_000, levels=10)
"""A hundred thousand objects take 30 MB."""


@dataclass(frozen=True)
class Seen:
    """One object as it was."""

    kind: str
    namespace: str
    name: str
    uid: str
    version: str
    """The resourceVersion of a target; the generation of a CRD, and of an object whose status Coffer writes."""
    due: float | None = None
    """Of an ExternalSecret and its target: Unix time of the next read at the provider; None if none is planned."""
    refreshed: str = ""
    """Of an ExternalSecret: when its provider was last read."""

    @property
    def place(self) -> Place:
        """Kind, namespace and name."""
        return self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


class Change(StrEnum):
    """What became of an object."""

    LOST = "lost"
    """It is gone."""
    REPLACED = "replaced (another uid)"
    """It was deleted and made again: another object has its name."""
    REWRITTEN = "rewritten"
    """It was written although nothing was due."""
    REFRESHED = "refreshed"
    """It was written, and a refresh was due: its values may have changed at the provider."""
    EARLY = "read too early"
    """Its provider was read before that was due."""


FAILURES = frozenset({Change.LOST, Change.REPLACED, Change.REWRITTEN, Change.EARLY})


@dataclass(frozen=True)
class Changed:
    """One object that is not as it was."""

    seen: Seen
    change: Change


def taken(listed: Listed, findings: Iterable[ObjectFinding], staying: Collection[str] = ()) -> list[Seen]:
    """Return what to remember: CRDs, custom resources, their targets, mirrors and sealing keys.

    Args:
        listed: what was read.
        findings: what becomes of it.
        staying: modules that stay with their originals, which go on writing.

    """
    staying_groups = {group for each in staying for group in ORIGINALS[each].groups}
    known = {each.key: each.due for each in findings}
    targets = {each.target: each.due for each in findings if each.target is not None}
    crds = (each for each in listed.crds if each["spec"]["group"] not in staying_groups)
    found = [_seen(key_of(CRDS, each), each, "generation") for each in crds]
    for resource, bodies in listed.bodies.items():
        for body in bodies if resource.group not in staying_groups else ():
            key = key_of(resource, body)
            refreshed = str((body.get("status") or {}).get("refreshTime") or "")
            found.append(_seen(key, body, "generation", known.get(key), refreshed))
    for key, body in listed.metadata.items():
        if key in targets or SEALING_KEY_LABEL in (body["metadata"].get("labels") or {}):
            found.append(_seen(key, body, "resourceVersion", targets.get(key)))
    return found


def present(listed: Listed) -> dict[Place, Seen]:
    """Return what is there now, by place."""
    found = taken(listed, ())
    found += [_seen(key, body, "resourceVersion") for key, body in listed.metadata.items()]
    return {each.place: each for each in found}


def compared(before: Iterable[Seen], now: Mapping[Place, Seen], at: float) -> list[Changed]:
    """Return every object that is not as it was.

    Args:
        before: what was remembered.
        now: what is there.
        at: Unix time of `now`.

    """
    changes = ((each, _change(each, now.get(each.place), at)) for each in before)
    return [Changed(each, change) for each, change in changes if change is not None]


def save(path: str, seen: Iterable[Seen], at: float) -> None:
    """Write a file of names, uids and versions. Raises SettingsError."""
    content = {"format": FORMAT, "at": at, "objects": [asdict(each) for each in seen]}
    try:
        Path(path).write_text(json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise SettingsError(f"{path}: {file_fault(error)}") from None


def load(path: str) -> tuple[list[Seen], float]:
    """Read such a file; return the objects and the time. Raises SettingsError."""
    try:
        content: Any = read_json(Path(path).read_bytes(), FILE)
        if content["format"] != FORMAT:
            raise SettingsError(f"{path}: it was written by another version of `coffer migrate check --save`")
        return [Seen(**each) for each in content["objects"]], float(content["at"])
    except (OSError, Unreadable) as error:
        raise SettingsError(f"{path}: {file_fault(error)}; {WRITTEN_BY}") from None
    except (KeyError, TypeError, ValueError):
        raise SettingsError(f"{path}: it holds no remembered objects; {WRITTEN_BY}") from None


def _seen(key: Key, body: Body, version: str, due: float | None = None, refreshed: str = "") -> Seen:
    meta = body["metadata"]
    return Seen(key.resource.kind, key.namespace, key.name, meta["uid"], str(meta.get(version, "")), due, refreshed)


def _change(before: Seen, now: Seen | None, at: float) -> Change | None:
    if now is None:
        return Change.LOST
    if now.uid != before.uid:
        return Change.REPLACED
    if now.version != before.version:
        return Change.REFRESHED if before.due is not None and before.due <= at else Change.REWRITTEN
    moment = parse_rfc3339(now.refreshed) if now.refreshed != before.refreshed else None
    if moment is not None and (before.due is None or moment.timestamp() < int(before.due)):
        return Change.EARLY
    return None
