"""What came of a refresh, from the object and its Secret before and after. Pure; names only, never values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from external.api.hashes import synced_version
from manager.chain.cures import cure_of
from manager.kube.conditions import find_condition
from manager.kube.resources import Body, Key

ANNOTATION = "force-sync"
"""The annotation that the documents of external-secrets name for it; any change of an annotation has this effect."""


class Verdict(StrEnum):
    """How a refresh ended."""

    DONE = "refreshed"
    FAILED = "failed"
    WAITING = "not answered yet"


@dataclass(frozen=True)
class Changes:
    """The keys of a Secret that differ."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    known: bool = True
    """False if this user may not read the Secret."""

    def __str__(self) -> str:
        if not self.known:
            return "this user may not read the Secret, so what changed is not known"
        parts = (("added", self.added), ("changed", self.changed), ("removed", self.removed))
        return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names) or "nothing changed"


@dataclass(frozen=True)
class Outcome:
    """What came of one object."""

    key: Key
    verdict: Verdict
    changes: Changes | None = None
    """None for what writes no Secret."""
    problem: str = ""

    @property
    def cure(self) -> str:
        """What to do about the problem; empty without one."""
        return cure_of(self.problem) if self.problem else ""


def judged(before: Body, now: Body) -> Verdict:
    """Return how the refresh stands that was asked for by an annotation.

    Args:
        before: the object as it was when the annotation was written.
        now: the object.

    """
    status = now.get("status") or {}
    ready = find_condition(status.get("conditions"), "Ready") or {}
    if ready.get("status") == "True" and status.get("syncedResourceVersion") == synced_version(now):
        return Verdict.DONE
    earlier = find_condition((before.get("status") or {}).get("conditions"), "Ready") or {}
    fresh = any(ready.get(each) != earlier.get(each) for each in ("status", "message", "lastTransitionTime"))
    return Verdict.FAILED if ready.get("status") == "False" and fresh else Verdict.WAITING


def at_the_end(now: Body) -> Verdict:
    """Return how a refresh stands when the time is over: a failure that repeats itself writes no new condition."""
    ready = find_condition((now.get("status") or {}).get("conditions"), "Ready") or {}
    return Verdict.FAILED if ready.get("status") == "False" else Verdict.WAITING


def problem_of(now: Body) -> str:
    """Return the message of the condition."""
    ready = find_condition((now.get("status") or {}).get("conditions"), "Ready") or {}
    return str(ready.get("message") or "")


def compared(before: Mapping[str, bytes] | None, after: Mapping[str, bytes] | None) -> Changes:
    """Return which keys differ.

    Args:
        before: fingerprints of the values by their keys; None if they may not be read.
        after: the same, later.

    """
    if before is None or after is None:
        return Changes(known=False)
    common = before.keys() & after.keys()
    changed = sorted(name for name in common if before[name] != after[name])
    return Changes(
        tuple(sorted(after.keys() - before.keys())), tuple(changed), tuple(sorted(before.keys() - after.keys()))
    )
