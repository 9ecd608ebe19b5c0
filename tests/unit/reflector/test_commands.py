"""`coffer mirrors`: the tree of sources and mirrors, and what a change of annotations would do."""

from typing import Any

import pytest

from manager.core.errors import SettingsError
from manager.kube.auto_mirrors import PREFIX
from manager.kube.resources import CONFIGMAPS, SECRETS, Key
from manager.settings.model import ReflectorSettings
from reflector.commands import Edit, MirrorListing
from reflector.rules.selection import PREFIX as OURS
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, ReflectorModule


@pytest.fixture
def bench() -> ReflectorModule:
    return ReflectorModule()


async def tree(bench: ReflectorModule, namespace: str = "", scope: frozenset[str] | None = None) -> list[str]:
    return list((await listing(bench, scope)).tree(namespace))


async def listing(bench: ReflectorModule, scope: frozenset[str] | None = None) -> MirrorListing:
    client: Any = bench.api
    found = MirrorListing(ReflectorSettings(), "coffer", scope)
    await found.read(client)
    return found


async def planned(bench: ReflectorModule, *changes: str, target: str = "secret/src/s") -> list[str]:
    client: Any = bench.api
    listing = MirrorListing(ReflectorSettings(), "coffer")
    await listing.read(client, Edit.parse(target, changes))
    return list(listing.changes())


async def test_the_tree_shows_every_mirror_with_its_state(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    bench.pull("src", source="gone/x", name="orphan")
    await bench.settle()
    bench.namespace("team-3")
    bench.secret("team-1", "foreign")
    bench.pull("team-2", name="mine")

    conflict = "1 namespace(s) have another object of this name, which is left untouched: team-1"
    conflict += "; delete it, or hand it over by the annotation reflector.coffer.dev/adopt: src/s"
    assert await tree(bench) == [
        "Secret gone/x  (does not exist)",
        "└─ src/orphan  pulled  SourceNotFound",
        "Secret src/s",
        f"!  ConflictingObject: {conflict}",
        "├─ team-2/mine  pulled  outdated",
        "├─ team-2/s  pushed  current",
        "└─ team-3/s  pushed  missing",
    ]


async def test_a_namespace_shows_its_sources_and_what_is_mirrored_into_it(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1,team-2"})
    bench.pull("src", source="gone/x", name="orphan")
    bench.pull("team-2", name="mine")
    await bench.settle()

    assert await tree(bench, "src") == await tree(bench)
    assert await tree(bench, "team-2") == [
        "Secret src/s",
        "├─ team-2/mine  pulled  current",
        "└─ team-2/s  pushed  current",
    ]
    assert await tree(bench, "team-3") == []
    found = await listing(bench)
    assert list(found.names("team-2")) == ["secret/mine", "secret/s"]
    assert list(found.names("src")) == ["secret/orphan", "secret/s"]
    [record] = found.records("team-2")
    assert record["mirrors"] == [
        {"namespace": "team-2", "name": "mine", "state": "pulled  current"},
        {"namespace": "team-2", "name": "s", "state": "pushed  current"},
    ]


async def test_with_a_scope_the_rights_in_it_suffice(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1,team-2"})
    await bench.settle()
    bench.pull("team-1", source="team-2/x", name="foreign")
    bench.mirror("team-1", "one", "5", "team-2/y", name="neighbours")
    bench.api.calls.clear()

    served = "the namespaces of this installation (modules.scope: src, team-1)"
    assert await tree(bench, scope=frozenset({"src", "team-1"})) == [
        "Secret src/s",
        f"!  OutsideScope: {AUTO_NAMESPACES}: team-2 matches none of {served}, so nothing is mirrored there",
        "└─ team-1/s  pushed  current",
        "Secret team-2/x  (outside of modules.scope)",
        "└─ team-1/foreign  pulled  OutsideScope",
        "Secret team-2/y  (outside of modules.scope)",
        "└─ team-1/neighbours  pushed  unknown",
    ]
    asked = {place for _, place in bench.api.calls}
    lists = {f"{name}/{kind}" for name in ("src", "team-1") for kind in ("secrets", "configmaps")}
    assert asked == lists | {"Namespace src", "Namespace team-1"}


async def test_a_plan_says_what_would_be_created_updated_and_deleted(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-1"})
    await bench.settle()

    assert await planned(bench, "reflection-auto-namespaces=team-2") == [
        "create  Secret team-2/s",
        "delete  Secret team-1/s",
        "create 1, update 0, delete 1",
    ]
    assert await planned(bench, "reflection-auto-enabled=false") == [
        "delete  Secret team-1/s",
        "create 0, update 0, delete 1",
    ]
    assert await planned(bench, "keys=a*") == ["update  Secret team-1/s", "create 0, update 1, delete 0"]
    assert bench.value("team-1") == "one"
    assert bench.writes() == {"create": 1}


async def test_a_plan_for_a_pull_says_what_becomes_of_it(bench: ReflectorModule) -> None:
    bench.secret("src", "one", ALLOWED)
    bench.secret("team-2", "other", ALLOWED)
    bench.pull("team-1", name="mine")
    await bench.settle()

    for change in ("keys=a*", "reflects=team-2/s"):
        found = await planned(bench, change, target="secret/team-1/mine")
        assert found == ["update  Secret team-1/mine", "create 0, update 1, delete 0"], change
    refused = await planned(bench, "reflects=nowhere/s", target="secret/team-1/mine")
    assert refused[0].startswith("SourceNotFound: Secret team-1/mine")
    assert refused[1] == "create 0, update 0, delete 0"


async def test_a_plan_says_what_becomes_of_the_mirrors_of_other_sources(bench: ReflectorModule) -> None:
    older = {"creationTimestamp": "2020-01-01T00:00:00Z"}
    bench.namespace("src2")
    bench.secret("src2", "older", ALLOWED, **older)
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "team-.*"})
    await bench.settle()

    found = await planned(
        bench, "reflection-auto-enabled=true", "reflection-auto-namespaces=team-1", target="secret/src2/s"
    )

    assert "delete  Secret team-1/s" in found
    assert any(line.startswith("ConflictingSource: Secret src/s") for line in found)
    assert found[-1] == "create 0, update 0, delete 1"
    bench.secret("src2", "older", {**AUTO, AUTO_NAMESPACES: "team-1"}, **older)
    await bench.settle()
    assert "create  Secret team-1/s" not in await planned(bench, "keys=k", target="secret/src2/s")


async def test_a_plan_names_what_would_be_in_the_way(bench: ReflectorModule) -> None:
    bench.secret("src", "one", ALLOWED)
    bench.secret("team-1", "foreign")

    found = await planned(bench, "reflection-auto-enabled=true", "reflection-auto-namespaces=team-1,*")

    assert [line.split(":")[0] for line in found] == [
        "InvalidAnnotation",
        "ConflictingObject",
        "create 0, update 0, delete 0",
    ]


def test_annotations_are_written_as_for_kubectl() -> None:
    edit = Edit.parse("ConfigMap/a/b", ("reflection-allowed=true", "labels=x=y", "other.io/z-"))

    assert edit == Edit(
        Key(CONFIGMAPS, "a", "b"), {f"{PREFIX}reflection-allowed": "true", f"{OURS}labels": "x=y", "other.io/z": None}
    )
    assert Edit.parse("secrets/a/b", ()).key.resource is SECRETS


@pytest.mark.parametrize(
    ("target", "change"), [("pod/a/b", "x=y"), ("secret/a", "x=y"), ("secret//b", "x=y"), ("secret/a/b", "x")]
)
def test_what_cannot_be_read_is_refused_with_a_cure(target: str, change: str) -> None:
    with pytest.raises(SettingsError, match="--plan: write"):
        Edit.parse(target, (change,))


async def test_a_plan_for_nothing_is_refused(bench: ReflectorModule) -> None:
    with pytest.raises(SettingsError, match="there is no Secret src/s"):
        await planned(bench, "a=b")
