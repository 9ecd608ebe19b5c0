"""What is deleted, what lives through a moment without its source's word, and who meets patience."""

import pytest

from manager.kube.auto_mirrors import REFLECTS
from reflector.executor import MANAGER
from reflector.rules.annotations import ALLOWED as ALLOWED_MARK
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, ReflectorModule


@pytest.fixture
def bench() -> ReflectorModule:
    return ReflectorModule()


def record(manager: str) -> list[dict[str, object]]:
    """Return what the API server records of who wrote a mirror's marks."""
    fields = {"f:metadata": {"f:annotations": {f"f:{REFLECTS}": {}}}}
    return [{"manager": manager, "operation": "Update", "fieldsV1": fields}]


@pytest.mark.parametrize("manager", ["kubectl-client-side-apply", "helm", "velero-server"])
async def test_a_copy_of_a_mirror_that_somebody_else_made_is_left_alone_and_told(
    bench: ReflectorModule, manager: str
) -> None:
    """`kubectl get -o yaml | kubectl apply` takes the marks along into another namespace."""
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-2"})
    bench.mirror("team-1", "mine", "1", managedFields=record(manager))
    await bench.settle()

    assert bench.value("team-1") == "mine"
    [(namespace, message)] = bench.told("ForeignMirror")
    assert namespace == "team-1"
    assert message.startswith(f"{manager} made this copy of a mirror of Secret src/s, so it is left alone")
    assert bench.stage.metrics.registry.get_sample_value("coffer_mirrors_stale") == 0


@pytest.mark.parametrize("manager", [MANAGER, "unknown"])
async def test_a_mirror_that_a_controller_made_goes_with_its_permission(bench: ReflectorModule, manager: str) -> None:
    """The original names itself nowhere, and the API server writes `unknown`."""
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-2"})
    bench.mirror("team-1", "old", "1", managedFields=record(manager))
    await bench.settle()

    assert bench.value("team-1") is None


@pytest.mark.parametrize(("manager", "value"), [("helm", "old"), (MANAGER, "one"), ("unknown", "one")])
async def test_an_immutable_mirror_is_replaced_only_if_a_controller_made_it(
    bench: ReflectorModule, manager: str, value: str
) -> None:
    """Replacing is a delete, and a copy that somebody else applied is not ours to delete."""
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    bench.mirror("team-1", "old", "0", managedFields=record(manager))
    copied = bench.body("team-1")
    assert copied is not None
    copied["immutable"] = True
    await bench.settle()

    assert bench.value("team-1") == value
    assert [namespace for namespace, _ in bench.told("ForeignMirror")] == ([] if value == "one" else ["team-1"])


@pytest.mark.parametrize("left", [{}, {"other.io/note": "x"}])
async def test_mirrors_live_through_a_source_whose_annotations_vanish_for_a_moment(
    bench: ReflectorModule, left: dict[str, str]
) -> None:
    """An operator that puts its whole object, or a tool that makes it anew without them, brings them back."""
    bench.secret("src", "one", AUTO)
    await bench.settle()
    bench.secret("src", "one", left)
    await bench.settle()
    assert bench.value("team-1") == "one"

    bench.secret("src", "two", AUTO)
    await bench.settle()
    assert bench.value("team-1") == "two"
    assert bench.writes().get("delete", 0) == 0

    bench.secret("src", "two", left)
    await bench.settle()
    bench.pass_by(31)
    await bench.settle()
    assert bench.value("team-1") is None, "they do not come back"


async def test_permission_that_is_withdrawn_in_words_takes_mirrors_away_at_once(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()

    bench.secret("src", "one", AUTO | {ALLOWED_MARK: "false"})
    await bench.settle()

    assert bench.value("team-1") is None


async def test_a_pipeline_that_applies_its_placeholder_again_is_no_contest(bench: ReflectorModule) -> None:
    bench.secret("src", "one", ALLOWED)
    bench.pull("team-1")
    await bench.settle()

    for _ in range(12):
        bench.pass_by(60)
        bench.pull("team-1")
        await bench.settle()
        assert bench.value("team-1") == "one"
    assert bench.told("MirrorContested") == []


async def test_who_answers_every_repair_at_once_meets_patience_even_after_a_long_pause(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()
    writes = 0
    for _ in range(40):
        while bench.value("team-1") == "one" and writes < 100:
            body = bench.body("team-1")
            assert body is not None
            bench.secret("team-1", "theirs", body["metadata"]["annotations"])
            writes += 1
            await bench.settle()
        bench.pass_by(30)
        await bench.settle()
    assert writes < 12
    assert bench.told("MirrorContested")
