"""`coffer explain`, `tree` and `refresh` on a real API server: the whole chain of one Secret, and no value of it."""

import json
from typing import Any

from click.testing import CliRunner, Result

from manager.cli.main import main
from tests.builders.manifests import allowed, aws, aws_keys, canary, external_secret, fake, sealed_secret, secret, store
from tests.cluster.wait import wait_until
from tests.e2e.oracles import assert_nothing_leaked
from tests.e2e.world import World

FORMS = ("table", "json", "yaml", "name")


def coffer(world: World, *arguments: str) -> Result:
    assert world.coffer is not None
    return CliRunner().invoke(main, [f"--kubeconfig={world.plane.kubeconfig}", *arguments], catch_exceptions=False)


def explained(world: World, *arguments: str) -> dict[str, Any]:
    assert world.coffer is not None
    own = f"--controller-namespace={world.coffer.installation.namespace}"
    done = coffer(world, "explain", *arguments, own, "-o", "json")
    assert done.exit_code in {0, 1}, done.output
    found: dict[str, Any] = json.loads(done.stdout)["items"][0]
    return found


def pod(namespace: str, name: str, secret_name: str) -> dict[str, Any]:
    env = [{"name": "URL", "valueFrom": {"secretKeyRef": {"name": secret_name, "key": "URL"}}}]
    container = {"name": "app", "image": "registry.example/app", "env": env}
    about = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": name}}
    return {**about, "spec": {"containers": [container], "automountServiceAccountToken": False}}


def test_the_chain_of_a_mirrored_secret_is_told_from_its_beginnings(world: World) -> None:
    app, team, remote, value = world.namespace(), world.namespace(), f"remote-{world.unique}", canary()
    world.moto.client().create_secret(Name=remote, SecretString=json.dumps({"url": value}))
    keys = aws_keys()
    template = {"metadata": {"annotations": allowed(team, auto=team)}}
    world.apply(
        sealed_secret(world.certificate, app, "aws-credentials", keys),
        store(app, "aws", aws()),
        external_secret(app, "database", "aws", {"URL": (remote, "url")}, target={"template": template}),
        secret(team, "unrelated", {"a": value}),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"namespace": app, "name": "default"},
        },
        pod(app, "web", "database"),
    )
    world.await_data(team, "database", {"URL": value})
    started = {"name": "app", "state": {"running": {"startedAt": "2020-01-01T00:00:00Z"}}, "ready": True}
    status = {"phase": "Running", "containerStatuses": [{**started, "restartCount": 0, "image": "a", "imageID": "b"}]}
    world.kube.patch("pods", "web", app, {"status": status}, subresource="status")

    found = explained(world, "secret", f"{app}/database")

    (key,) = found["keys"]
    assert (key["name"], key["entry"], key["remoteKey"], key["property"]) == ("URL", "spec.data[0]", remote, "url")
    assert key["giver"] == f"ExternalSecret {app}/database"
    assert key["store"] == f"SecretStore {app}/aws"
    assert key["read"]
    assert key["written"]
    assert [(each["namespace"], each["name"]) for each in found["mirrors"]] == [(team, "database")]
    assert found["usedBy"] == [{"kind": "Pod", "name": "web", "as": ["env URL of container app"]}]
    assert [each["name"] for each in found["stalePods"]] == ["web"]
    assert found["healthy"], found["faults"]
    assert "refresh every" in found["next"][0]["what"]

    drawn = coffer(world, "tree", "secret", f"{app}/database").stdout.splitlines()
    stages = [line.lstrip("│├└─ ?!").partition(" ")[0] for line in drawn]
    assert stages[:5] == ["sealed", "secret", "store", "synced", "secret"]
    assert {"mirrored", "running"} <= set(stages)

    mirror = explained(world, "mirror", f"{team}/database")
    assert mirror["source"] == f"Secret {app}/database"
    assert _stages(mirror["tree"])[:5] == ["sealed", "secret", "store", "synced", "secret"]

    kinds = (
        ("secret", "database"),
        ("externalsecret", "database"),
        ("sealedsecret", "aws-credentials"),
        ("store", "aws"),
    )
    texts = [
        (f"{kind} {form}", coffer(world, command, kind, f"{app}/{name}", "-o", form).output)
        for kind, name in kinds
        for form in FORMS
        for command in ("explain", "tree")
    ]
    assert_nothing_leaked([value, *keys.values()], texts)


def test_a_refresh_tells_which_keys_changed_and_what_failed(world: World) -> None:
    ns, first, second = world.namespace(), canary(), canary()
    world.apply(
        store(ns, "store", fake({"a": first, "b": first})), external_secret(ns, "x", "store", {"A": "a", "B": "b"})
    )
    world.await_data(ns, "x", {"A": first, "B": first})

    same = coffer(world, "refresh", "es/x", "-n", ns)
    assert (same.exit_code, same.output) == (0, f"ExternalSecret {ns}/x refreshed: nothing changed\n")

    world.apply(store(ns, "store", fake({"a": second, "b": first})))
    wait_until(
        lambda: coffer(world, "refresh", "externalsecret/x", "-n", ns),
        lambda done: world.data(ns, "x") == {"A": second, "B": first},
    )
    world.apply(external_secret(ns, "x", "store", {"A": "absent", "B": "b"}))
    failed = coffer(world, "refresh", "externalsecret/x", "-n", ns, "--timeout", "3")
    assert failed.exit_code == 1
    assert "absent" in failed.output
    assert "->" in failed.output
    assert_nothing_leaked([first, second], [("same", same.output), ("failed", failed.output)])


def _stages(nodes: list[dict[str, Any]]) -> list[str]:
    return [stage for each in nodes for stage in (each["stage"], *_stages(each["children"]))]
