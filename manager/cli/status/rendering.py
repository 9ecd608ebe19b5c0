"""Print what `coffer status` found: lines for people, records for programs. Names only, never values."""

from collections.abc import Iterator

from manager.chain.cures import cure_of
from manager.cli.status.summary import MAX_FAILURES_SHOWN, Count, Failure, Status
from manager.tables import Cell, Table, Tone, span

MAX_MESSAGE_SHOWN = 300
Record = dict[str, object]


def lines(status: Status, now: float) -> Iterator[str | Table]:
    """Yield the screen: who writes, what there is, what fails, and last what needs a person."""
    yield f"leader      {_leader(status)}"
    ready, wanted = status.replicas
    yield f"replicas    {ready} of {wanted} ready" if wanted else "replicas    no Deployment of Coffer in its namespace"
    number, age = status.keys
    yield f"keys        {number} sealing keys, the newest {span(age)} old" if number else "keys        no sealing key"
    yield from _counts(status)
    yield from _values(status)
    for what in status.unread:
        yield f"not shown   {what}: this user has no right to it"
    yield from _failures(status, now)
    problems = list(status.problems())
    yield from (f"!  {each}" for each in problems)
    if not problems:
        yield "all is well"


def _leader(status: Status) -> str:
    leader = status.leader
    if leader is None or not leader.holder:
        return "none"
    return f"{leader.holder}, renewed {span(leader.renewed)} ago" + ("" if leader.alive else ": expired")


def _counts(status: Status) -> Iterator[Table]:
    named = [(resource.kind, each) for resource, each in status.counts.items()]
    named += [(f"stores of {name}", each) for name, each in status.stores.items()]
    if named:
        yield Table(("", "READY", "FAILED", "WAITING"), [_counted(name, each) for name, each in named])


def _counted(name: str, count: Count) -> tuple[str | Cell, ...]:
    failed = Cell(str(count.failed), Tone.BAD) if count.failed else "0"
    return (name, str(count.ready), failed, str(count.waiting))


def _values(status: Status) -> Iterator[str]:
    fresh, bill = status.freshness, status.bill
    if fresh.periodic:
        yield f"values      {fresh.periodic} refreshed, the oldest success {span(fresh.oldest)} ago"
        yield f"providers   {round(bill.calls):,} calls a month, ${bill.dollars:,.2f}; `coffer cost` shows each store"
    if status.mirrors:
        told = ", ".join(f"{number} {state}" for state, number in sorted(status.mirrors.items()))
        yield f"mirrors     {told}"


def _failures(status: Status, now: float) -> Iterator[str]:
    for each in status.failures[:MAX_FAILURES_SHOWN]:
        since = span(now - each.since) if each.since else "unknown"
        yield f"!  {each.key}  {since}  {each.reason}"
        yield f"     {_short(each.message)}"
        yield f"     -> {cure_of(each.message)}"
    left = len(status.failures) - MAX_FAILURES_SHOWN
    if left > 0:
        yield f"   and {left} more"


def records(status: Status) -> list[Record]:
    """Return the screen as one object."""
    leader = status.leader
    return [
        {
            "healthy": status.healthy,
            "problems": list(status.problems()),
            "leader": None
            if leader is None
            else {"holder": leader.holder, "renewedSecondsAgo": _number(leader.renewed), "alive": leader.alive},
            "replicas": dict(zip(("ready", "wanted"), status.replicas, strict=True)),
            "sealingKeys": {"count": status.keys[0], "newestAgeSeconds": _number(status.keys[1])},
            "objects": {resource.kind: vars(each) for resource, each in status.counts.items()},
            "stores": {name: vars(each) for name, each in status.stores.items()},
            "freshness": {
                "periodic": status.freshness.periodic,
                "oldestSeconds": _number(status.freshness.oldest),
                "overdue": status.freshness.overdue,
            },
            "bill": {"callsPerMonth": round(status.bill.calls), "dollarsPerMonth": round(status.bill.dollars, 2)},
            "mirrors": dict(status.mirrors),
            "originals": status.originals,
            "deletesPaused": list(status.paused),
            "notShown": list(status.unread),
            "failures": [_failure(each) for each in status.failures],
        }
    ]


def names(status: Status) -> Iterator[str]:
    """Yield the names of what fails."""
    return (f"{each.key.resource.kind.lower()}/{each.key.name}" for each in status.failures)


def _failure(failure: Failure) -> Record:
    key = failure.key
    return {
        "kind": key.resource.kind,
        "namespace": key.namespace,
        "name": key.name,
        "since": _number(failure.since),
        "reason": failure.reason,
        "message": failure.message,
        "cure": cure_of(failure.message),
    }


def _number(seconds: float) -> int | None:
    return None if seconds == float("inf") else round(seconds)


def _short(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE_SHOWN else message[: MAX_MESSAGE_SHOWN - 2] + " …"
