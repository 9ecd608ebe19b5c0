"""What the page says of the objects of one or all namespaces: how many of each kind, and what fails. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, NamedTuple

from manager.core.clock import parse_rfc3339
from manager.kube.conditions import find_condition
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_PUSH_SECRETS,
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRET_STORES,
    Body,
    Resource,
)

KINDS = (
    SEALED_SECRETS,
    EXTERNAL_SECRETS,
    CLUSTER_EXTERNAL_SECRETS,
    SECRET_STORES,
    CLUSTER_SECRET_STORES,
    PUSH_SECRETS,
    CLUSTER_PUSH_SECRETS,
)
"""The kinds that have a condition, in the order in which they are shown."""
CONDITION = {SEALED_SECRETS: "Synced"}
READY, FAILED, WAITING = "ready", "failed", "waiting"
MAX_FAILURES = 100  # that are shown of a kind, the oldest first
MAX_MESSAGE = 1_000  # characters of a condition's message


class Failure(NamedTuple):
    """An object whose condition is False."""

    since: float
    """Unix time of the transition; zero if the condition has none."""
    kind: str
    namespace: str
    name: str
    reason: str
    message: str


@dataclass
class KindOverview:
    """The objects of one kind."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    """The oldest ones."""
    refreshed: float | None = None
    """Unix time of the oldest refresh of a ready ExternalSecret; None if there is none."""

    def add(self, resource: Resource, bodies: Iterable[Body]) -> None:
        """Count the objects of one page of a list, and keep the oldest failures."""
        for body in bodies:
            condition = find_condition(_mapping(body.get("status")).get("conditions"), CONDITION.get(resource, "Ready"))
            state = state_of(condition)
            self.counts[state] += 1
            if state == FAILED:
                self.failures.append(_failure(resource, body, condition or {}))
            if state == READY and resource is EXTERNAL_SECRETS:
                self._refreshed(body)
        self.failures = nsmallest(MAX_FAILURES, self.failures)

    def _refreshed(self, body: Body) -> None:
        at = parse_rfc3339(_mapping(body.get("status")).get("refreshTime"))
        if at is not None:
            self.refreshed = min(at.timestamp(), self.refreshed or at.timestamp())


@dataclass(frozen=True)
class Overview:
    """All kinds that a viewer may list."""

    kinds: dict[Resource, KindOverview]
    hidden: Sequence[Resource]
    """Kinds that the viewer may not list there."""

    def record(self, now: float) -> dict[str, Any]:
        """Return it as JSON; times are seconds ago."""
        failures = nsmallest(MAX_FAILURES, (each for kind in self.kinds.values() for each in kind.failures))
        external = self.kinds.get(EXTERNAL_SECRETS)
        oldest = external.refreshed if external is not None else None
        return {
            "objects": {resource.kind: _counted(kind) for resource, kind in self.kinds.items()},
            "failures": [_shown(each, now) for each in failures],
            "oldestRefreshSeconds": None if oldest is None else max(0, round(now - oldest)),
            "hidden": [each.kind for each in self.hidden],
        }


def state_of(condition: Body | None) -> str:
    """Return the state of an object by its condition; one that says neither True nor False waits."""
    status = str((condition or {}).get("status"))
    return {"True": READY, "False": FAILED}.get(status, WAITING)


def _failure(resource: Resource, body: Body, condition: Body) -> Failure:
    since, meta = parse_rfc3339(condition.get("lastTransitionTime")), body["metadata"]
    return Failure(
        since.timestamp() if since else 0.0,
        resource.kind,
        str(meta.get("namespace") or ""),
        str(meta["name"]),
        str(condition.get("reason") or ""),
        str(condition.get("message") or "")[:MAX_MESSAGE],
    )


def _counted(kind: KindOverview) -> dict[str, int]:
    return {state: kind.counts[state] for state in (READY, FAILED, WAITING)}


def _shown(failure: Failure, now: float) -> dict[str, Any]:
    record = failure._asdict()
    since = record.pop("since")
    return {**record, "sinceSeconds": max(0, round(now - since)) if since else None}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
