"""Pushes while Coffer is killed, replicas change, and AWS fails."""

from uuid import uuid4

import pytest

from tests.builders.manifests import aws, aws_keys, canary, push_secret, secret, store
from tests.cluster.wait import wait_until
from tests.controller import Coffer
from tests.e2e.test_push import at_aws, await_remote
from tests.e2e.world import World

KEYS = ("a", "b", "c", "d", "e", "f")


def prepared(world: World) -> tuple[str, str, dict[str, str]]:
    """Return a namespace with a ready store and a Secret of some keys, its access key, and their remote keys."""
    ns = world.namespace()
    key, prefix = f"AKIA{ns[-8:].upper()}", uuid4().hex[:8]
    spec = store(ns, "aws", aws(), retrySettings={"maxRetries": 0})
    world.apply(secret(ns, "aws-credentials", aws_keys(key)), spec)
    world.apply(secret(ns, "source", {each: canary() for each in KEYS}))
    world.await_ready("secretstores", ns, "aws")
    return ns, key, {each: f"{prefix}/{each}" for each in KEYS}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_kill_after_any_write_loses_no_record(stage: World, staged_coffer: Coffer, n: int) -> None:
    ns, key, remotes = prepared(stage)
    fault = stage.faults.after_write(n, staged_coffer.kill, counting=lambda call: "pushsecrets" in call.path)
    stage.apply(push_secret(ns, "push", "aws", remotes, deletionPolicy="Delete"))

    wait_until(fault.fired.is_set, timeout=60, what="the kill")
    stage.await_condition("pushsecrets", ns, "push", "True", timeout=60)

    record = stage.kube.get("pushsecrets", "push", ns)["status"]["syncedPushSecrets"]["SecretStore/aws"]
    assert sorted(record) == sorted(remotes.values())
    assert stage.moto.counts(key)["CreateSecret"] == len(KEYS), "nothing is written twice"
    stage.kube.delete("pushsecrets", "push", ns)
    stage.await_gone("pushsecrets", ns, "push", timeout=60)
    assert [at_aws(stage, each) for each in remotes.values()] == [None] * len(KEYS)


def test_a_provider_that_refuses_half_gets_the_rest_later(world: World) -> None:
    ns, _, remotes = prepared(world)
    world.moto.fail("CreateSecret", "InternalServiceErrorException", 500, times=2)
    try:
        world.apply(push_secret(ns, "push", "aws", remotes))
        world.await_condition("pushsecrets", ns, "push", "True", timeout=90)
    finally:
        world.moto.heal()

    found = world.kube.get("pushsecrets", "push", ns)["status"]
    assert sorted(found["syncedPushSecrets"]["SecretStore/aws"]) == sorted(remotes.values())
    assert {each["state"] for each in found["pushState"]["entries"]} == {"Synced"}


def test_a_change_during_an_outage_is_pushed_after_it(world: World) -> None:
    ns, _, remotes = prepared(world)
    value = canary()
    world.apply(push_secret(ns, "push", "aws", {"a": remotes["a"]}))
    world.await_condition("pushsecrets", ns, "push", "True")
    fault = world.moto.fail("GetSecretValue", "InternalServiceErrorException", 500, times=10_000)
    del fault
    try:
        world.apply(secret(ns, "source", {"a": value}))
        world.await_condition("pushsecrets", ns, "push", "False", timeout=60)
    finally:
        world.moto.heal()

    await_remote(world, remotes["a"], value)
    world.await_condition("pushsecrets", ns, "push", "True")


def test_only_one_of_two_replicas_pushes(arena: World, arena_coffer: object) -> None:
    start = arena_coffer
    assert callable(start)
    first = start("coffer-0")
    start("coffer-1")
    first.wait_leading()
    ns, key, remotes = prepared(arena)
    arena.apply(push_secret(ns, "push", "aws", remotes))
    arena.await_condition("pushsecrets", ns, "push", "True")

    wait_until(lambda: at_aws(arena, remotes["f"]), what="the last value")

    assert arena.moto.counts(key)["CreateSecret"] == len(KEYS)
