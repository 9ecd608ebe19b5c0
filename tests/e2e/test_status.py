"""`coffer status` on a real API server, beside a controller: what it says, how it ends, and that it shows no value."""

import json
from typing import Any

from click.testing import CliRunner, Result

from manager.cli.main import main
from tests.builders.manifests import allowed, canary, external_secret, fake, sealed_secret, secret, store
from tests.cluster.wait import wait_until
from tests.e2e.world import World


def status(world: World, *options: str) -> Result:
    assert world.coffer is not None
    where = (f"--kubeconfig={world.plane.kubeconfig}", f"--controller-namespace={world.coffer.installation.namespace}")
    return CliRunner().invoke(main, ["status", *where, *options])


def seen(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(status(world, "-o", "json").stdout)["items"][0]
    return found


def test_a_failure_is_named_with_its_reason_until_it_is_mended(world: World) -> None:
    ns, target, value = world.namespace(), world.namespace(), canary()
    world.apply(
        sealed_secret(world.certificate, ns, "sealed", {"a": value}),
        store(ns, "store", fake({"remote": value})),
        external_secret(ns, "wrong", "store", {"a": "absent"}),
        secret(ns, "source", {"a": value}, annotations=allowed(target, auto=target)),
    )
    world.await_data(ns, "sealed", {"a": value})
    world.await_data(target, "source", {"a": value})
    world.await_condition("externalsecrets", ns, "wrong", "False")

    done = status(world)
    assert done.exit_code == 1
    assert f"!  ExternalSecret {ns}/wrong" in done.stdout
    assert "SecretSyncedError" in done.stdout
    found = seen(world)
    assert found["leader"]["alive"]
    assert found["sealingKeys"]["count"] >= 1
    assert found["stores"]["fake"]["ready"] >= 1
    assert found["mirrors"]["current"] >= 1
    assert [(each["namespace"], each["name"]) for each in found["failures"] if each["namespace"] == ns] == [
        (ns, "wrong")
    ]
    assert all(value not in status(world, "-o", form).output for form in ("table", "json", "yaml", "name"))

    world.apply(external_secret(ns, "wrong", "store", {"a": "remote"}))
    world.await_data(ns, "wrong", {"a": value})
    wait_until(lambda: seen(world), lambda each: all(one["namespace"] != ns for one in each["failures"]))


def test_a_cluster_that_does_not_answer_ends_with_its_own_code(world: World) -> None:
    done = CliRunner().invoke(main, ["status", "--kubeconfig=/nowhere"])

    assert done.exit_code == 2
    assert "--kubeconfig and --context choose another cluster or user" in done.output
