"""Print an explanation: lines and tables for people. Names only, never values."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from manager.chain.model import Explanation, KeyOrigin, Node, State
from manager.tables import Cell, Table, Tone, span

TONES = {State.GOOD: Tone.GOOD, State.BAD: Tone.BAD, State.DOUBTFUL: Tone.DOUBTFUL, State.UNKNOWN: Tone.FAINT}
MARKS = {State.GOOD: "", State.BAD: "!", State.DOUBTFUL: "?", State.UNKNOWN: "?"}
MAX_SHOWN_USERS = 20


def lines(found: Explanation, now: float) -> Iterator[str | Table]:
    """Yield what a person reads: what stops it comes first."""
    yield f"{found.subject}" + ("" if found.exists else "  does not exist")
    for fault in found.faults:
        yield f"!  {fault.about}: {fault.problem}"
        yield f"     -> {fault.cure}"
    yield from _facts(found, now)
    if found.keys:
        yield ""
        yield Table(("KEY", "FROM", "REMOTE", "VERSION", "READ", "WRITTEN"), [_key(each, now) for each in found.keys])
    yield from _downstream(found, now)
    yield from (f"next        {each.what}{_when(each.at, now)}" for each in found.next)
    yield from (f"not shown   {each}" for each in found.unread)


def _facts(found: Explanation, now: float) -> Iterator[str]:
    yield from (f"{name + ' ':12}{text}" for name, text in found.facts)
    if found.changed is not None:
        yield f"changed     {_ago(found.changed, now)} ago, at {_time(found.changed)}"
    if found.owners:
        yield f"owners      {', '.join(found.owners)}"
    for each in found.managers:
        at = f", {_ago(each.at, now)} ago" if each.at is not None else ""
        yield f"written by  {each.name}: {len(each.keys)} keys{at}"
    if found.source is not None:
        yield f"mirrors     {found.source}"


def _key(origin: KeyOrigin, now: float) -> Sequence[str | Cell]:
    other = f"written by {origin.writer}" if origin.writer else "nothing of ours"
    giver = Cell(other, Tone.FAINT) if origin.giver is None else f"{origin.giver} {origin.entry}".strip()
    store = f"{origin.store.resource.kind} {origin.store.name}: " if origin.store is not None else ""
    remote = f"{store}{origin.remote_key}" + (f" .{origin.remote_property}" if origin.remote_property else "")
    written = _ago(origin.written, now) if origin.written is not None else Cell("missing", Tone.BAD)
    read = _ago(origin.read, now) if origin.read is not None else "-"
    return (origin.name, giver, remote or "-", origin.version or "-", read, written)


def _downstream(found: Explanation, now: float) -> Iterator[str | Table]:
    if found.mirrors:
        yield ""
        yield Table(
            ("MIRROR", "STATE"), [(f"{each.key.namespace}/{each.key.name}", each.state) for each in found.mirrors]
        )
    yield from (f"pushed by   {each}" for each in found.pushed)
    if found.users:
        yield ""
        rows = [(f"{each.kind} {each.name}", ", ".join(each.ways)) for each in found.users[:MAX_SHOWN_USERS]]
        yield Table(("USED BY", "AS"), rows)
        more = len(found.users) - MAX_SHOWN_USERS
        if more > 0:
            yield f"and {more} more: -o json lists them"
    if found.stale:
        yield ""
        head = ("RUNS THE OLD VALUE", "STARTED", "CONTAINERS")
        yield Table(
            head, [(each.name, f"{_ago(each.started, now)} ago", ", ".join(each.containers)) for each in found.stale]
        )
        yield "   they read it when they started: `kubectl rollout restart` of what made them brings the new value"


def tree_lines(nodes: Sequence[Node]) -> Iterator[str]:
    """Yield the chain as a tree, one line an object."""
    for node in nodes:
        yield _title(node)
        yield from _branches(node.children, "")


def _branches(nodes: Sequence[Node], indent: str) -> Iterator[str]:
    for number, node in enumerate(nodes, 1):
        last = number == len(nodes)
        yield f"{indent}{'└─' if last else '├─'} {_title(node)}"
        yield from _branches(node.children, indent + ("   " if last else "│  "))


def _title(node: Node) -> str:
    mark = MARKS[node.state]
    return f"{mark + ' ' if mark else ''}{node.stage}  {node.name}" + (f"  {node.note}" if node.note else "")


def names(found: Explanation) -> Iterator[str]:
    """Yield the names of the object and of its mirrors."""
    yield f"{found.subject.resource.kind.lower()}/{found.subject.name}"
    yield from (f"{each.key.resource.kind.lower()}/{each.key.name}" for each in found.mirrors)


def _ago(at: float, now: float) -> str:
    return span(now - at)


def _when(at: float | None, now: float) -> str:
    if at is None:
        return ""
    return f": in {span(at - now)}, at {_time(at)}" if at > now else ": due now"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}Z"
