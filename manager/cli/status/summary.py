"""What `coffer status` says of what it has read. Pure; names and conditions only, never values."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from external.cost import bills
from external.external_secrets.freshness import OVERDUE_INTERVALS, SLACK_SECONDS
from external.refresh_reasons import MIN_PERSIST_SECONDS
from external.summaries import ExternalSecretSummary, external_secret_summary
from manager.chain.paused import CURE, paused_deletes
from manager.cli.status.observed import OF_MODULE, Observed
from manager.core.clock import parse_rfc3339
from manager.kube.conditions import find_condition
from manager.kube.resources import (
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

CONDITION = {SEALED_SECRETS: "Synced"}
MAX_FAILURES_SHOWN = 10
NOT_CURRENT = ("missing", "outdated", "to be deleted")
STORES = (SECRET_STORES, CLUSTER_SECRET_STORES)


class Failure(NamedTuple):
    """An object whose condition is False."""

    since: float
    """Unix time of the transition; zero if the condition has none."""
    key: Key
    reason: str
    message: str


@dataclass
class Count:
    """The objects of one kind, by condition."""

    ready: int = 0
    failed: int = 0
    waiting: int = 0
    """Without a condition yet."""


@dataclass(frozen=True)
class Leader:
    """The replica that writes."""

    holder: str
    renewed: float
    """Seconds since the Lease was renewed, by the clock of this machine."""
    duration: float
    """Seconds after which another replica takes an unrenewed Lease."""

    @property
    def alive(self) -> bool:
        """Whether a replica writes."""
        return bool(self.holder) and self.renewed <= self.duration


@dataclass(frozen=True)
class Freshness:
    """How recent the values of ExternalSecrets are that are refreshed periodically."""

    periodic: int = 0
    oldest: float = 0.0
    overdue: int = 0


@dataclass(frozen=True)
class Bill:
    """What a month of refreshes asks of providers, as `coffer cost` estimates it."""

    calls: float
    dollars: float
    original: float
    """Calls of external-secrets for the same objects."""


@dataclass(frozen=True)
class Status:
    """The whole screen."""

    leader: Leader | None
    replicas: tuple[int, int]
    """Ready and wanted."""
    counts: dict[Resource, Count]
    keys: tuple[int, float]
    """Number of sealing keys, and the age of the newest in seconds."""
    failures: tuple[Failure, ...]
    """Those that fail longest come first."""
    stores: dict[str, Count]
    """Provider -> its stores."""
    freshness: Freshness
    bill: Bill
    originals: dict[str, str]
    unread: tuple[str, ...]
    mirrors: Counter[str] = field(default_factory=Counter)
    """State -> how many mirrors."""
    paused: tuple[str, ...] = ()
    """The objects whose deletes are paused, and why."""

    @property
    def healthy(self) -> bool:
        """Whether nothing needs a person."""
        return not any(self.problems())

    def problems(self) -> Iterator[str]:
        """Yield what needs a person, in one line each."""
        if self.leader is None or not self.leader.alive:
            yield "no replica holds the Lease: nothing is unsealed, refreshed or mirrored; look at Coffer's Pods"
        for module, place in self.originals.items():
            yield f"{module} only observes, because the original {place} runs: `coffer migrate plan` says how to go on"
        if self.failures:
            yield f"{len(self.failures)} objects fail: their conditions say why"
        if self.freshness.overdue:
            yield f"{self.freshness.overdue} ExternalSecrets have had no success for twice their interval"
        for each in self.paused:
            yield f"deletes are paused: {each}; {CURE}"
        stale = sum(number for state, number in self.mirrors.items() if state in NOT_CURRENT)
        if stale:
            yield f"{stale} mirrors are not current: `coffer mirrors` names them"


def summarized(observed: Observed, mirrors: Iterable[str], now: float) -> Status:
    """Return the screen.

    Args:
        observed: what was read.
        mirrors: the state of each mirror.
        now: Unix time.

    """
    failures = sorted(_failures(observed), key=lambda each: each.since)
    stores = {key_of(resource, body): body for resource in STORES for body in observed.of(resource)}
    secrets = observed.of(EXTERNAL_SECRETS)
    summaries = list(map(external_secret_summary, secrets))
    found = bills(stores, secrets, observed.of(PUSH_SECRETS), summaries)
    bill = Bill(
        sum(each.calls for each in found),
        sum(each.calls * each.price for each in found),
        sum(each.original for each in found),
    )
    return Status(
        _leader(observed.lease, now),
        _replicas(observed.deployments),
        {resource: _counted(resource, bodies) for resource, bodies in observed.bodies.items() if bodies},
        _keys(observed.keys, now),
        tuple(failures),
        _by_provider(observed),
        _freshness(zip(secrets, summaries, strict=True), now),
        bill,
        observed.originals,
        tuple(observed.unread),
        Counter(mirrors),
        tuple(f"{about}: {message}" for about, message in paused_deletes(observed.paused, now)),
    )


def _condition(resource: Resource, body: Body) -> dict[str, object] | None:
    return find_condition((body.get("status") or {}).get("conditions"), CONDITION.get(resource, "Ready"))


def _counted(resource: Resource, bodies: Sequence[Body]) -> Count:
    found = Count()
    for body in bodies:
        condition = _condition(resource, body)
        if condition is None:
            found.waiting += 1
        elif condition.get("status") == "True":
            found.ready += 1
        else:
            found.failed += 1
    return found


def _failures(observed: Observed) -> Iterator[Failure]:
    for resource in OF_MODULE:
        for body in observed.of(resource):
            condition = _condition(resource, body)
            if condition is not None and condition.get("status") != "True":
                since = _time(condition.get("lastTransitionTime") or condition.get("lastUpdateTime"))
                reason, message = str(condition.get("reason") or ""), str(condition.get("message") or "")
                yield Failure(since or 0.0, key_of(resource, body), reason, message)


def _by_provider(observed: Observed) -> dict[str, Count]:
    providers: dict[str, list[tuple[Resource, Body]]] = {}
    for resource in STORES:
        for body in observed.of(resource):
            given = (body.get("spec") or {}).get("provider")
            providers.setdefault(next(iter(given or ()), "none"), []).append((resource, body))
    found = {}
    for provider, pairs in sorted(providers.items()):
        parts = [_counted(resource, [body for kind, body in pairs if kind is resource]) for resource in STORES]
        found[provider] = Count(*(sum(column) for column in zip(*(vars(each).values() for each in parts), strict=True)))
    return found


def _freshness(found: Iterable[tuple[Body, ExternalSecretSummary]], now: float) -> Freshness:
    ages = []
    for body, summary in found:
        if summary.policy == "Periodic" and summary.interval > 0:
            last = summary.refreshed or _time(body["metadata"].get("creationTimestamp")) or now
            # The status gets the time of a refresh that changed nothing only every ten minutes.
            patience = OVERDUE_INTERVALS * max(summary.interval, MIN_PERSIST_SECONDS) + SLACK_SECONDS
            ages.append((now - last, patience))
    overdue = sum(age > patience for age, patience in ages)
    return Freshness(len(ages), max((age for age, _ in ages), default=0.0), overdue)


def _leader(lease: Body | None, now: float) -> Leader | None:
    if lease is None:
        return None
    spec = lease.get("spec") or {}
    renewed = _time(spec.get("renewTime"))
    ago = now - renewed if renewed is not None else float("inf")
    return Leader(str(spec.get("holderIdentity") or ""), ago, float(spec.get("leaseDurationSeconds") or 0))


def _replicas(deployments: Iterable[Body]) -> tuple[int, int]:
    ready = wanted = 0
    for body in deployments:
        ready += (body.get("status") or {}).get("readyReplicas") or 0
        wanted += (body.get("spec") or {}).get("replicas") or 0
    return ready, wanted


def _keys(secrets: Sequence[Body], now: float) -> tuple[int, float]:
    created = [_time(each["metadata"].get("creationTimestamp")) for each in secrets]
    newest = max((each for each in created if each is not None), default=now)
    return len(secrets), now - newest


def _time(text: object) -> float | None:
    found = parse_rfc3339(text) if isinstance(text, str) else None
    return found.timestamp() if found is not None else None
