"""Conditions, statuses, Events, references and the data of Secrets."""

from datetime import timedelta
from typing import Any

import pytest

from manager.core.clock import Jitter, SystemClock, parse_rfc3339, rfc3339
from manager.core.errors import Conflict, Forbidden, NotFound, Unreachable
from manager.core.secret_value import SecretValue
from manager.kube.conditions import find_condition, same_condition, set_condition
from manager.kube.events import (
    MAX_MESSAGE_CHARACTERS,
    MAX_REMEMBERED,
    MAX_SUCCESSES,
    MAX_WARNINGS,
    REPEAT_SECONDS,
    EventRecorder,
)
from manager.kube.resources import CLUSTER_SECRET_STORES, NAMESPACES, SEALED_SECRETS, SECRETS, Key
from manager.kube.secret_data import decoded, encoded, size
from manager.kube.status import write_status
from tests.builders.api_in_memory import EPOCH, HandClock, MemoryApi

KEY = Key(SEALED_SECRETS, "ns", "a")
LATER = EPOCH + timedelta(hours=1)
TRUE = {"type": "Ready", "status": "True", "reason": "Fine", "message": "all is well"}
FALSE = {**TRUE, "status": "False", "reason": "Wrong"}


def test_a_first_condition_has_the_moment() -> None:
    assert set_condition(None, TRUE, EPOCH) == [{**TRUE, "lastTransitionTime": "2026-01-01T00:00:00Z"}]


def test_the_transition_time_changes_only_with_the_status() -> None:
    first = set_condition([], TRUE, EPOCH)
    same = set_condition(first, {**TRUE, "message": "still"}, LATER)
    other = set_condition(same, FALSE, LATER)

    assert same[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert same[0]["message"] == "still"
    assert other[0]["lastTransitionTime"] == "2026-01-01T01:00:00Z"


def test_conditions_of_other_types_stay() -> None:
    others = [{"type": "Other", "status": "True"}]

    assert set_condition(others, TRUE, EPOCH)[0] == others[0]


@pytest.mark.parametrize("odd", [None, "text", 5, {}, ["x", None, {"type": "Else"}]])
def test_an_odd_list_of_conditions_is_survived(odd: Any) -> None:
    assert find_condition(odd, "Ready") is None
    assert find_condition(set_condition(odd, TRUE, EPOCH), "Ready") is not None


def test_conditions_differ_by_status_reason_and_message() -> None:
    old = {**TRUE, "lastTransitionTime": "x"}

    assert same_condition(old, TRUE)
    assert not same_condition(None, TRUE)
    for field in ("status", "reason", "message"):
        assert not same_condition(old, {**TRUE, field: "other"})


def sealed(**more: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": "a", "generation": 1}, **more}


async def test_a_status_is_written_once_and_then_left() -> None:
    api = MemoryApi()
    client: Any = api
    seen = api.put(SEALED_SECRETS, sealed())

    written = await write_status(client, KEY, seen, {"a": 1})
    await write_status(client, KEY, written, {"a": 1})

    assert api.counts() == {"patch status": 1}
    assert written["status"] == {"a": 1}


async def test_a_status_conflict_is_retried_when_only_metadata_moved() -> None:
    api = MemoryApi()
    client: Any = api
    seen = api.put(SEALED_SECRETS, sealed())
    api.put(SEALED_SECRETS, {**sealed(), "metadata": {**seen["metadata"], "labels": {"new": "label"}}})

    written = await write_status(client, KEY, seen, {"a": 1})

    assert written["status"] == {"a": 1}
    assert written["metadata"]["labels"] == {"new": "label"}


@pytest.mark.parametrize(("change", "error"), [({"generation": 2}, Conflict), ({"uid": "another"}, NotFound)])
async def test_a_status_is_not_written_onto_another_spec_or_object(change: Any, error: type[Exception]) -> None:
    api = MemoryApi()
    client: Any = api
    seen = api.put(SEALED_SECRETS, sealed())
    api.put(SEALED_SECRETS, {**sealed(), "metadata": {**seen["metadata"], **change}})

    with pytest.raises(error):
        await write_status(client, KEY, seen, {"a": 1})

    assert "status" not in api.objects[KEY]


async def test_a_status_that_is_always_in_conflict_is_given_up() -> None:
    api = MemoryApi()
    client: Any = api
    seen = api.put(SEALED_SECRETS, sealed())
    for _ in range(4):
        api.fail("patch status", Conflict(409, "Conflict", "x"))

    with pytest.raises(Conflict):
        await write_status(client, KEY, seen, {"a": 1})


class Recorder:
    def __init__(self) -> None:
        self.api, self.clock = MemoryApi(), HandClock()
        client: Any = self.api
        self.events = EventRecorder(client, self.clock, "pod-0")

    async def warn(self, message: str = "text", uid: str = "u1") -> None:
        await self.events.warning(KEY, uid, "Reason", message, component="part")


async def test_an_event_names_object_reason_and_source() -> None:
    recorder = Recorder()
    await recorder.events.normal(KEY, "u1", "Unsealed", "done", component="sealed-secrets")

    (event,) = recorder.api.events
    assert event["type"] == "Normal"
    assert event["involvedObject"] == {
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "name": "a",
        "namespace": "ns",
        "uid": "u1",
    }
    assert event["source"] == {"component": "sealed-secrets", "host": "pod-0"}
    assert event["metadata"]["namespace"] == "ns"


async def test_what_was_just_said_is_not_said_again() -> None:
    recorder = Recorder()
    await recorder.warn()
    await recorder.warn()
    assert len(recorder.api.events) == 1

    await recorder.warn("other")
    await recorder.warn(uid="u2")
    assert len(recorder.api.events) == 3

    recorder.clock.pass_by(REPEAT_SECONDS)
    await recorder.warn()
    assert len(recorder.api.events) == 4


async def test_events_about_cluster_scoped_objects_are_in_default() -> None:
    recorder = Recorder()
    await recorder.events.warning(Key(CLUSTER_SECRET_STORES, "", "s"), "u", "R", "m", component="c")

    assert recorder.api.events[0]["metadata"]["namespace"] == "default"


async def test_a_long_message_is_cut_to_what_the_server_takes() -> None:
    recorder = Recorder()
    await recorder.warn("x" * 5000)

    assert len(recorder.api.events[0]["message"]) == MAX_MESSAGE_CHARACTERS


async def test_an_object_without_uid_gets_no_event() -> None:
    recorder = Recorder()
    await recorder.warn(uid="")

    assert recorder.api.events == []


async def test_an_event_that_is_refused_fails_nothing() -> None:
    recorder = Recorder()

    async def refuse(*_: Any, **__: Any) -> None:
        raise Forbidden(403, "Forbidden", "create events")

    recorder.api.create = refuse  # type: ignore[method-assign, assignment]
    await recorder.warn()


async def test_an_event_that_was_not_posted_is_posted_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()

    async def away(*_: Any, **__: Any) -> Any:
        raise Unreachable(0, "TimeoutError", "create events")

    with monkeypatch.context() as during:
        during.setattr(recorder.api, "create", away)
        await recorder.warn()

    await recorder.warn()
    assert len(recorder.api.events) == 1


async def test_the_name_of_an_event_is_valid_however_long_the_objects_is() -> None:
    recorder = Recorder()
    await recorder.events.warning(Key(SECRETS, "ns", "a" * 199 + "-b"), "u", "R", "m", component="c")

    assert recorder.api.events[0]["metadata"]["generateName"] == "a" * 199 + "."


async def test_the_memory_of_events_is_bounded() -> None:
    recorder = Recorder()
    for number in range(MAX_REMEMBERED + 10):
        recorder.events._repeated((str(number), 1))

    assert len(recorder.events._said) == MAX_REMEMBERED


def test_data_goes_between_wire_and_process() -> None:
    data = {"a": SecretValue(b"\x00\xff"), "b": SecretValue(b"")}

    assert decoded({"data": encoded(data)}) == data
    assert decoded({}) == {}
    assert decoded({"data": {"k": None}}) == {"k": SecretValue(b"")}
    assert size(data) == 2


def test_times_are_kubernetes_times() -> None:
    assert rfc3339(EPOCH) == "2026-01-01T00:00:00Z"
    assert parse_rfc3339("2026-01-01T00:00:00Z") == EPOCH
    assert parse_rfc3339("2026-01-01T00:00:00") == EPOCH
    for odd in (None, 5, "", "yesterday", {}):
        assert parse_rfc3339(odd) is None


def test_the_system_clock_is_aware_and_steady() -> None:
    clock = SystemClock()

    assert clock.now().tzinfo is not None
    assert clock.monotonic() <= clock.monotonic()


def test_jitter_stays_within_its_part() -> None:
    jitter = Jitter()

    assert all(90 <= jitter.spread(100) <= 110 for _ in range(1000))
    assert all(50 <= jitter.spread(100, 0.5) <= 150 for _ in range(1000))


def test_a_namespace_is_named_without_one() -> None:
    assert Key(NAMESPACES, "", "a").path == "/api/v1/namespaces/a"


async def test_events_of_one_namespace_without_end_leave_those_of_others() -> None:
    told = Recorder()
    for at in range(int(MAX_WARNINGS) + 50):
        await told.events.warning(KEY, "u", "Wrong", f"text {at}", component="c")
    before = len(told.api.events)
    other = KEY._replace(namespace="other")
    await told.events.warning(other, "u", "Wrong", "text", component="c")

    assert before <= MAX_WARNINGS + 1
    assert len(told.api.events) == before + 1

    told.clock.pass_by(10)
    await told.events.warning(KEY, "u", "Wrong", f"text {int(MAX_WARNINGS) + 49}", component="c")
    assert len(told.api.events) == before + 2, "what was not posted is told when there is room"


async def test_successes_without_end_hide_no_warning() -> None:
    told = Recorder()
    for at in range(int(MAX_SUCCESSES) + 50):
        await told.events.normal(KEY, f"u{at}", "Unsealed", "done", component="c")
    assert MAX_SUCCESSES <= len(told.api.events) <= MAX_SUCCESSES + 1

    await told.events.warning(KEY, "u", "Wrong", "text", component="c")
    assert told.api.events[-1]["reason"] == "Wrong"
