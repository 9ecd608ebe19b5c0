"""A faulty object gets one clear message and delays no other object."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.builders.manifests import (
    MIRROR,
    SEALED,
    allowed,
    canary,
    external_secret,
    fake,
    meta,
    reflects,
    sealed_secret,
    secret,
    store,
)
from tests.cluster.kube import ApiError, Object
from tests.e2e.test_sealed import foreign_key
from tests.e2e.world import World

Make = Callable[[World, str, str], list[Object]]
"""Makes the objects to apply from a world, a namespace and a name; the last one is faulty."""

NEIGHBOURS = 20
DEEP = {"a" * 60: {"b": [1, None, {"c": "d"}]}}


@dataclass(frozen=True)
class Case:
    """One faulty object, and the message about it."""

    name: str
    kind: str
    make: Make
    says: str
    """Part of the condition; for Secrets, which have none, the reason of the Event."""


def sealed(change: Callable[[Object], object], **template: Any) -> Make:
    """Return a broken SealedSecret."""

    def make(world: World, ns: str, name: str) -> list[Object]:
        manifest = sealed_secret(world.certificate, ns, name, {"key": canary()}, **template)
        change(manifest["spec"])
        return [manifest]

    return make


def external(data: dict[str, Any], remote: str = "value", **spec: Any) -> Make:
    """Return an ExternalSecret with a store that has `remote`."""

    def make(world: World, ns: str, name: str) -> list[Object]:
        del world
        return [store(ns, name, fake({"remote": remote})), external_secret(ns, name, name, data, **spec)]

    return make


def stores(provider: Object, **spec: Any) -> Make:
    """Return a SecretStore."""
    return lambda _, ns, name: [store(ns, name, provider, **spec)]


def source(annotations: dict[str, str]) -> Make:
    """Return a Secret with annotations of the reflector."""
    return lambda _, ns, name: [secret(ns, name, {"key": canary()}, annotations=annotations)]


def _foreign_secret(world: World, ns: str, name: str) -> list[Object]:
    theirs = secret(ns, name, {"theirs": canary()})
    return [theirs, sealed_secret(world.certificate, ns, name, {"key": canary()})]


def _foreign_target(world: World, ns: str, name: str) -> list[Object]:
    del world
    theirs = secret(ns, name, {"theirs": canary()})
    return [theirs, store(ns, name, fake({"remote": "x"})), external_secret(ns, name, name, {"key": "remote"})]


def _wrong_key(world: World, ns: str, name: str) -> list[Object]:
    del world
    return [sealed_secret(foreign_key()["tls.crt"].encode(), ns, name, {"key": canary()})]


def _aws(auth: Object) -> Object:
    return {"aws": {"service": "SecretsManager", "region": "eu-west-1", **auth}}


_KEYS = {"accessKeyIDSecretRef": {"name": "no", "key": "a"}, "secretAccessKeySecretRef": {"name": "no", "key": "b"}}
DATA = {"key": "remote"}
CASES = [
    Case("wrong key", "sealedsecrets", _wrong_key, "no key could decrypt"),
    Case("broken base64", "sealedsecrets", sealed(lambda spec: spec["encryptedData"].update(key="!!")), "base64"),
    Case("too short", "sealedsecrets", sealed(lambda spec: spec["encryptedData"].update(key="AAAA")), "no key could"),
    Case("empty text", "sealedsecrets", sealed(lambda spec: spec["encryptedData"].update(key="")), "no key could"),
    Case("legacy data", "sealedsecrets", sealed(lambda spec: spec.update(data="AgAA")), "at the same time"),
    Case("bad key name", "sealedsecrets", sealed(lambda spec: spec["template"].update(data={"a b": "x"})), "data"),
    Case(
        "template text",
        "sealedsecrets",
        sealed(lambda spec: spec["template"].update(data={"a": "{{ nothing }}"})),
        "temp",
    ),
    Case("foreign Secret", "sealedsecrets", _foreign_secret, "already exists and is not managed by SealedSecret"),
    Case(
        "too large", "sealedsecrets", sealed(lambda spec: spec["template"].update(data={"a": "x" * 1_048_577})), "1048"
    ),
    Case("unknown store", "externalsecrets", lambda _, ns, name: [external_secret(ns, name, "none", DATA)], "none"),
    Case("no store", "externalsecrets", external(DATA, secretStoreRef={}), "secretStoreRef"),
    Case("missing key", "externalsecrets", external({"key": "absent"}), "spec.data[0]"),
    Case("missing property", "externalsecrets", external({"key": ("remote", "absent")}, "{}"), "absent"),
    Case("property of no JSON", "externalsecrets", external({"key": ("remote", "a.b")}, "no json"), "a.b"),
    Case("clever property", "externalsecrets", external({"key": ("remote", "a.#.b|@x")}, "{}"), "spec.data[0]"),
    Case("bad interval", "externalsecrets", external(DATA, refreshInterval="soon"), "refreshInterval"),
    Case("extract of no JSON", "externalsecrets", external({}, dataFrom=[{"extract": DATA}]), "spec.dataFrom[0]"),
    Case(
        "extract of keys that become one",
        "externalsecrets",
        external({}, json.dumps({"a b": "x", "a?b": "y"}), dataFrom=[{"extract": DATA}]),
        "collision",
    ),
    Case("find of no pattern", "externalsecrets", external({}, dataFrom=[{"find": {"name": {"regexp": "("}}}]), "find"),
    Case("foreign target", "externalsecrets", _foreign_target, "coffer.dev/adopt"),
    Case("no credentials", "secretstores", stores(_aws({"auth": {"secretRef": _KEYS}})), "no"),
    Case("ambient identity", "secretstores", stores(_aws({})), "identity"),
    Case("invalid regex", "secrets", source(allowed("*", auto="")), "InvalidAnnotation"),
    Case("look-around", "secrets", source(allowed("(?<=a)b", auto="")), "InvalidAnnotation"),
    Case(
        "invalid selector",
        "secrets",
        source(allowed(auto="") | {f"{MIRROR}reflection-auto-namespaces-selector": "a in"}),
        "InvalidAnnotation",
    ),
    Case("no such source", "secrets", source(reflects("nowhere", "nothing")), "SourceNotFound"),
    Case("name alone", "secrets", source({f"{MIRROR}reflects": "nothing"}), "InvalidAnnotation"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_faulty_object_gets_one_clear_word(world: World, case: Case) -> None:
    ns = world.namespace()
    *before, faulty = case.make(world, ns, "faulty")
    world.apply(*before)
    if any(each["kind"] == "SecretStore" for each in before):
        world.await_ready("secretstores", ns, "faulty")

    world.apply(faulty)

    if case.kind == "secrets":
        world.await_event(ns, "faulty", case.says)
    else:
        world.await_condition(case.kind, ns, "faulty", "False", text=case.says)
    told = world.kube.wait_until(lambda: warnings(world, ns, case.kind))
    assert len({each["reason"] for each in told}) == len(told) == 1


def warnings(world: World, ns: str, kind: str) -> list[Object]:
    """Return the Warning Events about the faulty object itself."""
    found = [each for each in world.events(ns, "faulty") if each["type"] == "Warning"]
    return [each for each in found if each["involvedObject"]["kind"].lower() + "s" == kind]


MALFORMED: list[tuple[str, str, Object]] = [
    ("bitnami.com/v1alpha1", "SealedSecret", {}),
    ("bitnami.com/v1alpha1", "SealedSecret", {"spec": None}),
    ("bitnami.com/v1alpha1", "SealedSecret", {"spec": {"encryptedData": None}}),
    ("bitnami.com/v1alpha1", "SealedSecret", {"spec": {"encryptedData": {"a": None, "b": 1, "c": ["x"], "d": DEEP}}}),
    ("bitnami.com/v1alpha1", "SealedSecret", {"spec": {"encryptedData": ["x"], "template": "x"}}),
    (
        "bitnami.com/v1alpha1",
        "SealedSecret",
        {"spec": {"encryptedData": {}, "template": {"data": None, "metadata": None}}},
    ),
    (
        "bitnami.com/v1alpha1",
        "SealedSecret",
        {"spec": {"encryptedData": {}, "template": {"type": 5, "immutable": "x"}}},
    ),
    ("external-secrets.io/v1", "ExternalSecret", {}),
    ("external-secrets.io/v1", "ExternalSecret", {"spec": {}}),
    ("external-secrets.io/v1", "ExternalSecret", {"spec": {"data": [{}], "dataFrom": [{}], "target": None}}),
    ("external-secrets.io/v1", "ExternalSecret", {"spec": {"data": [{"secretKey": "a b", "remoteRef": {"key": 1}}]}}),
    ("external-secrets.io/v1", "ExternalSecret", {"spec": {"target": {"creationPolicy": "Whatever"}}}),
    ("external-secrets.io/v1", "ExternalSecret", {"spec": {"secretStoreRef": {"kind": "Other", "name": "UPPER"}}}),
    ("external-secrets.io/v1", "SecretStore", {}),
    ("external-secrets.io/v1", "SecretStore", {"spec": {"provider": None}}),
    ("external-secrets.io/v1", "SecretStore", {"spec": {"provider": {}}}),
    ("external-secrets.io/v1", "SecretStore", {"spec": {"provider": fake({"a": "b"}) | _aws({})}}),
    ("external-secrets.io/v1", "SecretStore", {"spec": {"provider": {"nonsense": DEEP}}}),
    ("external-secrets.io/v1", "SecretStore", {"spec": {"provider": {"fake": {"data": [{"key": 1}, None]}}}}),
    ("external-secrets.io/v1", "SecretStore", {"spec": {"provider": {"aws": {"service": "Other", "auth": DEEP}}}}),
    (
        "external-secrets.io/v1",
        "SecretStore",
        {"spec": {"provider": fake({}), "refreshInterval": "soon"}},
    ),
    (
        "external-secrets.io/v1",
        "SecretStore",
        {"spec": {"provider": {"fake": {"data": []}}, "retrySettings": {"maxRetries": -1}}},
    ),
]


def malformed(world: World, ns: str) -> list[str]:
    """Create every malformed object that the API server accepts; return their names."""
    taken = []
    for position, (version, kind, body) in enumerate(MALFORMED):
        name = f"malformed-{position}"
        try:
            world.kube.create({"apiVersion": version, "kind": kind, "metadata": meta(ns, name)} | body)
        except ApiError as error:
            if error.status not in {400, 422}:
                raise  # only the schema may refuse
        else:
            taken.append(name)
    return taken


def test_malformed_objects_of_every_kind_are_refused_or_answered(world: World) -> None:
    assert world.coffer is not None
    ns, log = world.namespace(), len(world.coffer.lines())

    taken = malformed(world, ns)

    assert taken, "the schemas are stricter than the originals'"
    for name in taken:
        kind = MALFORMED[int(name.rpartition("-")[2])][1].lower() + "s"
        world.kube.wait_until(partial(world.condition, kind, ns, name), what=name)
    panics = [
        line
        for line in world.coffer.lines()[log:]
        if "unexpectedly" in line["event"] or "not understood" in line["event"]
    ]
    assert not panics


def neighbours_converge(world: World, count: int, timeout: float) -> None:
    """Apply healthy objects of each kind and wait for them all."""
    ns, target, value = world.namespace(), world.namespace(), canary()
    names = [f"fine-{at}" for at in range(count)]
    world.apply(store(ns, "store", fake({"remote": value})))
    for name in names:
        world.apply(
            sealed_secret(world.certificate, ns, f"{name}-sealed", {"key": value}),
            external_secret(ns, f"{name}-external", "store", {"key": "remote"}),
            secret(ns, f"{name}-source", {"key": value}, annotations=allowed(target, auto="")),
        )
    wanted = {(ns, f"{name}-{what}") for name in names for what in ("sealed", "external")}
    wanted |= {(target, f"{name}-source") for name in names}

    def missing() -> set[tuple[str, str]]:
        there = [each["metadata"] for kept in (ns, target) for each in world.kube.list("secrets", kept)]
        return wanted - {(each["namespace"], each["name"]) for each in there}

    world.kube.wait_until(missing, lambda found: not found, timeout=timeout, what="all neighbours")


@pytest.mark.parametrize("count", [NEIGHBOURS, pytest.param(200, marks=pytest.mark.soak)])
def test_the_neighbours_of_faulty_objects_are_not_delayed(world: World, count: int) -> None:
    bad = world.namespace()
    for position, case in enumerate(CASES):
        world.apply(*case.make(world, bad, f"faulty-{position}"))
    malformed(world, bad)

    neighbours_converge(world, count, timeout=5 + count / 10)


def test_a_faulty_object_is_not_asked_for_again_and_again(world: World) -> None:
    ns = world.namespace()
    world.apply(*sealed(lambda spec: spec["encryptedData"].update(key="!!"))(world, ns, "faulty"))
    world.apply(*external({"key": "absent"})(world, ns, "absent"))
    world.await_condition("sealedsecrets", ns, "faulty", "False")
    world.await_condition("externalsecrets", ns, "absent", "False")
    mark = world.mark()

    neighbours_converge(world, 5, timeout=10)

    assert world.coffer is not None
    asked = [each for each in world.audit.requests(mark, user=world.coffer.installation.user) if each.namespace == ns]
    assert len([each for each in asked if each.name == "faulty"]) == 0
    assert len([each for each in asked if each.name == "absent"]) <= 6, "back-off, or waiting for a change"


def test_what_was_faulty_is_mended_at_once(world: World) -> None:
    ns, value = world.namespace(), canary()
    good = sealed_secret(world.certificate, ns, "app", {"key": value})
    blob = good["spec"]["encryptedData"]["key"]
    good["spec"]["encryptedData"] = {"key": "!!"}
    world.apply(good)
    world.await_condition("sealedsecrets", ns, "app", "False", text="base64")

    world.kube.patch("sealedsecrets", "app", ns, {"spec": {"encryptedData": {"key": blob}}})

    world.await_data(ns, "app", {"key": value}, timeout=3)
    world.await_ready("sealedsecrets", ns, "app")
    assert SEALED not in str(world.kube.get("secrets", "app", ns)["metadata"].get("annotations"))
