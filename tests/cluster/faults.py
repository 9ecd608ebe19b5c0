"""Which faults are pending and when they occur: the part of the fault proxy that decides, without I/O."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.cluster.calls import Call

ANY = "*"
_REASONS = {410: "Expired", 429: "TooManyRequests", 500: "InternalError"}  # where they differ from HTTP's phrase


def no_lease(call: Call) -> bool:
    """Return True for a write of a reconcile; writes to the lease, every two seconds, do not count."""
    return call.plural != "leases"


def status(code: int) -> dict[str, Any]:
    """Return the Status object with which an API server refuses."""
    reason = _REASONS.get(code) or HTTPStatus(code).phrase.title().replace(" ", "")
    message = "injected by the test"
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


@dataclass
class Fault:
    """A pending fault. Tests wait for `fired`."""

    matches: Callable[[Call], bool]
    """Which calls match."""
    remaining: int
    """How many matching calls remain until it occurs; for answers: how many get the answer."""
    fired: threading.Event = field(default_factory=threading.Event)
    """Set when it has occurred."""
    call: Call | None = None
    """The last call that it affected."""

    def due(self, call: Call) -> bool:
        """Count a matching call; return True if the fault occurs now."""
        if not self.matches(call):
            return False
        self.remaining -= 1
        if self.remaining:
            return False
        self.fire(call)
        return True

    def fire(self, call: Call) -> None:
        """Record that it occurred."""
        self.call = call
        self.fired.set()


@dataclass
class Answer(Fault):
    """An answer that replaces the server's."""

    code: int = 500
    """HTTP status."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Additional headers, such as Retry-After."""
    body: Mapping[str, Any] | None = None
    """The body, if it is not the Status object of the code."""

    def text(self) -> str:
        """Return the body as JSON."""
        return json.dumps(status(self.code) if self.body is None else self.body)


@dataclass
class AfterWrite(Fault):
    """A callback that runs after the server answers a write and before the client gets the answer."""

    callback: Callable[[], object] = lambda: None
    """The callback."""


class Faults:
    """The pending faults. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._after: list[AfterWrite] = []
        self._drops: list[Fault] = []
        self._watch_errors: list[tuple[Fault, bytes]] = []

    def after_write(
        self, n: int, callback: Callable[[], object], counting: Callable[[Call], bool] = no_lease
    ) -> AfterWrite:
        """Call back when the server has accepted the n-th write from now, before the client gets the answer.

        No other write passes while the callback runs: a client that the callback kills has made exactly n writes.
        """
        fault = AfterWrite(counting, n, callback=callback)
        self._after.append(fault)
        return fault

    def answer(
        self, verb: str, plural: str, code: int, times: int = 1, *, agent: str = "", name: str = "", **headers: str
    ) -> Answer:
        """Answer the next matching calls with this status, without the server; `*` is any verb or plural.

        Only calls of a program whose User-Agent begins with `agent`, about the object `name` where one is given, match.
        Keywords become headers: `Retry_After="1"`.
        """
        given = {header.replace("_", "-"): value for header, value in headers.items()}

        def matches(call: Call) -> bool:
            meant = name in ("", call.name)
            return meant and verb in (ANY, call.verb) and _about(call, plural) and call.user_agent.startswith(agent)

        fault = Answer(matches, times, code=code, headers=given)
        self._answers.append(fault)
        return fault

    def empty_list(self, plural: str, version: str) -> Answer:
        """Answer the next list of a plural with an empty list at this resourceVersion."""
        body = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": []}
        fault = Answer(lambda call: call.verb == "list" and _about(call, plural), 1, code=200, body=body)
        self._answers.append(fault)
        return fault

    def drop_event(self, i: int = 1, plural: str = ANY) -> Fault:
        """Drop the i-th watch event from now; bookmarks do not count."""
        fault = Fault(lambda call: _about(call, plural), i)
        self._drops.append(fault)
        return fault

    def error_on_next_watch(self, code: int, plural: str = ANY) -> Fault:
        """Send an ERROR event into the next watch of a plural, and end the watch."""
        fault = Fault(lambda call: _about(call, plural), 1)
        self._watch_errors.append((fault, error_line(code)))
        return fault

    def heal(self) -> None:
        """Remove all pending faults."""
        self._answers, self._after, self._drops, self._watch_errors = [], [], [], []

    def due_answer(self, call: Call) -> Answer | None:
        """Return the answer that replaces the server's for this call."""
        for fault in self._answers:
            if fault.remaining > 0 and fault.matches(call):
                fault.remaining -= 1
                fault.fire(call)
                return fault
        return None

    def due_callbacks(self, call: Call) -> list[Callable[[], object]]:
        """Return the callbacks that are due after this accepted write."""
        return [fault.callback for fault in self._after if not fault.fired.is_set() and fault.due(call)]

    def due_watch_error(self, call: Call) -> bytes | None:
        """Return the line that ends this new watch at once."""
        due = (line for fault, line in self._watch_errors if not fault.fired.is_set() and fault.due(call))
        return next(due, None)

    def drops(self, call: Call, line: bytes) -> bool:
        """Return True if this event is dropped."""
        if b'"type":"BOOKMARK"' in line[:40]:
            return False
        due = [fault.due(call) for fault in self._drops if not fault.fired.is_set()]  # each of them counts the event
        return any(due)


def error_line(code: int) -> bytes:
    """Return a watch's ERROR event."""
    return json.dumps({"type": "ERROR", "object": status(code)}).encode() + b"\n"


def _about(call: Call, plural: str) -> bool:
    return call.plural == plural or (plural == ANY and call.plural != "")
