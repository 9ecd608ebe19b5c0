"""A table of ExternalSecrets on the real API server: all objects at once, one wait for each round.

Cases that need more have their own tests: test_external.py (1 to 17), test_templates.py (24 to 28 and 32 to 34),
test_stores.py (50), test_external_table_settings.py (13 and 51).
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.builders.manifests import external_secret, fake, generated, generator, secret, store
from tests.cluster.kube import Object, decoded
from tests.e2e.world import DEFAULT_TIMEOUT_SECONDS, World

Edit = Callable[[World, str], object]
"""Changes something in a namespace."""

SYNCED = ("True", "SecretSynced", "secret synced")
FAILED = ("False", "SecretSyncedError", "")
RETAINED = ("True", "SecretSynced", "secret retained due to DeletionPolicy=Retain")
KEPT = ("True", "SecretSynced", "secret kept")
MISSING = ("True", "SecretMissing", "CreationPolicy=Merge")
GONE = ("True", "SecretDeleted", "secret deleted due to DeletionPolicy=Delete")
NOTHING: Mapping[str, str] = {}
EVERY_SECOND = {"refreshInterval": "1s"}


@dataclass(frozen=True)
class State:
    """The expected state: the target's values (None: there is no target) and the condition."""

    data: Mapping[str, str] | None
    told: tuple[str, str, str] = SYNCED
    type: str = "Opaque"


@dataclass(frozen=True)
class Round:
    """One edit and the expected state after it."""

    edit: Edit
    look: State


@dataclass(frozen=True)
class Case:
    """One row: a store `store` with values, an ExternalSecret `es`, and the expected state."""

    number: str
    values: Mapping[str, str]
    spec: Object
    first: State
    then: tuple[Round, ...] = ()
    before: tuple[Object, ...] = ()


def data(**remotes: Any) -> Object:
    """Return `data` entries: secretKey to remote key, or to a whole remoteRef."""
    items = [
        {"secretKey": key, "remoteRef": each if isinstance(each, dict) else {"key": each}}
        for key, each in remotes.items()
    ]
    return {"data": items}


def sources(*entries: Object) -> Object:
    return {"dataFrom": list(entries)}


def target(**fields: Any) -> Object:
    return {"target": fields}


def set_store(**values: str) -> Edit:
    """Change the values of the store."""
    return lambda world, ns: world.kube.patch("secretstores", "store", ns, {"spec": {"provider": fake(values)}})


def set_spec(**spec: Any) -> Edit:
    """Change the spec of the ExternalSecret."""
    return lambda world, ns: world.kube.patch("externalsecrets", "es", ns, {"spec": spec})


def drops(kind: str, name: str = "es", propagation: str = "Background") -> Edit:
    return lambda world, ns: world.kube.delete(kind, name, ns, propagation=propagation)


def recreate(spec: Object) -> Edit:
    """Delete the ExternalSecret, wait until it is gone, and create it again."""

    def edit(world: World, ns: str) -> None:
        world.kube.delete("externalsecrets", "es", ns)
        world.await_gone("externalsecrets", ns, "es")
        world.apply(manifest(ns, spec))

    return edit


def force_refresh(world: World, ns: str) -> None:
    """Touch the ExternalSecret, so that it is refreshed now."""
    world.kube.annotate("externalsecrets", "es", ns, {"external-secrets.io/force-sync": str(time.time())})


def manifest(ns: str, spec: Object) -> Object:
    made = external_secret(ns, "es", "store", {})
    return {**made, "spec": made["spec"] | spec}


def regexp(source: str, into: str) -> Object:
    return {"regexp": {"source": source, "target": into}}


EXTRACT = {"extract": {"key": "doc"}}
FIND = {"find": {"name": {"regexp": "^find"}}}
SECOND = {"storeRef": {"name": "second"}}
PAIR = json.dumps({"a": "1", "b": "2"})
NULLS = "with\x00null"
STRICT = {"nullBytePolicy": "Fail"}
ODD = json.dumps({"a/b": "1"})
MERGE, ORPHAN, BOTH = {"creationPolicy": "Merge"}, {"creationPolicy": "Orphan"}, {"creationPolicy": "CreateOrMerge"}
ONCE = {"refreshPolicy": "CreatedOnce"}
THEIRS = (secret("", "es", {"theirs": "x"}),)
REMOTE = data(k="remote")
TEMPLATE_DATA = {"t": "{{ .k }}!"}

CASES = (
    Case("6 and 8", {"remote": "1"}, REMOTE, State({"k": "1"})),
    Case("9", {"remote": "1"}, REMOTE | target(creationPolicy="None"), State(None)),
    Case("16", {"remote": "1"}, REMOTE | target(**MERGE), State(None, MISSING)),
    Case("3, 14 and 17", {"remote": "1"}, data(k="remote", theirs="remote") | target(**MERGE),
         State({"k": "1", "theirs": "1"}), before=THEIRS),
    Case("19", {"remote": "1"}, REMOTE | target(**ORPHAN), State({"k": "1"}),
         (Round(drops("externalsecrets"), State({"k": "1"}, ("", "", ""))),)),
    Case("23", {"doc": PAIR}, sources(EXTRACT, {"extract": {"key": "own"}, "sourceRef": SECOND}),
         State({"a": "1", "b": "2", "c": "3"}), before=(store("", "second", fake({"own": '{"c": "3"}'})),)),
    Case("29", {"remote": NULLS}, data(k={"key": "remote", **STRICT}), State(None, FAILED)),
    Case("30", {"doc": json.dumps({"a": NULLS})}, sources({"extract": {"key": "doc", **STRICT}}), State(None, FAILED)),
    Case("31", {"find-a": NULLS}, sources({"find": FIND["find"] | STRICT}), State(None, FAILED)),
    Case("32", {"remote": "1"}, REMOTE | target(template={"data": TEMPLATE_DATA}), State({"t": "1!"}),
         (Round(set_spec(target={"template": {"data": {"new": "n"}}}), State({"t": "1!", "new": "n"})),)),
    Case("33", {"remote": "1"}, REMOTE | target(template={"data": TEMPLATE_DATA, "mergePolicy": "Merge"}),
         State({"t": "1!", "k": "1"})),
    Case("35", {"remote": "1"}, REMOTE | target(template={"metadata": {"labels": {"l": "1"}}}), State({"k": "1"})),
    Case("36", {"remote": "1"}, REMOTE | EVERY_SECOND, State({"k": "1"}),
         (Round(set_store(remote="2"), State({"k": "2"})),)),
    Case("37", {"doc": PAIR}, sources(EXTRACT) | EVERY_SECOND, State({"a": "1", "b": "2"}),
         (Round(set_store(doc='{"b": "3"}'), State({"b": "3"})),)),
    Case("38", {"doc": PAIR}, sources(EXTRACT) | target(template={}), State({"a": "1", "b": "2"}),
         (Round(set_store(doc='{"b": "3"}'), State({"b": "3"})),)),
    Case("39", {"remote": "1"}, REMOTE | {"refreshInterval": "0"}, State({"k": "1"}),
         (Round(set_store(remote="2"), State({"k": "1"})),)),
    Case("40", {"doc": PAIR}, sources(EXTRACT), State({"a": "1", "b": "2"})),
    Case("41", {"doc": PAIR}, sources(*(EXTRACT | {"rewrite": [regexp("^", each)]} for each in ("x-", "y-"))),
         State({"x-a": "1", "x-b": "2", "y-a": "1", "y-b": "2"})),
    Case("42", {"doc": ODD}, sources(EXTRACT | {"rewrite": [regexp("^", "")]}), State(None, FAILED)),
    Case("42, converted", {"doc": ODD}, sources(EXTRACT), State({"a_b": "1"})),
    Case("43", {"find-a": "1", "find-b": "2", "other": "3"}, sources(FIND), State({"find-a": "1", "find-b": "2"})),
    Case("44", {"find-a": "1"}, sources(FIND | {"rewrite": [regexp("^find-(.*)$", "found.$1")]}),
         State({"found.a": "1"})),
    # The fake provider converts found names itself, as the original's does; a unit test shows that others do not.
    Case("45", {"find/a": "1"}, sources(FIND | {"rewrite": [regexp("^", "")]}), State({"find_a": "1"})),
    Case("46", {"doc": json.dumps({"tls.crt": "c", "tls.key": "k"})},
         sources(EXTRACT) | target(template={"type": "kubernetes.io/tls"}),
         State({"tls.crt": "c", "tls.key": "k"}, type="kubernetes.io/tls")),
    Case("47", {"other": "1"}, REMOTE, State(None, FAILED), (Round(set_store(remote="1"), State({"k": "1"})),)),
    Case("48", {}, REMOTE | {"secretStoreRef": {"name": "none"}}, State(None, FAILED)),
    Case("49", {}, REMOTE | {"secretStoreRef": {"name": "second"}}, State(None, FAILED),
         before=(store("", "second", {"aws": {"service": "SecretsManager", "region": "eu-west-1"}}),)),
    Case("52", {"one": "1", "two": "2"}, data(a="one", b="two") | target(deletionPolicy="Delete"),
         State({"a": "1", "b": "2"}),
         (Round(set_store(one="1"), State({"a": "1"})), Round(set_store(unrelated="x"), State(None, GONE)),
          Round(set_store(one="3"), State({"a": "3"})))),
    Case("53", {"remote": "1"}, REMOTE, State({"k": "1"}), (Round(set_store(other="x"), State({"k": "1"}, FAILED)),)),
    Case("54", {"a": "1"}, sources({"find": {"name": {"regexp": "^none$"}}}), State(None, RETAINED)),
    Case("55", {"remote": "1"}, REMOTE | target(**MERGE, deletionPolicy="Merge"), State({"k": "1", "theirs": "x"}),
         (Round(set_store(other="x"), State({"theirs": "x"})),), THEIRS),
    Case("#6640 a", {"remote": "1"}, REMOTE | ONCE | target(**ORPHAN), State({"k": "1"}),
         (Round(set_store(remote="2"), State({"k": "1"})),
          Round(recreate(REMOTE | ONCE | target(**ORPHAN)), State({"k": "2"})))),
    Case("#6640 b", {"remote": "1"}, REMOTE | ONCE | target(**ORPHAN, immutable=True), State({"k": "1"}),
         (Round(set_store(remote="2"), State({"k": "1"})),
          Round(recreate(REMOTE | ONCE | target(**ORPHAN, immutable=True)), State({"k": "1"}, KEPT)))),
    Case("#6640 c", {"remote": "1"}, REMOTE | ONCE | target(immutable=True), State({"k": "1"}),
         (Round(set_store(remote="2"), State({"k": "1"})), Round(drops("secrets"), State({"k": "2"})))),
    Case("#6640 d", {"remote": "1"}, REMOTE | ONCE | target(**ORPHAN), State({"k": "1"}),
         (Round(drops("secrets"), State(None)),)),
    Case("#6640 e", {"remote": "1"}, REMOTE | EVERY_SECOND | target(**ORPHAN, immutable=True), State({"k": "1"}),
         (Round(drops("secrets"), State({"k": "1"})),
          Round(drops("externalsecrets"), State({"k": "1"}, ("", "", ""))))),
    Case("CreateOrMerge", {"remote": "1"}, REMOTE | target(**BOTH), State({"k": "1", "theirs": "x"}), before=THEIRS),
    Case("CreateOrMerge, alone", {"remote": "1"}, REMOTE | ONCE | target(**BOTH), State({"k": "1"}),
         (Round(drops("secrets"), State({"k": "1"})),
          Round(drops("externalsecrets"), State({"k": "1"}, ("", "", ""))))),
    Case("CreateOrMerge, immutable", {"remote": "1"}, REMOTE | target(**BOTH, immutable=True), State({"k": "1"}),
         (Round(set_store(remote="2"), State({"k": "1"}, KEPT)), Round(drops("secrets"), State({"k": "2"})))),
    Case("OnChange", {"remote": "1"}, REMOTE | {"refreshPolicy": "OnChange"}, State({"k": "1"}),
         (Round(set_store(remote="2"), State({"k": "1"})), Round(force_refresh, State({"k": "2"})))),
    Case("orphan cleanup", {"remote": "1"}, REMOTE | target(name="es"), State({"k": "1"}),
         (Round(set_spec(target={"name": "renamed"}), State(None)),)),
)  # fmt: skip


def present_state(world: World, ns: str) -> State:
    """Return the present state."""
    found = world.kube.find("secrets", "es", ns)
    external = world.kube.find("externalsecrets", "es", ns) or {}
    conditions = external.get("status", {}).get("conditions") or [{}]
    told = tuple(conditions[0].get(name, "") for name in ("status", "reason", "message"))
    values = None if found is None else decoded(found)
    return State(values, (told[0], told[1], told[2]), found["type"] if found else "Opaque")


def matches(found: State, wanted: State) -> bool:
    same = all(text in given for text, given in zip(wanted.told, found.told, strict=True))
    return same and (found.data, found.type) == (wanted.data, wanted.type)


def await_all(world: World, wanted: Mapping[str, tuple[str, State]]) -> None:
    """Wait until every row has its expected state; report the rows that do not."""

    def wrong() -> dict[str, State]:
        found = {number: present_state(world, ns) for number, (ns, _) in wanted.items()}
        return {number: each for number, each in found.items() if not matches(each, wanted[number][1])}

    try:
        world.kube.wait_until(wrong, lambda found: not found, timeout=DEFAULT_TIMEOUT_SECONDS)
    except AssertionError:
        assert not wrong()


def placed(ns: str, each: Object) -> Object:
    return {**each, "kind": each["kind"].removeprefix("Cluster"), "metadata": {**each["metadata"], "namespace": ns}}


def test_every_row_of_the_table(world: World) -> None:
    where = {case.number: world.namespace() for case in CASES}
    for case in CASES:
        ns = where[case.number]
        world.apply(store(ns, "store", fake(case.values)), *(placed(ns, each) for each in case.before))
    for case in CASES:
        world.apply(manifest(where[case.number], case.spec))
    await_all(world, {case.number: (where[case.number], case.first) for case in CASES})

    for at in range(max(len(case.then) for case in CASES)):
        rounds = {case.number: case.then[at] for case in CASES if len(case.then) > at}
        for number, each in rounds.items():
            each.edit(world, where[number])
        await_all(world, {number: (where[number], each.look) for number, each in rounds.items()})
    assert world.data(where["orphan cleanup"], "renamed") == {"k": "1"}


def test_20_to_22_generators_of_our_class_return_values(world: World) -> None:
    """None of these names a store."""
    ns, name = world.namespace(), f"row-20-{world.unique}"
    theirs = {"controller": "another", "data": {"k": "theirs"}}
    mine = {"controller": "default", "data": {"k": "1", "l": "2"}}
    world.apply(generator("", "Fake", name, **mine), generator("", "Fake", f"{name}-theirs", **theirs))
    world.apply(generator(ns, "Fake", "mine", **mine), generator(ns, "Fake", "theirs", **theirs))
    try:
        for called, (kind, made) in {
            "22": ("Fake", "theirs"),
            "22-cluster": ("ClusterGenerator", f"{name}-theirs"),
            "20": ("ClusterGenerator", name),
            "21": ("Fake", "mine"),
            "21-late": ("Fake", "late"),
        }.items():
            world.apply(_generated(ns, called, generated(kind, made)))
        for called in ("20", "21"):
            world.await_data(ns, called, {"k": "1", "l": "2"})
            world.await_ready("externalsecrets", ns, called)
        world.await_condition("externalsecrets", ns, "21-late", "False", text="there is no Fake")
        world.apply(generator(ns, "Fake", "late", data={"k": "3"}))
        world.await_data(ns, "21-late", {"k": "3"})
        read = {(each.resource, each.name) for each in world.audit.requests() if each.verb == "get"}
        assert {("fakes", "theirs"), ("clustergenerators", f"{name}-theirs")} <= read, "they were looked at"
        for called in ("22", "22-cluster"):
            assert world.condition("externalsecrets", ns, called) == {}
            assert world.data(ns, called) is None
    finally:
        for each in (name, f"{name}-theirs"):
            world.kube.delete("clustergenerators", each)


def test_what_is_made_by_chance_stays_until_the_next_refresh(world: World) -> None:
    ns = world.namespace()
    world.apply(generator(ns, "Password", "password", length=32), generator(ns, "UUID", "uuid"))
    both = [generated("Password", "password"), generated("UUID", "uuid")]
    world.apply(_generated(ns, "es", *both))
    world.await_ready("externalsecrets", ns, "es")
    made = world.data(ns, "es") or {}
    assert {key: len(value) for key, value in made.items()} == {"password": 32, "uuid": 36}

    world.kube.patch("secrets", "es", ns, {"stringData": {"password": "edited"}})
    world.await_data(ns, "es", made)
    force_refresh(world, ns)

    world.kube.wait_until(
        lambda: world.data(ns, "es") or made, lambda now: not set(now.values()) & set(made.values()), what="others"
    )


def _generated(ns: str, name: str, *entries: Object) -> Object:
    made = external_secret(ns, name, "", {}, dataFrom=list(entries))
    del made["spec"]["secretStoreRef"]
    return made


def test_18_a_merge_that_changes_nothing_writes_nothing(world: World) -> None:
    ns = world.namespace()
    world.apply(store(ns, "store", fake({"remote": "1"})), secret(ns, "es", {"theirs": "x"}))
    world.apply(manifest(ns, REMOTE | target(**MERGE)))
    before = world.await_data(ns, "es", {"theirs": "x", "k": "1"})["metadata"]
    synced = world.await_ready("externalsecrets", ns, "es") and _synced(world, ns)

    world.kube.patch("secrets", "es", ns, {})
    set_spec(refreshInterval="2h")(world, ns)

    world.kube.wait_until(lambda: _synced(world, ns), lambda now: now != synced, what="another sync")
    assert world.kube.get("secrets", "es", ns)["metadata"] == before


def _synced(world: World, ns: str) -> str:
    return str(world.kube.get("externalsecrets", "es", ns)["status"]["syncedResourceVersion"])


LABELS = ({"matchLabels": {"a": "1"}}, {"matchLabels": {"b": "2"}})
ADMISSIONS: Mapping[str, tuple[list[Object] | None, bool]] = {
    "56": (None, True),
    "57": ([{"namespaces": ["other"]}], False),
    "58": ([{"namespaces": ["other", "another"]}], False),
    "59": ([{"namespaces": ["other"]}, {"namespaces": ["another"]}], False),
    "60": ([{"namespaces": ["{ns}"]}], True),
    "61": ([{"namespaces": ["other", "{ns}"]}], True),
    "62": ([{"namespaceSelector": {"matchLabels": {"a": "2"}}}], False),
    "63": ([{"namespaceSelector": LABELS[0]}], True),
    "64": ([{"namespaceSelector": {"matchLabels": {"a": "1", "b": "3"}}}], False),
    "65": ([{"namespaceSelector": {"matchLabels": {"c": "3"}}}, {"namespaceSelector": LABELS[1]}], True),
    "66": ([{"namespaceSelector": each} for each in LABELS], True),
    "67": ([{"namespaceSelector": {"matchLabels": {"c": "3"}}}, {"namespaces": ["other"]}], False),
}


def test_every_row_about_cluster_stores(world: World) -> None:
    ns = world.namespace(a="1", b="2")
    names = {number: f"row-{number}-{world.unique}" for number in ADMISSIONS}
    for number, (conditions, _) in ADMISSIONS.items():
        given = json.loads(json.dumps(conditions or []).replace("{ns}", ns))
        world.apply(store("", names[number], fake({"remote": number}), **({"conditions": given} if given else {})))
        reference = {"name": names[number], "kind": "ClusterSecretStore"}
        world.apply(external_secret(ns, names[number], "", {"k": "remote"}, secretStoreRef=reference))

    for number, (_, admitted) in ADMISSIONS.items():
        if admitted:
            world.await_data(ns, names[number], {"k": number})
        else:
            denied = "denied by spec.condition"
            world.await_condition("externalsecrets", ns, names[number], "False", text=denied)
            assert world.data(ns, names[number]) is None
    for name in names.values():
        world.kube.delete("clustersecretstores", name)
