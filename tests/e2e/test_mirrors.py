"""Features of mirrors beyond the original: selected keys, names, adoption, rules, and `coffer mirrors`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders.manifests import MIRROR, allowed, canary, config_map, encoded, reflects, secret
from tests.cluster.kube import ApiError, Object
from tests.e2e.conftest import MakeCoffer
from tests.e2e.world import World

OURS = "reflector.coffer.dev/"


def coffer_annotations(**annotations: str) -> dict[str, str]:
    """Return our own annotations; underscores stand for dashes."""
    return {OURS + name.replace("_", "-"): text for name, text in annotations.items()}


def named(world: World) -> str:
    """Return the name of this test's sources."""
    return f"shared-{world.unique}"


def await_mirror(world: World, namespace: str, name: str, holds: Object) -> Object:
    """Wait until a Secret has exactly these labels and at least these annotations; return its metadata."""

    def matches(found: Object) -> bool:
        labels, annotations = found.get("labels", {}), found.get("annotations", {})
        return bool(labels == holds["labels"] and holds["annotations"].items() <= annotations.items())

    found: Object = world.kube.wait_until(lambda: world.kube.get("secrets", name, namespace)["metadata"], matches)
    return found


def test_keys_labels_and_annotations_are_copied_by_choice(world: World) -> None:
    ns, pushed, pulled, value = world.namespace(), world.namespace(), world.namespace(), canary()
    asked = allowed(f"{pushed},{pulled}", auto=pushed) | coffer_annotations(
        keys_except="private", rename_keys="crt:pem"
    )
    world.kube.patch("namespaces", pushed, None, {"metadata": {"labels": {"coffer.dev/accept-labels": "true"}}})
    asked |= coffer_annotations(labels="team,tier", annotations="note.example.com/*") | {"note.example.com/a": "1"}
    name, labels = named(world), {"team": "a", "tier": "b", "argocd.argoproj.io/instance": "x"}
    world.apply(secret(ns, name, {"crt": value, "private": canary()}, annotations=asked, labels=labels))
    world.apply(
        secret(pulled, name, {"x": "x"}, annotations=reflects(ns, name) | coffer_annotations(rename_keys="pem:other"))
    )

    world.await_data(pushed, name, {"pem": value})
    world.await_data(pulled, name, {"other": value})
    wanted = {"team": "a", "tier": "b"}
    await_mirror(world, pushed, name, {"labels": wanted, "annotations": {"note.example.com/a": "1"}})

    world.kube.patch("secrets", name, pushed, {"metadata": {"labels": {"own": "1"}}})
    change = {"labels": {"team": None, "tier": "c"}, "annotations": {"note.example.com/a": None}}
    world.kube.patch("secrets", name, ns, {"metadata": change})
    found = await_mirror(world, pushed, name, {"labels": {"tier": "c", "own": "1"}, "annotations": {}})
    assert "note.example.com/a" not in found["annotations"]
    assert found["annotations"][f"{OURS}copied-labels"] == "tier"


def test_a_recreated_immutable_source_replaces_its_mirrors(world: World) -> None:
    ns, pushed, name = world.namespace(), world.namespace(), named(world)
    annotations = allowed(auto=pushed) | coffer_annotations(immutable="true")
    for value in (canary(), canary()):
        world.kube.delete("secrets", name, ns)
        world.apply(secret(ns, name, {"key": value}, annotations=annotations) | {"immutable": True})

        assert world.await_data(pushed, name, {"key": value})["immutable"] is True
    world.kube.delete("configmaps", name, ns)
    world.apply(config_map(ns, name, {"a": "1"}, annotations=annotations) | {"immutable": True})
    world.kube.wait_until(lambda: world.kube.get("configmaps", name, pushed)["immutable"])


def test_a_push_under_another_name_moves_and_leaves_copies_alone(world: World) -> None:
    ns, pushed, value, name = world.namespace(), world.namespace(), canary(), named(world)
    world.apply(
        secret(ns, name, {"key": value}, annotations=allowed(auto=pushed) | coffer_annotations(target_name=f"{name}-a"))
    )
    first = world.await_data(pushed, f"{name}-a", {"key": value})
    marks = {each: text for each, text in first["metadata"]["annotations"].items() if each.startswith(MIRROR)}
    world.apply(secret(pushed, f"{name}-copy", {"key": "mine"}, annotations=marks))

    world.kube.annotate("secrets", name, ns, coffer_annotations(target_name=f"{name}-b"))

    world.await_data(pushed, f"{name}-b", {"key": value})
    world.await_gone("secrets", pushed, f"{name}-a")
    world.kube.annotate("secrets", name, ns, {f"{MIRROR}reflection-auto-enabled": None})
    world.await_gone("secrets", pushed, f"{name}-b")
    assert world.data(pushed, f"{name}-copy") == {"key": "mine"}


def test_an_object_that_names_its_source_is_taken_over(world: World) -> None:
    ns, giving, keeping, name, value = world.namespace(), world.namespace(), world.namespace(), named(world), canary()
    world.apply(secret(giving, name, {"theirs": canary()}, annotations={"a": "1"}))
    world.apply(secret(keeping, name, {"theirs": "x"}, annotations=coffer_annotations(adopt=f"{ns}/another")))
    world.apply(secret(ns, name, {"key": value}, annotations=allowed(auto=f"{giving},{keeping}")))
    world.await_event(ns, name, "ConflictingObject", "2 namespace(s)")

    world.kube.annotate("secrets", name, giving, coffer_annotations(adopt=f"{ns}/{name}"))

    found = world.await_data(giving, name, {"key": value})
    assert found["metadata"]["annotations"].items() >= ({"a": "1", f"{MIRROR}auto-reflects": "True"}).items()
    assert world.data(keeping, name) == {"theirs": "x"}


def test_a_helm_release_is_never_mirrored(world: World) -> None:
    ns, pushed, name = world.namespace(), world.namespace(), named(world)
    annotations = allowed(auto=pushed)
    world.apply(secret(ns, "release", {"release": "x"}, type="helm.sh/release.v1", annotations=annotations))
    world.apply(secret(ns, name, {"key": "1"}, annotations=annotations))

    world.await_data(pushed, name, {"key": "1"})
    assert world.data(pushed, "release") is None


def test_a_squatted_name_wins_nothing_if_rules_limit_pushes(arena: World, arena_coffer: MakeCoffer) -> None:
    platform, squatter, target = arena.namespace("platform"), arena.namespace("tenant"), arena.namespace("target")
    name, value = named(arena), canary()
    arena.apply(secret(squatter, name, {"key": canary()}))  # older than the platform's source
    arena.apply(secret(platform, name, {"key": value}, annotations=allowed(auto=target)))
    arena_coffer("coffer-0", "--reflector-allow=platform-* -> *", "--reflector-label-mirrors=true")
    arena.await_data(target, name, {"key": value})

    arena.kube.annotate("secrets", name, squatter, allowed(auto=target))
    arena.await_event(squatter, name, "DeniedByPolicy", target)
    second = canary()
    arena.kube.patch("secrets", name, platform, {"stringData": {"key": second}})

    arena.await_data(target, name, {"key": second})
    listed = arena.kube.list("secrets", labelSelector=f"coffer.dev/mirror={platform}.{name}")
    assert [each["metadata"]["namespace"] for each in listed] == [target]


def coffer_mirrors(world: World, *arguments: str) -> list[str]:
    """Run `coffer mirrors` as a user would; return its lines."""
    command = [str(Path(sys.executable).with_name("coffer")), "mirrors", f"--kubeconfig={world.plane.kubeconfig}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_coffer_mirrors_shows_what_is_and_what_would_be(world: World) -> None:
    ns, pushed, pulled, other, name = *(world.namespace() for _ in range(4)), named(world)
    assert world.coffer is not None
    value, own = canary(), world.coffer.installation.namespace  # where nothing is pushed
    world.apply(secret(ns, name, {"key": value}, annotations=allowed(auto=f"{pushed},{own}")))
    world.apply(secret(pulled, name, {"x": "x"}, annotations=reflects(ns, name)))
    world.await_data(pushed, name, {"key": value})
    world.await_data(pulled, name, {"key": value})

    tree = coffer_mirrors(world, f"--namespace={ns}", f"--controller-namespace={own}")
    plan = coffer_mirrors(world, f"--plan=secret/{ns}/{name}", f"reflection-auto-namespaces={other}")

    assert tree[0] == f"Secret {ns}/{name}"
    assert sorted(line[3:] for line in tree[1:]) == sorted(
        [f"{pushed}/{name}  pushed  current", f"{pulled}/{name}  pulled  current"]
    )
    assert plan == [f"create  Secret {other}/{name}", f"delete  Secret {pushed}/{name}", "create 1, update 0, delete 1"]
    assert world.data(other, name) is None


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_a_pull_in_a_chart_can_be_applied_again(world: World, kind: str) -> None:
    """Helm 4, Argo CD and Flux use server-side apply, each with its own field manager (see docs/mirrors.md)."""
    ns, pulled, first, second = world.namespace(), world.namespace(), canary(), canary()
    name, make = named(world), secret if kind == "Secret" else config_map
    plural = f"{kind.lower()}s"
    meta = {"name": name, "namespace": pulled, "annotations": reflects(ns, name)}
    pull = {"apiVersion": "v1", "kind": kind, "metadata": meta} | ({"type": "Opaque"} if kind == "Secret" else {})
    world.kube.apply(pull, manager="helm", force=False)
    source = make(ns, name, {"k": first})
    source["metadata"]["annotations"] = allowed(pulled)
    world.apply(source)
    before = data_of(world, plural, name, pulled, {"k": first})

    for manager in ("helm", "argocd-controller", "kustomize-controller", "helm"):
        (after,) = world.kube.apply(pull, manager=manager, force=False)
        assert after.get("data") == before, f"{manager} takes nothing away"
    world.kube.patch(plural, name, ns, {"stringData" if kind == "Secret" else "data": {"k": second}})
    changed = data_of(world, plural, name, pulled, {"k": second})
    (after,) = world.kube.apply(pull, manager="helm", force=False)
    assert after.get("data") == changed


def test_a_chart_that_sends_fields_of_a_mirror_gets_a_conflict(world: World) -> None:
    """docs/mirrors.md warns of this form: a tool that sends a placeholder owns it and gets the conflict."""
    ns, pulled, value = world.namespace(), world.namespace(), canary()
    name = named(world)
    pull = secret(pulled, name, {}, annotations=reflects(ns, name)) | {"data": {"k": encoded("placeholder")}}
    world.kube.apply(pull, manager="helm", force=False)
    world.apply(secret(ns, name, {"k": value}, annotations=allowed(pulled)))
    world.await_data(pulled, name, {"k": value})

    with pytest.raises(ApiError) as caught:
        world.kube.apply(pull, manager="helm", force=False)

    assert caught.value.status == 409
    assert world.data(pulled, name) == {"k": value}


def data_of(world: World, plural: str, name: str, namespace: str, wanted: dict[str, str]) -> Object:
    """Wait until an object has these values; return its data as stored."""
    shown = {key: encoded(value) for key, value in wanted.items()} if plural == "secrets" else wanted
    found: Any = world.kube.wait_until(lambda: world.kube.get(plural, name, namespace).get("data"), shown.__eq__)
    return found
