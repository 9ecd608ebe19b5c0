"""Sources, mirrors and what happens between a look and a write, over an API in memory."""

import asyncio
from typing import Any

import pytest

from manager.core.errors import ApiError, Conflict, Forbidden, Invalid, NotFound
from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTED_VERSION, REFLECTS
from manager.runtime.controller import STUCK_AFTER_SECONDS
from reflector.executor import MAX_CONCURRENT_STEPS
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, ReflectorModule


@pytest.fixture
def bench() -> ReflectorModule:
    return ReflectorModule()


async def test_a_push_and_an_update_cost_one_write_a_target_and_a_read_of_the_source(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    assert bench.writes() == {"create": 2}
    bench.secret("src", "two", AUTO)
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2")) == ("two", "two")
    assert bench.writes() == {"create": 2, "patch": 2}
    assert bench.api.counts()["get"] == 2


async def test_a_change_that_is_not_copied_writes_nothing(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    bench.secret("src", "one", AUTO, labels={"a": "new"})
    await bench.settle()

    assert bench.writes() == {"create": 2}
    bench.secret("src", "two", AUTO, labels={"a": "new"})
    await bench.settle()
    assert bench.value("team-1") == "two"


async def test_mirrors_that_an_earlier_run_left_cost_no_request(bench: ReflectorModule) -> None:
    version = bench.secret("src", "one", AUTO)["metadata"]["resourceVersion"]
    for name in ("team-1", "team-2"):
        bench.mirror(name, "one", version)
    await bench.settle()

    assert bench.api.calls == []
    for controller, key in bench.module.verify():
        controller.queue.add(key)
        await bench.settle()
    assert bench.api.counts() == {"get": 1 + 2}  # the source, and each mirror once


async def test_an_edit_while_nobody_led_is_found_and_repaired(bench: ReflectorModule) -> None:
    version = bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})["metadata"]["resourceVersion"]
    bench.mirror("team-1", "edited", version)
    await bench.settle()
    assert bench.value("team-1") == "edited"

    for controller, key in bench.module.verify():
        controller.queue.add(key)
    await bench.settle()

    assert bench.value("team-1") == "one"


async def test_a_reference_that_names_no_object_asks_for_none_and_deletes_nothing(bench: ReflectorModule) -> None:
    for reference in ("../?watch=1", "src/..", "a/%2e%2e", "name"):
        bench.mirror("team-1", "one", "1", source=reference, name=f"m{len(bench.api.objects)}")
    for _ in range(3):
        await bench.settle()
        bench.pass_by(60)

    assert bench.api.calls == []


async def test_a_copy_of_a_mirror_under_another_name_belongs_to_who_made_it(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-2"})
    bench.mirror("team-1", "mine", "1", name="copy")
    await bench.settle()

    assert bench.value("team-1", "copy") == "mine"


@pytest.mark.parametrize("kind", ["SealedSecret", "ExternalSecret"])
async def test_a_pull_into_what_another_module_writes_is_refused_and_told(bench: ReflectorModule, kind: str) -> None:
    owner = {"kind": kind, "name": "mine", "uid": "o", "controller": True}
    bench.secret("src", "one", ALLOWED)
    bench.pull("team-1", ownerReferences=[owner])
    await bench.settle()

    assert bench.value("team-1") == "placeholder"
    [(namespace, message)] = bench.told("OwnedByAnother")
    assert namespace == "team-1"
    assert f"{kind} mine" in message


async def test_a_mirror_that_something_else_keeps_writing_is_repaired_ever_more_slowly(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()

    def fight() -> None:
        body = bench.body("team-1")
        assert body is not None
        if body["data"]["k"] == "one":
            bench.secret("team-1", "theirs", body["metadata"]["annotations"])

    for _ in range(20):
        fight()
        await bench.settle()
        bench.pass_by(0.1)

    assert bench.writes()["patch"] == 3
    assert bench.told("MirrorContested")
    bench.pass_by(30)
    await bench.settle()
    assert bench.value("team-1") == "one"


async def test_a_write_that_fails_everywhere_is_told_once_at_the_source(bench: ReflectorModule) -> None:
    for number in range(20):
        bench.namespace(f"many-{number:02}")
        bench.api.fail("create", Invalid(422, "Invalid", "create", "data: Required"))
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-.*"})
    await bench.settle()

    [(namespace, message)] = bench.told("MirrorFailed")
    assert namespace == "src"
    assert "20 namespace(s), many-00" in message
    assert "data: Required" in message


async def test_a_write_that_is_refused_for_good_is_not_tried_again_and_again(bench: ReflectorModule) -> None:
    for at in range(20):
        bench.namespace(f"many-{at:02}")
    for _ in range(20 * 5):
        bench.api.fail("create", Invalid(422, "Invalid", "create", "data: Required"))
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-.*"})
    for _ in range(4):
        await bench.settle()
        bench.pass_by(2)

    assert bench.writes() == {"create": 20}


@pytest.mark.parametrize("error", [Invalid(422, "Invalid", "patch"), Forbidden(403, "Forbidden", "patch")])
async def test_a_pull_that_the_server_refuses_is_told_where_it_was_asked_for(
    bench: ReflectorModule, error: ApiError
) -> None:
    bench.secret("src", "one", ALLOWED)
    bench.pull("team-1")
    bench.api.fail("patch", error)
    await bench.settle()

    assert [namespace for namespace, _ in bench.told("MirrorFailed")] == ["team-1"]


async def test_a_write_that_a_quota_refuses_is_tried_again(bench: ReflectorModule) -> None:
    bench.api.fail("create", Forbidden(403, "Forbidden", "create"))
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()
    bench.pass_by(2)
    await bench.settle()

    assert bench.value("team-1") == "one"


async def test_a_conflict_is_resolved_by_looking_again(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()
    bench.api.fail("patch", Conflict(409, "Conflict", "patch"))
    bench.secret("src", "two", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()
    bench.pass_by(1)
    await bench.settle()

    assert bench.value("team-1") == "two"
    assert not bench.told("MirrorFailed")


async def test_deletes_that_are_put_off_are_not_prepared_again_and_again(bench: ReflectorModule) -> None:
    for number in range(100):
        bench.namespace(f"many-{number:02}")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-.*"})
    await bench.settle()
    bench.secret("src", "one", ALLOWED)
    reads = bench.api.counts()["get"]
    for _ in range(30):
        await bench.settle()
        bench.pass_by(1)

    assert bench.writes()["delete"] == 50
    assert bench.api.counts()["get"] - reads < 400
    for _ in range(4):
        bench.pass_by(62)
        await bench.settle()
    assert bench.writes()["delete"] == 100


async def test_the_next_source_of_a_name_takes_over_even_where_deleted_mirrors_stay_away() -> None:
    bench = ReflectorModule(recreate=False)
    bench.namespace("src2")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-.*"})
    bench.secret("src2", "two", {**AUTO, AUTO_NAMESPACES: "team-.*"}, creationTimestamp="2026-02-01T00:00:00Z")
    await bench.settle()
    assert bench.value("team-1") == "one"

    bench.remove("src")
    for _ in range(3):
        await bench.settle()
        bench.pass_by(40)

    assert (bench.value("team-1"), bench.value("team-2")) == ("two", "two")


@pytest.mark.parametrize("recreate", [True, False])
async def test_a_deleted_mirror_comes_back_or_stays_away_as_the_setting_says(recreate: bool) -> None:
    bench = ReflectorModule(recreate=recreate)
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()
    bench.remove("team-1")
    await bench.settle()
    assert (bench.value("team-1") is not None) is recreate

    bench.secret("src", "two", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()
    assert bench.value("team-1") == "two"


async def test_a_pull_from_an_excluded_source_is_told(bench: ReflectorModule) -> None:
    bench = ReflectorModule(excluded_namespaces=("src",))
    bench.secret("src", "one", ALLOWED)
    bench.pull("team-1")
    await bench.settle()

    assert [namespace for namespace, _ in bench.told("SourceNotPermitted")] == ["team-1"]


async def test_a_pull_under_the_name_of_a_push_is_no_conflict(bench: ReflectorModule) -> None:
    bench.pull("team-1")
    bench.secret("src", "one", AUTO)
    await bench.settle()

    assert bench.value("team-1") == "one"
    assert not bench.told("ConflictingObject")
    body = bench.body("team-1")
    assert body is not None
    assert body["metadata"]["annotations"].items() >= {REFLECTS: "src/s", AUTO_REFLECTS: "False"}.items()


async def test_a_pull_is_told_of_its_first_copy_and_of_no_other(bench: ReflectorModule) -> None:
    bench.secret("src", "one", ALLOWED)
    bench.pull("team-1")
    await bench.settle()
    bench.secret("src", "two", ALLOWED)
    await bench.settle()

    assert bench.value("team-1") == "two"
    assert bench.told("Mirrored") == [("team-1", "mirrored from src/s")]


async def test_a_pattern_that_a_full_match_would_read_otherwise_is_told(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team|team-1"})
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1|team"}, name="clear")
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-1", "clear")) == (None, "one")
    [(namespace, message)] = bench.told("PatternAmbiguous")
    assert namespace == "src"
    assert "put the longer alternative first" in message


async def test_a_mirror_that_is_gone_when_it_is_deleted_stops_nothing(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    bench.api.fail("delete", NotFound(404, "NotFound", "delete"))
    bench.secret("src", "one", ALLOWED)
    bench.secret("src", "two", AUTO, name="other")
    for _ in range(2):
        await bench.settle()
        bench.pass_by(2)

    assert (bench.value("team-1"), bench.value("team-2")) == (None, None)
    assert bench.value("team-1", "other") == "two"


async def test_a_chain_of_many_mirrors_is_not_followed_to_its_end(bench: ReflectorModule) -> None:
    bench.secret("src", "one", ALLOWED, name="m0")
    for number in range(1, 15):
        bench.secret("src", "x", {**ALLOWED, REFLECTS: f"src/m{number - 1}"}, name=f"m{number}")
    await bench.settle()

    assert bench.value("src", "m9") == "one"
    assert bench.value("src", "m14") == "x"
    assert bench.told("CircularReference")


async def test_a_circle_of_any_length_comes_to_rest(bench: ReflectorModule) -> None:
    for number in range(30):
        bench.secret("src", f"v{number}", {**ALLOWED, REFLECTS: f"src/m{(number + 1) % 30}"}, name=f"m{number}")
    await bench.settle()

    assert bench.writes() == {}


async def test_a_blank_stamp_is_written_even_over_the_same_data(bench: ReflectorModule) -> None:
    source = bench.secret("src", "one", ALLOWED)
    bench.secret("team-1", "one", {REFLECTS: "src/s", REFLECTED_VERSION: ""})
    await bench.settle()

    body = bench.body("team-1")
    assert body is not None
    assert body["metadata"]["annotations"][REFLECTED_VERSION] == source["metadata"]["resourceVersion"]


async def test_metrics_tell_how_many_mirrors_there_are_and_how_many_lag(bench: ReflectorModule) -> None:
    def metric(name: str) -> float | None:
        return bench.stage.metrics.registry.get_sample_value(name)

    bench.secret("src", "one", AUTO)
    bench.pull("team-1", name="mine")
    bench.secret("team-2", "foreign")
    await bench.settle()
    assert (metric("coffer_mirrors"), metric("coffer_mirrors_stale"), metric("coffer_mirror_conflicts")) == (2, 0, 1)
    assert metric("coffer_mirror_lag_seconds_count") == 2

    bench.api.fail("patch", Forbidden(403, "Forbidden", "patch"))
    bench.secret("src", "two", AUTO)
    await bench.settle()
    assert metric("coffer_mirrors_stale") == 1
    bench.pass_by(4)
    await bench.settle()
    assert metric("coffer_mirrors_stale") == 0
    assert metric("coffer_mirror_lag_seconds_sum") == 4

    bench.secret("src", "three", {})
    await bench.settle()
    bench.pass_by(31)
    await bench.settle()
    assert (metric("coffer_mirrors"), metric("coffer_mirrors_stale")) == (1, 1), "the pull keeps what it had"
    bench.remove("src")
    bench.remove("team-1", "mine")
    await bench.settle()
    assert (metric("coffer_mirrors"), metric("coffer_mirrors_stale"), metric("coffer_mirror_conflicts")) == (0, 0, 0)


async def test_a_source_whose_mirrors_take_minutes_holds_no_worker_for_so_long(
    bench: ReflectorModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Health would take it for stuck and end a process that only has much to do."""
    for number in range(100):
        bench.namespace(f"many-{number:03}")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-.*"}, name="big")
    [controller] = bench.module.controllers
    create, held = bench.api.create, []

    async def slow(resource: Any, body: Any, **more: Any) -> Any:
        bench.pass_by(10)
        held.extend(bench.stage.clock.monotonic() - since for since in controller.busy.values())
        return await create(resource, body, **more)

    monkeypatch.setattr(bench.api, "create", slow)
    await bench.settle()

    assert bench.writes()["create"] == 100
    assert max(held) < STUCK_AFTER_SECONDS


async def test_a_source_with_many_mirrors_gives_way_in_the_middle_and_goes_on_after_the_pause(
    bench: ReflectorModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An original that has just been started writes the same objects."""
    for number in range(200):
        bench.namespace(f"many-{number:03}")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-.*"}, name="big")
    [controller] = bench.module.controllers
    create = bench.api.create

    async def original_starts(resource: Any, body: Any, **more: Any) -> Any:
        controller.pause()
        await asyncio.sleep(0)
        return await create(resource, body, **more)

    monkeypatch.setattr(bench.api, "create", original_starts)
    bench.see()
    running = asyncio.create_task(controller.run())
    while controller.busy or not bench.writes():
        await asyncio.sleep(0)
    assert bench.writes()["create"] <= MAX_CONCURRENT_STEPS

    monkeypatch.setattr(bench.api, "create", create)
    controller.go_on()
    while bench.writes()["create"] < 200:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not bench.told("MirrorFailed")


async def test_a_source_with_few_mirrors_does_not_wait_for_one_with_many(
    bench: ReflectorModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(400):
        bench.namespace(f"many-{number:03}")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-.*"}, name="big")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-.*"}, name="small")
    made: list[str] = []
    create = bench.api.create

    async def noted(resource: Any, body: Any, **more: Any) -> Any:
        made.append(body["metadata"]["name"])
        await asyncio.sleep(0)
        return await create(resource, body, **more)

    monkeypatch.setattr(bench.api, "create", noted)
    await bench.settle()

    assert len(made) == 402
    assert max(at for at, name in enumerate(made) if name == "small") < 100
