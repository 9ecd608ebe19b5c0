"""The cache is behind, or was told too little: nothing is written, deleted or forgotten on the strength of that."""

from typing import Any

import pytest

from manager.kube.auto_mirrors import REFLECTS
from manager.kube.resources import NAMESPACES, SECRETS, Key
from reflector.rules.selection import PREFIX as OURS
from reflector.view import ACCEPT_LABELS
from tests.builders.reflector_module import (
    ALLOWED,
    ALLOWED_SELECTOR,
    AUTO,
    AUTO_NAMESPACES,
    AUTO_SELECTOR,
    ReflectorModule,
)


@pytest.fixture
def bench() -> ReflectorModule:
    return ReflectorModule()


async def test_an_edit_during_a_comparison_is_not_lost(bench: ReflectorModule, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()
    get, edits = bench.api.get, ["edited"]

    async def edited_behind_the_read(key: Key) -> object:
        found = await get(key)
        if key.namespace == "team-1" and edits:
            annotations = found["metadata"]["annotations"]
            bench.secret("team-1", edits.pop(), annotations)
            bench.see()  # the watch is faster than the answer
        return found

    monkeypatch.setattr(bench.api, "get", edited_behind_the_read)
    made = bench.body("team-1")
    assert made is not None
    bench.secret("team-1", "one", made["metadata"]["annotations"], labels={"touched": "1"})
    await bench.settle()

    assert bench.value("team-1") == "one"


async def test_data_that_lost_its_consent_is_not_written_on_the_strength_of_an_old_view(bench: ReflectorModule) -> None:
    bench.secret("src", "public", AUTO)
    bench.see()
    bench.secret("src", "private", {})
    await bench.work()

    assert bench.value("team-1") is None
    assert bench.waiting
    await bench.settle()
    assert bench.value("team-1") is None


async def test_a_mirror_is_not_deleted_on_the_strength_of_an_old_view(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    bench.secret("src", "one", ALLOWED)
    bench.see()
    bench.secret("src", "one", AUTO)
    await bench.work()

    assert "delete" not in bench.writes()


async def test_a_mirror_is_not_deleted_when_its_namespace_has_its_label_again(bench: ReflectorModule) -> None:
    bench.namespace("team-1", stage="prod")
    bench.secret("src", "one", {**AUTO, AUTO_SELECTOR: "stage=prod"})
    await bench.settle()
    bench.namespace("team-1", stage="dev")
    bench.see()
    bench.namespace("team-1", stage="prod")
    await bench.work()
    assert "delete" not in bench.writes()

    bench.namespace("team-1", stage="dev")
    bench.pass_by(1)
    await bench.settle()
    assert bench.value("team-1") is None


async def test_a_list_of_namespaces_that_comes_back_empty_takes_no_mirror_away(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    namespaces = [key for key in bench.api.objects if key.resource is NAMESPACES]
    hidden = {key: bench.api.objects.pop(key) for key in namespaces}
    await bench.settle()
    bench.secret("src", "two", AUTO)
    await bench.settle()
    assert "delete" not in bench.writes()

    bench.api.objects |= hidden
    await bench.settle()
    assert (bench.value("team-1"), bench.writes()["create"]) == ("two", 2)


async def test_a_list_of_secrets_that_comes_back_empty_takes_no_mirror_away(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    for key in [key for key, _ in bench.stage.cache.items(SECRETS)]:
        change = bench.stage.cache.forget(key)
        assert change is not None
        bench.module.handlers[SECRETS](change)
    for _ in range(3):
        await bench.work()
        bench.pass_by(60)

    assert bench.writes() == {"create": 2}


async def test_a_mirror_that_is_seen_before_its_namespace_stays(bench: ReflectorModule) -> None:
    version = bench.secret("src", "one", {**AUTO, AUTO_SELECTOR: "stage=prod"})["metadata"]["resourceVersion"]
    bench.mirror("late", "one", version)
    await bench.settle()
    bench.namespace("late", stage="prod")
    await bench.settle()

    assert bench.writes() == {}


async def test_what_goes_with_its_namespace_is_not_deleted_by_us(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    bench.put(NAMESPACES, {"name": "team-1", "deletionTimestamp": "2026-01-01T00:00:00Z"})
    await bench.settle()

    assert bench.writes() == {"create": 2}


async def test_a_new_mirror_is_not_made_twice_while_the_watch_is_behind(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    bench.see()
    await bench.work()
    bench.module.controllers[0].queue.add(Key(SECRETS, "src", "s"))
    await bench.work()
    assert bench.writes() == {"create": 2}

    stored = bench.api.objects[Key(SECRETS, "src", "s")]
    stored["data"], stored["metadata"]["resourceVersion"] = {"k": "two"}, "999"
    bench.stage.cache.observe(SECRETS, None, stored)
    bench.module.controllers[0].queue.add(Key(SECRETS, "src", "s"))
    await bench.work()
    await bench.settle()
    bench.pass_by(2)
    await bench.settle()
    assert (bench.value("team-1"), bench.value("team-2")) == ("two", "two")


async def test_a_change_of_marks_during_a_comparison_is_not_taken_for_our_own_write(
    bench: ReflectorModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.namespace("other")
    bench.secret("src", "one", ALLOWED)
    bench.secret("other", "one", ALLOWED)
    bench.pull("team-1")
    await bench.settle()
    get, moves = bench.api.get, ["other/s"]

    async def moved_before_the_read(key: Key) -> object:
        if key.namespace == "team-1" and moves:
            body = bench.body("team-1")
            assert body is not None
            bench.secret("team-1", "one", {**body["metadata"]["annotations"], REFLECTS: moves.pop()})
        return await get(key)

    monkeypatch.setattr(bench.api, "get", moved_before_the_read)
    made = bench.body("team-1")
    assert made is not None
    bench.secret("team-1", "one", made["metadata"]["annotations"], labels={"touched": "1"})
    await bench.settle()
    bench.secret("other", "other", ALLOWED)
    await bench.settle()

    assert bench.value("team-1") == "other"


async def test_a_pull_that_is_seen_before_its_namespace_is_served_when_that_comes(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**ALLOWED, ALLOWED_SELECTOR: "stage=prod"})
    bench.pull("late")
    await bench.settle()
    assert bench.value("late") == "placeholder"
    bench.namespace("late", stage="prod")
    await bench.settle()

    assert bench.value("late") == "one"


@pytest.mark.parametrize(("first", "last"), [("b", "a"), ("", "b"), ("b", ""), ("", "")])
async def test_copied_labels_are_right_though_the_watch_is_behind_our_own_write(
    bench: ReflectorModule, first: str, last: str
) -> None:
    """The cache still holds the labels before our last write: a second write that is reckoned from them is wrong."""
    bench.namespace("team-1", **{ACCEPT_LABELS: "true"})
    copying = {**AUTO, AUTO_NAMESPACES: "team-1", f"{OURS}labels": "tier", f"{OURS}annotations": "note"}

    def source(text: str, value: str) -> None:
        more: Any = {"labels": {"tier": text}} if text else {}
        bench.secret("src", value, {**copying, **({"note": text} if text else {})}, **more)

    source("a", "one")
    await bench.settle()
    for text, value in ((first, "two"), (last, "three")):
        source(text, value)
        bench.show(SECRETS, "src")
        await bench.work()
    for _ in range(3):
        await bench.settle()
        bench.pass_by(2)

    meta = (bench.body("team-1") or {})["metadata"]
    assert bench.value("team-1") == "three"
    assert meta.get("labels", {}) == ({"tier": last} if last else {})
    assert meta["annotations"].get("note", "") == last
    assert not bench.told("MirrorFailed")
