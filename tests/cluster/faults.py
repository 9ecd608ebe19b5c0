"""What shall go wrong, and whether it is due: the deciding half of the fault proxy, without any I/O."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.cluster.calls import Call

ANY = "*"
_REASONS = {410: "Expired", 429: "TooManyRequests", 500: "InternalError"}  # where HTTP's own phrase is another


def no_lease(call: Call) -> bool:
    """Count what a reconcile writes, not the lease that is renewed every two seconds."""
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
    """Something that will happen. Tests wait for `fired`."""

    matches: Callable[[Call], bool]
    """Which calls it is about."""
    remaining: int
    """How many more matching ones: until it happens, or, for answers, for which it happens."""
    fired: threading.Event = field(default_factory=threading.Event)
    """Set when it has happened."""
    call: Call | None = None
    """The call it happened to last."""

    def due(self, call: Call) -> bool:
        """Count a matching call; tell whether it is the awaited one."""
        if not self.matches(call):
            return False
        self.remaining -= 1
        if self.remaining:
            return False
        self.fire(call)
        return True

    def fire(self, call: Call) -> None:
        """Note that it happened."""
        self.call = call
        self.fired.set()


@dataclass
class Answer(Fault):
    """An answer given in the server's stead."""

    code: int = 500
    """HTTP status."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers, such as Retry-After."""
    body: Mapping[str, Any] | None = None
    """What it says, where that is not the Status of its code."""

    def text(self) -> str:
        """Return what it says as JSON."""
        return json.dumps(status(self.code) if self.body is None else self.body)


@dataclass
class AfterWrite(Fault):
    """A callback between the server's answer to a write and the client's hearing of it."""

    callback: Callable[[], object] = lambda: None
    """What to do."""


class Faults:
    """The faults that are still to come. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._after: list[AfterWrite] = []
        self._drops: list[Fault] = []
        self._watch_errors: list[tuple[Fault, bytes]] = []

    def after_write(
        self, n: int, callback: Callable[[], object], counting: Callable[[Call], bool] = no_lease
    ) -> AfterWrite:
        """Call back when the server has accepted the n-th write from now, before the client hears of it.

        No other write passes while the callback runs: a client that it kills has done exactly n.
        """
        fault = AfterWrite(counting, n, callback=callback)
        self._after.append(fault)
        return fault

    def answer(
        self, verb: str, plural: str, code: int, times: int = 1, *, agent: str = "", name: str = "", **headers: str
    ) -> Answer:
        """Answer the next matching calls with this status instead of asking the server; `*` is any verb or plural.

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
        """Answer the next list of a plural as if nothing were there at a resourceVersion."""
        body = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": []}
        fault = Answer(lambda call: call.verb == "list" and _about(call, plural), 1, code=200, body=body)
        self._answers.append(fault)
        return fault

    def drop_event(self, i: int = 1, plural: str = ANY) -> Fault:
        """Keep the i-th watch event from now from the client, as if it had never been sent; bookmarks do not count."""
        fault = Fault(lambda call: _about(call, plural), i)
        self._drops.append(fault)
        return fault

    def error_on_next_watch(self, code: int, plural: str = ANY) -> Fault:
        """Begin the next watch of a plural with an ERROR event, and end it."""
        fault = Fault(lambda call: _about(call, plural), 1)
        self._watch_errors.append((fault, error_line(code)))
        return fault

    def heal(self) -> None:
        """Forget all that has not happened yet."""
        self._answers, self._after, self._drops, self._watch_errors = [], [], [], []

    def due_answer(self, call: Call) -> Answer | None:
        """Return the answer that this call gets in the server's stead."""
        for fault in self._answers:
            if fault.remaining > 0 and fault.matches(call):
                fault.remaining -= 1
                fault.fire(call)
                return fault
        return None

    def due_callbacks(self, call: Call) -> list[Callable[[], object]]:
        """Return what to do now that this write was accepted."""
        return [fault.callback for fault in self._after if not fault.fired.is_set() and fault.due(call)]

    def due_watch_error(self, call: Call) -> bytes | None:
        """Return the line with which this new watch shall end at once."""
        due = (line for fault, line in self._watch_errors if not fault.fired.is_set() and fault.due(call))
        return next(due, None)

    def drops(self, call: Call, line: bytes) -> bool:
        """Tell whether this event shall get lost."""
        if b'"type":"BOOKMARK"' in line[:40]:
            return False
        due = [fault.due(call) for fault in self._drops if not fault.fired.is_set()]  # each of them counts the event
        return any(due)


def error_line(code: int) -> bytes:
    """Return a watch's ERROR event."""
    return json.dumps({"type": "ERROR", "object": status(code)}).encode() + b"\n"


def _about(call: Call, plural: str) -> bool:
    return call.plural == plural or (plural == ANY and call.plural != "")
