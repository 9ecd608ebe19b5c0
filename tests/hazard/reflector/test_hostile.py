"""A hostile tenant who may write Secrets and ConfigMaps in its own namespace."""

import pytest

from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTS
from manager.kube.resources import CONFIGMAPS, Key
from reflector.executor import MANAGER
from reflector.plan import ROOT_CERTIFICATES
from reflector.reconcile import MAX_EVENTS_OF_REASON
from reflector.rules.selection import PREFIX as OURS
from reflector.view import EXTERNAL_MANAGED
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, ReflectorModule

OLD = "2020-01-01T00:00:00Z"


@pytest.fixture
def bench() -> ReflectorModule:
    bench = ReflectorModule()
    bench.namespace("tenant")
    return bench


@pytest.mark.parametrize("annotations", [AUTO, {**AUTO, f"{OURS}target-name": ROOT_CERTIFICATES}])
async def test_nobody_hands_out_the_authorities_that_pods_believe_in(
    bench: ReflectorModule, annotations: dict[str, str]
) -> None:
    """Kubernetes makes this ConfigMap a moment after each namespace: who is faster could sit between a Pod and it."""
    name = "mine" if len(annotations) > len(AUTO) else ROOT_CERTIFICATES
    bench.put(CONFIGMAPS, {"namespace": "tenant", "name": name, "annotations": annotations}, data={"ca.crt": "evil"})
    bench.put(CONFIGMAPS, {"namespace": "tenant", "name": "plain", "annotations": AUTO}, data={"k": "one"})
    await bench.settle()

    found = {key.name for key in bench.api.objects if (key.resource, key.namespace) == (CONFIGMAPS, "team-1")}
    assert found == {"plain"}
    assert [namespace for namespace, _ in bench.told("ReservedName")] == ["tenant"]


async def test_the_authorities_are_pulled_under_another_name_by_who_wants_them(bench: ReflectorModule) -> None:
    bench.put(
        CONFIGMAPS, {"namespace": "src", "name": ROOT_CERTIFICATES, "annotations": ALLOWED}, data={"ca.crt": "fine"}
    )
    annotations = {REFLECTS: f"src/{ROOT_CERTIFICATES}"}
    bench.put(CONFIGMAPS, {"namespace": "tenant", "name": "authorities", "annotations": annotations}, data={})
    await bench.settle()

    assert bench.api.objects[Key(CONFIGMAPS, "tenant", "authorities")]["data"] == {"ca.crt": "fine"}


async def test_thousands_of_pulls_make_no_thousands_of_events(bench: ReflectorModule) -> None:
    for number in range(5 * MAX_EVENTS_OF_REASON):
        bench.pull("tenant", name=f"p{number}")
    bench.pull("team-1")
    await bench.settle()
    bench.pull("tenant", name="one-more")
    await bench.settle()

    told = [namespace for namespace, _ in bench.told("SourceNotFound")]
    assert told.count("team-1") == 1, "others are told whatever one namespace does"
    assert told.count("tenant") <= MAX_EVENTS_OF_REASON + 1


async def test_a_tenant_whose_false_mirrors_are_deleted_without_end_holds_up_no_withdrawal(
    bench: ReflectorModule,
) -> None:
    """Only so many deletes are made in a minute, and everybody can ask for them: by a mirror of what is not there."""
    for number in range(20):
        bench.namespace(f"many-{number:02}")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-.*"})
    for number in range(400):
        bench.mirror("tenant", "x", "1", source=f"nowhere/f{number}", name=f"f{number}")
    await bench.settle()
    bench.pass_by(31)
    await bench.settle()
    assert bench.writes()["delete"] == 50, "nobody else asks"
    bench.secret("src", "one", ALLOWED)
    for _ in range(4):
        await bench.settle()
        bench.pass_by(31)
    await bench.settle()

    assert [bench.value(f"many-{number:02}") for number in range(20)] == [None] * 20
    assert bench.writes()["delete"] >= 50 + 20 + 2 * 25, "each has its part of a minute"


async def test_a_tenant_who_deletes_a_source_with_many_mirrors_has_one_part_of_a_minute(bench: ReflectorModule) -> None:
    for at in range(100):
        bench.namespace(f"many-{at:03}")
    bench.secret("tenant", "x", {**AUTO, AUTO_NAMESPACES: "many-.*"}, name="big")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-00.*"})
    await bench.settle()
    bench.remove("tenant", "big")
    for _ in range(2):
        await bench.settle()
        bench.pass_by(31)
    bench.secret("src", "one", ALLOWED)
    for _ in range(3):
        await bench.settle()
        bench.pass_by(31)

    assert [bench.value(f"many-{at:03}") for at in range(10)] == [None] * 10
    assert bench.value("many-099", "big") is not None, "deletes are still put off"


@pytest.mark.parametrize("manager", ["kubectl", MANAGER])
async def test_false_mirrors_of_anothers_source_are_not_counted_against_it(
    bench: ReflectorModule, manager: str
) -> None:
    """They may say all that ours say, who wrote them included."""
    for at in range(20):
        bench.namespace(f"many-{at:02}")
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "many-.*"})
    await bench.settle()
    fields = {"f:metadata": {"f:annotations": {f"f:{REFLECTS}": {}}}}
    forged = [{"manager": manager, "operation": "Update", "fieldsV1": fields}]
    bench.mirror("tenant", "x", "1", source="elsewhere/f", name="f")
    await bench.settle()
    bench.pass_by(31)
    for _ in range(29):
        bench.mirror("tenant", "x", "1", managedFields=forged)
        await bench.settle()
    assert bench.writes()["delete"] == (30 if manager == MANAGER else 1), "what kubectl made is not ours to delete"
    bench.secret("src", "one", ALLOWED)
    await bench.settle()

    assert [bench.value(f"many-{at:02}") for at in range(20)] == [None] * 20


async def test_a_source_that_is_never_mirrored_wins_no_name() -> None:
    bench = ReflectorModule(provenance="deny")
    bench.namespace("tenant")
    bench.secret("tenant", "theirs", AUTO, labels={EXTERNAL_MANAGED: "true"}, creationTimestamp=OLD)
    bench.secret("src", "one", AUTO)
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2")) == ("one", "one")


async def test_an_old_source_keeps_no_name_free_in_its_own_namespace(bench: ReflectorModule) -> None:
    """It is never pushed there itself, so it stands in nobody's way but under its own name."""
    bench.secret("tenant", "theirs", {**AUTO, f"{OURS}target-name": "s"}, name="other", creationTimestamp=OLD)
    bench.secret("src", "one", AUTO)
    await bench.settle()

    assert (bench.value("tenant"), bench.value("team-1")) == ("one", "theirs")
    [(_, message)] = bench.told("ConflictingSource")
    assert "is mirrored into team-1, team-2" in message


async def test_who_makes_the_mirror_of_anothers_source_gets_what_it_pushes_or_loses_his_own(
    bench: ReflectorModule,
) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    marks = {REFLECTS: "src/s", AUTO_REFLECTS: "True"}
    bench.secret("tenant", "fake", marks)
    bench.secret("team-2", "foreign")
    await bench.settle()

    assert bench.value("tenant") is None, "an auto mirror where none is wanted"
    assert (bench.value("team-1"), bench.value("team-2"), bench.value("src")) == ("one", "foreign", "one")
