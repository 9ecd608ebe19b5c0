"""The one gate for writes: what never passes, and what every write carries."""

from typing import Any

import pytest
import structlog.testing

from manager.core.errors import Conflict, NeedsHuman, NotLeader, WaitFor
from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTS, yields
from manager.kube.resources import CONFIGMAPS, SECRETS, Key
from manager.kube.writer import (
    BOOTSTRAP_TOKEN,
    SEALING_KEY_LABEL,
    SERVICE_ACCOUNT_TOKEN,
    Create,
    Delete,
    DeleteBrake,
    Patch,
    Replace,
    Update,
    Writer,
    template_metadata,
)
from tests.builders.api_in_memory import HandClock, MemoryApi

KEY = Key(SECRETS, "ns", "a")


def secret(**more: Any) -> dict[str, Any]:
    meta = {"namespace": "ns", "name": "a", "labels": more.pop("labels", {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"k": "Y2FuYXJ5"}, **more}


class Gate:
    """A writer over the memory API, whose lease can be lost."""

    def __init__(self) -> None:
        self.api, self.clock, self.asked, self.paused = MemoryApi(), HandClock(), 0, 0
        self.certain = True
        client: Any = self.api
        self.writer = Writer(client, self._certain, self.clock, "coffer-test", self._pause, 3)

    def _certain(self) -> None:
        self.asked += 1
        if not self.certain:
            raise NotLeader("no")

    def _pause(self) -> None:
        self.paused += 1

    def stored(self) -> dict[str, Any]:
        return self.api.put(SECRETS, secret())


@pytest.fixture
def gate() -> Gate:
    return Gate()


def actions(stored: dict[str, Any], **change: Any) -> list[Any]:
    meta = stored["metadata"]
    labels = change.get("labels", {})
    return [
        Create(KEY, {**secret(labels=labels), **{k: v for k, v in change.items() if k != "labels"}}),
        Update(
            KEY,
            {**stored, **{k: v for k, v in change.items() if k != "labels"}, "metadata": {**meta, "labels": labels}},
        ),
        Patch(
            KEY,
            meta["uid"],
            meta["resourceVersion"],
            {**{k: v for k, v in change.items() if k != "labels"}, "metadata": {"labels": labels}},
        ),
    ]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(
    "change", [{"type": SERVICE_ACCOUNT_TOKEN}, {"type": BOOTSTRAP_TOKEN}, {"labels": {SEALING_KEY_LABEL: "active"}}]
)
async def test_a_secret_that_grants_rights_passes_on_no_route(gate: Gate, change: dict[str, Any], number: int) -> None:
    action = actions(gate.stored(), **change)[number]

    with pytest.raises(NeedsHuman) as caught:
        await gate.writer.apply(action)

    assert caught.value.reason == "PrivilegedSecret"
    assert set(gate.api.counts()) == set()


async def test_such_a_type_means_nothing_on_other_kinds(gate: Gate) -> None:
    key = Key(CONFIGMAPS, "ns", "a")

    assert await gate.writer.apply(Create(key, {**secret(), "type": SERVICE_ACCOUNT_TOKEN})) is not None


@pytest.mark.parametrize("number", range(5))
async def test_nothing_is_written_when_the_lease_is_uncertain(gate: Gate, number: int) -> None:
    stored = gate.stored()
    meta = stored["metadata"]
    every = [
        *actions(stored),
        Replace(KEY, meta["uid"], meta["resourceVersion"], {"/data": {}}),
        Delete(KEY, meta["uid"], meta["resourceVersion"], "why"),
    ]
    gate.certain = False

    with pytest.raises(NotLeader):
        await gate.writer.apply(every[number])

    assert gate.asked == 1
    assert gate.api.calls == []


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
async def test_a_write_without_preconditions_is_a_bug(gate: Gate, field: str) -> None:
    stored = gate.stored()
    del stored["metadata"][field]

    with pytest.raises(ValueError, match="without uid and resourceVersion"):
        await gate.writer.apply(Update(KEY, stored))
    with pytest.raises(ValueError, match="without uid and resourceVersion"):
        await gate.writer.apply(Patch(KEY, "", "", {}))


@pytest.mark.parametrize("number", range(4))
async def test_a_write_onto_what_has_moved_is_refused(gate: Gate, number: int) -> None:
    stored = gate.stored()
    meta = stored["metadata"]
    every = [
        *actions(stored)[1:],
        Replace(KEY, meta["uid"], meta["resourceVersion"], {"/data": {}}),
        Delete(KEY, meta["uid"], meta["resourceVersion"], "why"),
    ]
    gate.api.put(SECRETS, {**secret(), "metadata": {**meta, "labels": {"moved": "yes"}}})

    with pytest.raises(Conflict):
        await gate.writer.apply(every[number])


async def test_fields_are_replaced_without_reading(gate: Gate) -> None:
    meta = gate.api.put(SECRETS, {**secret(), "metadata": {**secret()["metadata"], "annotations": {"old": "x"}}})[
        "metadata"
    ]
    fields = {"/data": {"n": "bmV3"}, "/metadata/annotations/a~1b": "text"}

    written = await gate.writer.apply(Replace(KEY, meta["uid"], meta["resourceVersion"], fields))

    assert written is not None
    assert written["data"] == {"n": "bmV3"}
    assert written["metadata"]["annotations"] == {"old": "x", "a/b": "text"}
    assert gate.api.counts() == {"patch": 1}


@pytest.mark.parametrize("pointer", ["/type", "/metadata/labels/x", "/metadata/ownerReferences", "/metadata"])
async def test_only_data_labels_and_annotations_are_replaced_blindly(gate: Gate, pointer: str) -> None:
    with pytest.raises(ValueError, match="only data, labels and annotations"):
        await gate.writer.apply(Replace(KEY, "u", "1", {pointer: "x"}))


async def test_no_label_that_poses_as_a_sealing_key_is_set_blindly(gate: Gate) -> None:
    with pytest.raises(NeedsHuman, match="remove the label"):
        await gate.writer.apply(Replace(KEY, "u", "1", {"/metadata/labels": {SEALING_KEY_LABEL: "active"}}))


async def test_a_field_is_removed_where_nothing_takes_its_place(gate: Gate) -> None:
    labelled = {**secret()["metadata"], "annotations": {"old": "x"}}
    meta = gate.api.put(SECRETS, {**secret(), "metadata": labelled})["metadata"]
    fields = {"/metadata/annotations/old": None, "/metadata/annotations/new": "y"}
    written = await gate.writer.apply(Replace(KEY, meta["uid"], meta["resourceVersion"], fields))

    assert written is not None
    assert written["metadata"]["annotations"] == {"new": "y"}


async def test_a_sealing_key_has_a_door_of_its_own(gate: Gate) -> None:
    created = await gate.writer.create_sealing_key(secret(labels={SEALING_KEY_LABEL: "active"}))

    assert created["metadata"]["labels"] == {SEALING_KEY_LABEL: "active"}


async def test_a_delete_takes_exactly_what_was_read(gate: Gate) -> None:
    meta = gate.stored()["metadata"]

    assert await gate.writer.apply(Delete(KEY, meta["uid"], meta["resourceVersion"], "why")) is None
    assert gate.api.objects == {}


async def test_the_log_says_why_an_object_was_deleted(gate: Gate) -> None:
    meta = gate.stored()["metadata"]

    with structlog.testing.capture_logs() as logs:
        await gate.writer.apply(Delete(KEY, meta["uid"], meta["resourceVersion"], "its source is gone"))

    assert logs == [
        {"event": "deleted", "object": str(KEY), "reason": "its source is gone", "log_level": "info"},
    ]


async def test_a_flood_of_deletes_is_put_off_and_told(gate: Gate) -> None:
    for _ in range(3):
        meta = gate.stored()["metadata"]
        await gate.writer.apply(Delete(KEY, meta["uid"], meta["resourceVersion"], "why"))
        gate.clock.pass_by(10)
    meta = gate.stored()["metadata"]

    with pytest.raises(WaitFor) as caught:
        await gate.writer.apply(Delete(KEY, meta["uid"], meta["resourceVersion"], "why"))

    assert caught.value.delay == pytest.approx(31)
    assert gate.paused == 1
    gate.clock.pass_by(caught.value.delay)
    await gate.writer.apply(Delete(KEY, meta["uid"], meta["resourceVersion"], "why"))


def test_the_brake_forgets_after_a_minute() -> None:
    clock = HandClock()
    brake = DeleteBrake(clock, lambda: None, 1)
    brake.take()
    clock.pass_by(60)

    brake.take()


def test_a_namespace_that_deletes_without_end_leaves_some_to_the_others() -> None:
    clock, told = HandClock(), list[int]()
    brake = DeleteBrake(clock, lambda: told.append(1), 50)
    for _ in range(40):
        brake.take("evil")

    with pytest.raises(WaitFor, match="more than 40 deletes in namespace evil in a minute"):
        brake.take("evil")
    for _ in range(10):
        brake.take("good")
    with pytest.raises(WaitFor, match="more than 50 deletes in a minute"):
        brake.take("other")
    assert len(told) == 2

    clock.pass_by(60)
    brake.take("evil")
    assert set(brake._number) == {"evil"}


@pytest.mark.parametrize(
    ("key", "annotations", "labels"),
    [
        (KEY, {"kubernetes.io/service-account.name": "default"}, {}),
        (Key(SECRETS, "kube-system", "bootstrap-token-abcdef"), {}, {}),
        (KEY, {}, {SEALING_KEY_LABEL: "active"}),
    ],
)
async def test_a_secret_that_nobody_read_is_known_for_what_it_is(
    gate: Gate, key: Key, annotations: dict[str, str], labels: dict[str, str]
) -> None:
    with pytest.raises(NeedsHuman):
        await gate.writer.apply(Replace(key, "u", "1", {"/data": {}}, annotations, labels))

    assert gate.api.calls == []


def test_a_brake_of_zero_puts_every_delete_off() -> None:
    with pytest.raises(WaitFor) as caught:
        DeleteBrake(HandClock(), lambda: None, 0).take()

    assert caught.value.delay == pytest.approx(61)


def test_an_action_never_shows_what_it_writes() -> None:
    stored = {**secret(), "metadata": {"uid": "u", "resourceVersion": "1"}}
    shown = repr([*actions(stored), Replace(KEY, "u", "1", {"/data": {"k": "Y2FuYXJ5"}})])

    assert "Y2FuYXJ5" not in shown


@pytest.mark.parametrize("metadata", [None, {}, {"labels": None}, {"labels": ["x"], "annotations": "y"}])
def test_a_template_without_metadata_brings_none(metadata: Any) -> None:
    assert template_metadata(metadata) == {"labels": {}, "annotations": {}}


def test_of_a_templates_metadata_only_labels_and_annotations_remain() -> None:
    given = {
        "labels": {"a": "b", "n": 5, "z": None},
        "annotations": {"c": "d"},
        "ownerReferences": [{"uid": "x"}],
        "uid": "u",
        "resourceVersion": "1",
        "generateName": "g",
        "managedFields": [],
        "finalizers": ["f"],
        "name": "other",
        "namespace": "kube-system",
    }

    assert template_metadata(given) == {"labels": {"a": "b", "n": "5"}, "annotations": {"c": "d"}}


@pytest.mark.parametrize(
    ("annotations", "references", "answer"),
    [
        ({AUTO_REFLECTS: "True", REFLECTS: "a/b"}, None, True),
        ({AUTO_REFLECTS: "true", REFLECTS: "a/b"}, [], True),
        ({AUTO_REFLECTS: "False", REFLECTS: "a/b"}, None, False),
        ({AUTO_REFLECTS: "True"}, None, False),
        ({AUTO_REFLECTS: "True", REFLECTS: "a/b"}, [{"uid": "x"}], False),
        (None, None, False),
    ],
)
def test_only_an_unowned_pushed_mirror_yields(annotations: Any, references: Any, answer: bool) -> None:
    assert yields({"metadata": {"annotations": annotations, "ownerReferences": references}}) is answer
