"""Mirrors of Secrets and ConfigMaps: pushed, pulled, withdrawn; foreign objects stay."""

import base64

import pytest

from tests.builders.manifests import MIRROR, allowed, canary, config_map, reflects, sealed_secret, secret
from tests.cluster.kube import Object
from tests.e2e.world import World

VERSION = f"{MIRROR}reflected-version"
AUTO = f"{MIRROR}auto-reflects"
AUTO_NAMESPACES = f"{MIRROR}reflection-auto-namespaces"
SELECTOR = f"{MIRROR}reflection-allowed-namespaces-selector"


def shared(world: World) -> str:
    """Return the name of this test's sources and mirrors."""
    return f"shared-{world.unique}"


def pushing(world: World, pattern: str = "", **more: str) -> tuple[str, str]:
    """Return the namespace and value of a new source that pushes to namespaces of these names."""
    ns, value = world.namespace("source"), canary()
    world.apply(secret(ns, shared(world), {"key": value}, annotations=allowed(pattern, auto="") | more))
    return ns, value


def pulling(world: World, source: str, *, data: Object | None = None) -> str:
    """Return a new namespace with a Secret that pulls the source's data."""
    ns = world.namespace("pulls")
    world.apply(secret(ns, shared(world), data or {"own": "placeholder"}, annotations=reflects(source, shared(world))))
    return ns


def update(world: World, ns: str) -> str:
    """Change a source's value; return the new one."""
    value = canary()
    world.kube.patch("secrets", shared(world), ns, {"stringData": {"key": value}})
    return value


def annotate(world: World, ns: str, **annotations: str | None) -> None:
    """Change annotations of a source; underscores stand for dashes."""
    named = {f"{MIRROR}{name.replace('_', '-')}": value for name, value in annotations.items()}
    world.kube.annotate("secrets", shared(world), ns, named)


def mirror_of(world: World, ns: str) -> Object:
    """Return the metadata of a mirror."""
    found: Object = world.kube.get("secrets", shared(world), ns)["metadata"]
    return found


def test_a_source_is_pushed_only_to_matching_namespaces(world: World) -> None:
    matching, control = world.namespace("allowed"), world.namespace("zz-allowed")
    not_matching = world.namespace("not-allowed")
    source, value = pushing(world, f"^allowed-.*,{control}")

    for ns in (matching, control):
        world.await_data(ns, shared(world), {"key": value})
    assert world.data(not_matching, shared(world)) is None
    annotations = mirror_of(world, matching)["annotations"]
    assert annotations[f"{MIRROR}reflects"] == f"{source}/{shared(world)}"
    assert annotations[AUTO] == "True"
    assert annotations[VERSION] == mirror_of(world, source)["resourceVersion"]
    assert annotations[f"{MIRROR}reflected-at"].endswith("+00:00")
    assert len(annotations) == 4
    assert "labels" not in mirror_of(world, matching)
    assert "ownerReferences" not in mirror_of(world, matching)


def test_a_namespace_made_later_gets_its_mirror(world: World) -> None:
    _, value = pushing(world, "later-.*")

    later = world.namespace("later")

    world.await_data(later, shared(world), {"key": value})


def test_labels_of_namespaces_decide_at_every_change(world: World) -> None:
    prod, dev = world.namespace(stage="prod"), world.namespace(stage="dev")
    ns, value = world.namespace(), canary()
    annotations = allowed(auto="") | {SELECTOR: "stage=prod"}
    world.apply(secret(ns, shared(world), {"key": value}, annotations=annotations))
    world.await_data(prod, shared(world), {"key": value})
    assert world.data(dev, shared(world)) is None

    world.kube.patch("namespaces", dev, None, {"metadata": {"labels": {"stage": "prod"}}})
    world.await_data(dev, shared(world), {"key": value})
    world.kube.patch("namespaces", dev, None, {"metadata": {"labels": {"stage": "dev"}}})
    world.await_gone("secrets", dev, shared(world))
    assert world.data(prod, shared(world)) == {"key": value}


def test_a_pull_gets_all_data_and_keeps_type_and_metadata(world: World) -> None:
    source, value = pushing(world, "nobody")
    annotate(world, source, reflection_allowed_namespaces="pulls-.*")
    ns = world.namespace("pulls")
    annotations = reflects(source, shared(world)) | {"mine": "1"}
    world.apply(secret(ns, "other-name", {"own": "x"}, type="a/b", labels={"l": "1"}, annotations=annotations))

    made = world.await_data(ns, "other-name", {"key": value})

    assert made["type"] == "a/b"
    assert made["metadata"]["labels"] == {"l": "1"}
    assert made["metadata"]["annotations"].items() >= {"mine": "1", AUTO: "False"}.items()


def test_a_change_of_the_source_reaches_every_mirror_at_once(world: World) -> None:
    pushed = world.namespace("pushed")
    source, value = pushing(world, "pushed-.*,pulls-.*")
    annotate(world, source, reflection_auto_namespaces="pushed-.*")
    pulled = pulling(world, source)
    for ns in (pushed, pulled):
        world.await_data(ns, shared(world), {"key": value})

    second = update(world, source)

    for ns in (pushed, pulled):
        world.await_data(ns, shared(world), {"key": second})


def test_a_pull_before_its_source_waits_for_it(world: World) -> None:
    source, value = world.namespace("source"), canary()
    pulled = pulling(world, source)
    world.await_event(pulled, shared(world), "SourceNotFound")

    world.apply(secret(source, shared(world), {"key": value}, annotations=allowed()))

    world.await_data(pulled, shared(world), {"key": value})


def test_a_pull_before_its_permission_waits_for_it(world: World) -> None:
    source, value = world.namespace("source"), canary()
    world.apply(secret(source, shared(world), {"key": value}))
    pulled = pulling(world, source)
    world.await_event(pulled, shared(world), "SourceNotPermitted")
    assert world.data(pulled, shared(world)) == {"own": "placeholder"}

    annotate(world, source, reflection_allowed="true")

    world.await_data(pulled, shared(world), {"key": value})


@pytest.mark.parametrize("how", ["not allowed", "narrowed", "namespace relabelled", "source deleted"])
def test_a_pull_whose_source_withdraws_keeps_its_last_data(world: World, how: str) -> None:
    source, value = world.namespace("source"), canary()
    annotations = allowed() | ({SELECTOR: "stage=prod"} if how == "namespace relabelled" else {})
    world.apply(secret(source, shared(world), {"key": value}, annotations=annotations))
    pulled, control = world.namespace("pulls", stage="prod"), world.namespace("control", stage="prod")
    for ns in (pulled, control):
        world.apply(secret(ns, shared(world), {"own": "x"}, annotations=reflects(source, shared(world))))
        world.await_data(ns, shared(world), {"key": value})

    if how == "not allowed":
        annotate(world, source, reflection_allowed=None)
    elif how == "narrowed":
        annotate(world, source, reflection_allowed_namespaces="control-.*")
    elif how == "namespace relabelled":
        world.kube.patch("namespaces", pulled, None, {"metadata": {"labels": {"stage": "dev"}}})
    else:
        world.kube.delete("secrets", shared(world), source)
    world.await_event(pulled, shared(world), "SourceNotFound" if how == "source deleted" else "SourceNotPermitted")
    if how in {"narrowed", "namespace relabelled"}:
        world.await_data(control, shared(world), {"key": update(world, source)})

    assert world.data(pulled, shared(world)) == {"key": value}


@pytest.mark.parametrize("how", ["not allowed", "auto off", "auto narrowed", "allowed narrowed", "source deleted"])
def test_a_pushed_mirror_goes_when_its_source_withdraws(world: World, how: str) -> None:
    going, source_value = world.namespace("going"), None
    source, source_value = pushing(world, "going-.*,staying-.*")
    world.await_data(going, shared(world), {"key": source_value})
    changes: dict[str, dict[str, str | None]] = {
        "not allowed": {"reflection_allowed": "false"},
        "auto off": {"reflection_auto_enabled": None},
        "auto narrowed": {"reflection_auto_namespaces": "staying-.*"},
        "allowed narrowed": {"reflection_allowed_namespaces": "staying-.*"},
    }

    if how in changes:
        annotate(world, source, **changes[how])
    else:
        world.kube.delete("secrets", shared(world), source)

    world.await_gone("secrets", going, shared(world))
    if how in changes:
        assert world.data(source, shared(world)) == {"key": source_value}


def test_a_recreated_source_never_loses_its_mirrors(world: World) -> None:
    pushed = world.namespace("pushed")
    source, value = pushing(world, "pushed-.*")
    before = world.await_data(pushed, shared(world), {"key": value})["metadata"]["uid"]

    world.kube.delete("secrets", shared(world), source)
    again = canary()
    world.apply(secret(source, shared(world), {"key": again}, annotations=allowed("pushed-.*", auto="")))

    assert world.await_data(pushed, shared(world), {"key": again})["metadata"]["uid"] == before


def test_a_pushed_mirror_that_was_edited_or_deleted_comes_back(world: World) -> None:
    pushed = world.namespace("pushed")
    _, value = pushing(world, "pushed-.*")
    world.await_data(pushed, shared(world), {"key": value})

    world.kube.patch("secrets", shared(world), pushed, {"stringData": {"key": "edited", "more": "x"}})
    world.await_data(pushed, shared(world), {"key": value})
    world.kube.delete("secrets", shared(world), pushed)
    world.await_data(pushed, shared(world), {"key": value})


def test_metadata_that_users_add_to_a_mirror_survives_updates(world: World) -> None:
    pushed = world.namespace("pushed")
    source, value = pushing(world, "pushed-.*")
    world.await_data(pushed, shared(world), {"key": value})
    world.kube.patch("secrets", shared(world), pushed, {"metadata": {"labels": {"l": "1"}, "annotations": {"a": "1"}}})

    world.await_data(pushed, shared(world), {"key": update(world, source)})

    found = mirror_of(world, pushed)
    assert (found["labels"], found["annotations"]["a"]) == ({"l": "1"}, "1")


def test_a_blank_version_asks_for_a_new_copy(world: World) -> None:
    source, value = pushing(world, "nobody|pulls-.*")
    annotate(world, source, reflection_auto_enabled=None)
    pulled = pulling(world, source)
    world.await_data(pulled, shared(world), {"key": value})

    edit = {"stringData": {"key": "edited"}, "metadata": {"annotations": {VERSION: ""}}}
    world.kube.patch("secrets", shared(world), pulled, edit)

    world.await_data(pulled, shared(world), {"key": value})


def test_the_sources_own_namespace_is_never_a_target(world: World) -> None:
    pushed = world.namespace("pushed")
    source, value = pushing(world)
    world.await_data(pushed, shared(world), {"key": value})

    annotate(world, source, reflection_auto_namespaces="nobody")

    world.await_gone("secrets", pushed, shared(world))
    assert AUTO not in mirror_of(world, source)["annotations"]
    assert world.data(source, shared(world)) == {"key": value}


def test_a_foreign_object_blocks_a_mirror_and_stays_untouched(world: World) -> None:
    """The mirror is created once the object is deleted."""
    pushed = world.namespace("pushed")
    [foreign] = world.apply(secret(pushed, shared(world), {"theirs": canary()}, annotations={"a": "1"}))
    source, value = pushing(world, "pushed-.*")
    world.await_event(source, shared(world), "ConflictingObject", pushed)

    world.kube.patch("namespaces", pushed, None, {"metadata": {"labels": {"touch": "1"}}})
    second = world.namespace("pushed")
    world.await_data(second, shared(world), {"key": value})
    assert world.kube.get("secrets", shared(world), pushed) == foreign

    world.kube.delete("secrets", shared(world), pushed)
    world.await_data(pushed, shared(world), {"key": value})


def test_a_pull_with_the_name_of_a_push_stays_the_users(world: World) -> None:
    source, value = pushing(world, "pulls-.*,nobody", **{AUTO_NAMESPACES: "nobody"})
    pulled = pulling(world, source)  # before the push, because this apply would take over our mirror
    world.await_data(pulled, shared(world), {"key": value})

    annotate(world, source, reflection_auto_namespaces="pulls-.*")
    world.await_data(pulled, shared(world), {"key": update(world, source)})
    annotate(world, source, reflection_auto_namespaces="nobody")
    second = update(world, source)

    world.await_data(pulled, shared(world), {"key": second})
    assert mirror_of(world, pulled)["annotations"][AUTO] == "False"


def test_the_older_of_two_sources_with_one_name_wins(world: World) -> None:
    """An Event tells the other one."""
    pushed = world.namespace("pushed")
    first, value = pushing(world, "pushed-.*")
    world.await_data(pushed, shared(world), {"key": value})
    world.kube.wait_until(lambda: _older_than_a_second(world, first), timeout=3)

    second, other = pushing(world, "pushed-.*")
    world.await_event(second, shared(world), "ConflictingSource")
    assert world.data(pushed, shared(world)) == {"key": value}

    world.kube.delete("secrets", shared(world), first)
    world.await_data(pushed, shared(world), {"key": other})


def test_a_mirror_can_be_mirrored_by_a_pull_but_never_pushes(world: World) -> None:
    source, value = pushing(world, "nobody,pulls-.*")
    middle, end = world.namespace("pulls"), world.namespace("end")
    annotations = reflects(source, shared(world)) | allowed(auto="")
    world.apply(secret(middle, "middle", {"x": "x"}, annotations=annotations))
    world.apply(secret(end, "end", {"x": "x"}, annotations=reflects(middle, "middle")))
    world.await_data(end, "end", {"key": value})

    second = update(world, source)

    world.await_data(end, "end", {"key": second})
    assert world.data(end, "middle") is None


def test_circular_mirrors_cause_no_endless_writes(world: World) -> None:
    ns = world.namespace()
    world.apply(secret(ns, "self", {"x": "x"}, annotations=reflects(ns, "self") | allowed()))
    world.apply(secret(ns, "a", {"x": "a"}, annotations=reflects(ns, "b") | allowed()))
    world.apply(secret(ns, "b", {"x": "b"}, annotations=reflects(ns, "a") | allowed()))
    source, value = pushing(world, f"{ns}")
    world.await_data(ns, shared(world), {"key": value})

    def versions() -> list[str]:
        return [world.kube.get("secrets", name, ns)["metadata"]["resourceVersion"] for name in ("self", "a", "b")]

    before = versions()
    world.await_data(ns, shared(world), {"key": update(world, source)})
    assert versions() == before


def test_config_maps_are_mirrored_with_their_binary_data(world: World) -> None:
    source, pushed, pulled = world.namespace(), world.namespace("pushed"), world.namespace("pulls")
    binary = {"logo": base64.b64encode(bytes(range(256))).decode()}
    manifest = config_map(
        source, shared(world), {"a": "1"}, annotations=allowed("pushed-.*,pulls-.*", auto="pushed-.*")
    )
    world.apply(manifest | {"binaryData": binary})
    world.apply(config_map(pulled, "mine", {"own": "x"}, annotations=reflects(source, shared(world))))

    def holds(ns: str, name: str) -> bool:
        found = world.kube.get("configmaps", name, ns)
        return found.get("data") == {"a": "1"} and found.get("binaryData") == binary

    world.kube.wait_until(lambda: holds(pushed, shared(world)))
    world.kube.wait_until(lambda: holds(pulled, "mine"))
    world.kube.patch("configmaps", shared(world), source, {"binaryData": None, "data": {"a": "2"}})
    gone = world.kube.wait_until(
        lambda: world.kube.get("configmaps", shared(world), pushed), lambda found: found["data"] == {"a": "2"}
    )
    assert not gone.get("binaryData")


def test_the_type_of_a_secret_is_mirrored(world: World) -> None:
    ns, pushed, values = world.namespace(), world.namespace("pushed"), {"username": "u", "password": canary()}
    kind = "kubernetes.io/basic-auth"
    world.apply(secret(ns, "auth", values, type=kind, annotations=allowed("pushed-.*", auto="")))

    assert world.await_data(pushed, "auth", values)["type"] == kind


def test_an_immutable_source_makes_mutable_mirrors(world: World) -> None:
    ns, pushed, values = world.namespace(), world.namespace("pushed"), {"key": canary()}
    world.apply(secret(ns, "fixed", values, annotations=allowed("pushed-.*", auto="")) | {"immutable": True})

    assert "immutable" not in world.await_data(pushed, "fixed", values)


def test_sources_in_excluded_namespaces_are_ignored(world: World) -> None:
    """Mirrors may still be pushed into these namespaces."""
    excluded, open_to_all = world.namespace("excluded"), world.namespace("open")
    world.apply(secret(excluded, "hidden", {"key": canary()}, annotations=allowed(auto="")))
    _, value = pushing(world, "open-.*,excluded-.*")

    for ns in (open_to_all, excluded):
        world.await_data(ns, shared(world), {"key": value})
    assert world.data(open_to_all, "hidden") is None


def test_a_namespace_can_refuse_what_is_pushed(world: World) -> None:
    refusing = world.namespace("pushed", **{"coffer.dev/refuse-push": "true"})
    accepting = world.namespace("pushed")
    _, value = pushing(world, "pushed-.*")

    world.await_data(accepting, shared(world), {"key": value})
    assert world.data(refusing, shared(world)) is None


def test_a_pushed_mirror_gives_way_to_whoever_claims_its_name(world: World) -> None:
    pushed, sealed = world.namespace("pushed"), {"sealed": canary()}
    source, value = pushing(world, "pushed-.*")
    world.await_data(pushed, shared(world), {"key": value})

    world.apply(sealed_secret(world.certificate, pushed, shared(world), sealed))

    world.await_data(pushed, shared(world), sealed)
    world.await_ready("sealedsecrets", pushed, shared(world))
    world.await_event(source, shared(world), "ConflictingObject", pushed)
    assert world.data(pushed, shared(world)) == sealed


@pytest.mark.parametrize("at", ["'2025-01-01T00:00:00+00:00'", '"2025-01-01T00:00:00.1234567+00:00"', "garbage"])
def test_mirrors_that_the_original_wrote_are_taken_over(world: World, at: str) -> None:
    pushed = world.namespace("pushed")
    source, value = pushing(world, "nobody")
    marks = {AUTO: "True", VERSION: "0", f"{MIRROR}reflected-at": at} | reflects(source, shared(world))
    world.kube.apply(secret(pushed, shared(world), {"key": "old"}, annotations=marks), manager="unknown")
    world.await_gone("secrets", pushed, shared(world))

    made = secret(pushed, shared(world), {"key": "old"}, annotations=marks | reflects(source, shared(world)))
    world.kube.apply(made, manager="unknown")  # the API server's name for a writer without a User-Agent
    annotate(world, source, reflection_allowed_namespaces="pushed-.*")

    world.await_data(pushed, shared(world), {"key": value})


def _older_than_a_second(world: World, ns: str) -> bool:
    """Return True if an object that is created now gets another creationTimestamp, in whole seconds."""
    probe = config_map(ns, "probe", {})
    world.kube.delete("configmaps", "probe", ns)
    created: str = world.kube.create(probe)["metadata"]["creationTimestamp"]
    return created > str(mirror_of(world, ns)["creationTimestamp"])
