"""Limited to some namespaces: mirrors between these, nothing read or written elsewhere, and users are told."""

import pytest

from manager.core.errors import Forbidden
from manager.kube.auto_mirrors import PREFIX
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, AUTO_SELECTOR, ReflectorModule

ALLOWED_NAMESPACES = f"{PREFIX}reflection-allowed-namespaces"


@pytest.fixture
def bench() -> ReflectorModule:
    return ReflectorModule(scope=("src", "team-1"))


def touched(bench: ReflectorModule) -> set[str]:
    """Return the objects that were read or written."""
    return {place for _, place in bench.api.calls}


async def test_mirrors_between_its_namespaces_are_made_and_withdrawn(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    assert (bench.value("team-1"), bench.value("team-2")) == ("one", None)

    bench.secret("src", "one", ALLOWED)
    await bench.settle()

    assert bench.body("team-1") is None
    assert touched(bench) == {"Secret src/s", "Secret team-1/s", "Namespace team-1"}
    assert bench.api.events == []


@pytest.mark.parametrize("annotation", [AUTO_NAMESPACES, ALLOWED_NAMESPACES])
async def test_a_push_to_elsewhere_is_told_at_the_source(bench: ReflectorModule, annotation: str) -> None:
    bench.secret("src", "one", {**AUTO, annotation: "team-1,team-2,other-.*,src"})
    await bench.settle()
    bench.secret("src", "two", {**AUTO, annotation: "team-1,team-2,other-.*,src"})
    await bench.settle()

    (told,) = bench.told("OutsideScope")
    assert told[0] == "src"
    assert f"{annotation}: team-2, other-.* matches none" in told[1]
    assert "modules.scope: src, team-1" in told[1]
    assert (bench.value("team-1"), bench.value("team-2")) == ("two", None)


async def test_a_push_to_elsewhere_alone_is_told_once(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-2"})
    await bench.settle()

    assert [each["reason"] for each in bench.api.events] == ["OutsideScope"]
    assert bench.writes() == {}


async def test_a_pull_from_elsewhere_keeps_its_data_and_is_told(bench: ReflectorModule) -> None:
    bench.secret("team-2", "one", ALLOWED)
    bench.pull("team-1", "team-2/s", name="pulled")
    await bench.settle()

    assert bench.value("team-1", "pulled") == "placeholder"
    ((namespace, message),) = bench.told("OutsideScope")
    assert namespace == "team-1"
    assert "Secret team-2/s is outside of the namespaces of this installation" in message
    assert touched(bench) == set()


async def test_what_another_installation_mirrors_here_stays(bench: ReflectorModule) -> None:
    """Its source may exist: it must not count as gone."""
    bench.mirror("team-1", "one", "5", "team-2/s")
    await bench.settle()
    bench.pass_by(3600)
    await bench.settle()

    assert bench.value("team-1") == "one"
    assert touched(bench) == set()
    assert bench.api.events == []
    assert bench.stage.metrics.registry.get_sample_value("coffer_mirrors_stale") == 0


async def test_labels_of_its_namespaces_decide_as_everywhere(bench: ReflectorModule) -> None:
    bench.namespace("team-1", team="x", **{"coffer.dev/refuse-push": "true"})
    bench.secret("src", "one", {**AUTO, AUTO_SELECTOR: "team=x"})
    await bench.settle()
    assert bench.value("team-1") is None

    bench.namespace("team-1", team="x")
    await bench.settle()

    assert bench.value("team-1") == "one"


async def test_a_namespace_that_cannot_be_read_gets_nothing_and_loses_nothing(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    await bench.settle()
    del bench.api.objects[next(each for each in bench.api.objects if each.name == "team-1")]
    bench.secret("src", "one", ALLOWED)
    await bench.settle()

    assert bench.value("team-1") == "one"


async def test_a_source_that_may_not_be_read_any_more_is_not_proven_gone(bench: ReflectorModule) -> None:
    """Its namespace went with its Roles: the API server refuses what it would otherwise not find."""
    bench.secret("src", "one", AUTO)
    await bench.settle()
    bench.remove("src")
    for _ in range(20):
        bench.api.fail("get", Forbidden(403, "Forbidden", "get"))
    await bench.settle()
    bench.pass_by(60)
    await bench.settle()

    assert bench.value("team-1") == "one"
    assert "delete" not in bench.writes()
    bench.api.failures.clear()
    bench.pass_by(600)
    await bench.settle()
    assert bench.body("team-1") is None


async def test_a_namespace_that_goes_is_tried_again_later(bench: ReflectorModule) -> None:
    """Nobody tells a confined process that it is there again."""
    bench.secret("src", "one", AUTO)
    bench.api.fail("create", Forbidden(403, "NamespaceTerminating", "create"))
    await bench.settle()
    assert (bench.value("team-1"), bench.waiting, bench.api.events) == (None, 1, [])

    bench.pass_by(60)
    await bench.settle()

    assert bench.value("team-1") == "one"
