"""What the page says of the objects of one or all namespaces: how many of each kind, and what fails. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, NamedTuple

from external.cost import Estimate, Terms, terms_of
from external.summaries import external_secret_summary
from manager.core.clock import parse_rfc3339
from manager.core.errors import NeedsHuman
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
    Key,
    Resource,
    key_of,
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
STORES = (SECRET_STORES, CLUSTER_SECRET_STORES)
BILLED = (EXTERNAL_SECRETS, PUSH_SECRETS)
"""The kinds that ask providers."""
MAX_READS = 20_000  # that the bill tells apart at a time: 6 MB while a list is read


class Failure(NamedTuple):
    """An object whose condition is False."""

    since: float
    """Unix time of the transition; zero if the condition has none."""
    kind: str
    namespace: str
    name: str
    reason: str
    message: str


class Spending(NamedTuple):
    """What a month asks of providers."""

    calls: float
    dollars: float


@dataclass
class KindOverview:
    """The objects of one kind."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    """The oldest ones."""
    refreshed: float | None = None
    """Unix time of the oldest refresh of a ready ExternalSecret; None if there is none."""
    terms: dict[Key, Terms] = field(default_factory=dict)
    """Of stores, what the bills of others depend on."""
    spending: dict[Resource, Spending] = field(default_factory=dict)
    """Of ExternalSecrets and PushSecrets: by the kind of the store, or of the generator."""

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
            if resource in STORES:
                self.terms[key_of(resource, body)] = terms_of(body)
        self.failures = nsmallest(MAX_FAILURES, self.failures)

    def _refreshed(self, body: Body) -> None:
        at = parse_rfc3339(_mapping(body.get("status")).get("refreshTime"))
        if at is not None:
            self.refreshed = min(at.timestamp(), self.refreshed or at.timestamp())


def charge(estimate: Estimate, resource: Resource, bodies: Iterable[Body]) -> None:
    """Add the objects of one page of a list to an estimate; one with a reference to no store reads nothing."""
    for body in bodies:
        try:
            if resource is EXTERNAL_SECRETS:
                estimate.add(body, external_secret_summary(body))
            else:
                estimate.add_push(body)
        except NeedsHuman:
            continue
    estimate.settle(MAX_READS)


def spending_of(estimate: Estimate) -> dict[Resource, Spending]:
    """Return what is spent at each kind of store."""
    found: dict[Resource, Spending] = {}
    for bill in estimate.bills():
        before = found.get(bill.store.resource, Spending(0.0, 0.0))
        calls = bill.calls
        found[bill.store.resource] = Spending(before.calls + calls, before.dollars + calls * bill.price)
    return found


@dataclass(frozen=True)
class Overview:
    """All kinds that a viewer may list."""

    kinds: dict[Resource, KindOverview]
    hidden: Sequence[Resource]
    """Kinds that the viewer may not list there."""
    stores: Sequence[Resource] = STORES
    """Kinds of stores that the viewer may list: at others it sees no spending."""

    def bill(self) -> dict[str, Any] | None:
        """Return what the viewer's ExternalSecrets and PushSecrets ask of the stores that it may list, as JSON."""
        asking = [each for each in BILLED if each in self.kinds]
        if not asking:
            return None
        shown = [
            spent
            for each in asking
            for place, spent in self.kinds[each].spending.items()
            if place in self.stores or place not in STORES
        ]
        return {
            "callsPerMonth": round(sum(each.calls for each in shown)),
            "dollarsPerMonth": round(sum(each.dollars for each in shown), 2),
            "complete": set(self.stores) == set(STORES) and not set(BILLED) & set(self.hidden),
        }

    def record(self, now: float) -> dict[str, Any]:
        """Return it as JSON; times are seconds ago."""
        failures = nsmallest(MAX_FAILURES, (each for kind in self.kinds.values() for each in kind.failures))
        external = self.kinds.get(EXTERNAL_SECRETS)
        oldest = external.refreshed if external is not None else None
        return {
            "objects": {resource.kind: _counted(kind) for resource, kind in self.kinds.items()},
            "failures": [_shown(each, now) for each in failures],
            "oldestRefreshSeconds": None if oldest is None else max(0, round(now - oldest)),
            "bill": self.bill(),
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
