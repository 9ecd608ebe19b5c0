"""`coffer plan` on a real API server: what would change, what is refused, what a store lacks; nothing is written."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import rsa

from manager.cli.main import main
from tests.builders.manifests import aws, aws_keys, canary, external_secret, fake, sealed_secret, secret, store
from tests.builders.sealed_vectors import certificate as certificate_of
from tests.e2e.oracles import assert_nothing_leaked
from tests.e2e.world import World


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "manifests.yaml"


def plan(world: World, file: Path, manifests: Sequence[Any], *options: str) -> Result:
    file.write_text(yaml.safe_dump_all(manifests))
    arguments = ["plan", f"--kubeconfig={world.plane.kubeconfig}", "-f", str(file), *options]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def keys(done: Result) -> list[dict[str, list[str]]]:
    return [each.get("keys", {}) for each in json.loads(done.stdout)["items"]]


def test_keys_that_would_be_added_changed_and_removed_are_named(world: World, file: Path) -> None:
    ns, values = world.namespace(), [canary() for _ in range(3)]
    world.apply(
        store(ns, "store", fake({"a": values[0], "b": values[1], "c": values[2]})),
        external_secret(ns, "x", "store", {"A": "a", "B": "b", "C": "c"}),
        sealed_secret(world.certificate, ns, "s", {"k": values[0], "old": values[1]}),
    )
    world.await_data(ns, "x", {"A": values[0], "B": values[1], "C": values[2]})
    world.await_data(ns, "s", {"k": values[0], "old": values[1]})
    before = world.mark()

    external = external_secret(ns, "x", "store", {"A": "a", "B": "c", "D": "a"})
    sealed = sealed_secret(world.certificate, ns, "s", {"k": values[2], "new": values[0]})
    done = plan(world, file, [external, sealed], "-o", "json")

    assert done.exit_code == 0, done.output
    assert keys(done) == [
        {"added": ["D"], "changed": ["B"], "removed": ["C"], "kept": ["A"]},
        {"added": ["new"], "changed": ["k"], "removed": ["old"], "kept": []},
    ]
    shown = plan(world, file, [external, sealed])
    assert "   + D: ***" in shown.stdout
    assert "   ~ B: ***" in shown.stdout
    assert_nothing_leaked(values, [("json", done.output), ("table", shown.output)])
    assert [
        each for each in world.audit.requests(before) if each.user == "admin" and each.verb not in {"get", "list"}
    ] == []


def test_what_a_store_does_not_have_is_told_unless_offline(world: World, file: Path) -> None:
    ns, value, remote = world.namespace(), canary(), f"remote-{world.unique}"
    world.moto.client().create_secret(Name=remote, SecretString=value)
    world.apply(
        secret(ns, "aws-credentials", aws_keys()), store(ns, "fake", fake({"a": value})), store(ns, "aws", aws())
    )
    world.await_ready("secretstores", ns, "aws")
    manifests = [
        external_secret(ns, "x", "fake", {"A": "a", "B": "absent"}),
        external_secret(ns, "y", "nowhere", {"A": "a"}),
        external_secret(ns, "z", "new", {"A": "a"}),
        store(ns, "new", fake({"a": "x"})),
    ]

    asked = plan(world, file, manifests)

    assert asked.exit_code == 1
    assert f"!  spec.data[1]: SecretStore {ns}/fake has no absent (looked in" in asked.stdout
    assert "spec.data[0]" not in asked.stdout
    assert f"!  SecretStore {ns}/nowhere is neither in the files nor in the cluster" in asked.stdout
    assert f"?  SecretStore {ns}/new: not asked: it is not in the cluster yet" in asked.stdout
    assert value not in asked.output
    assert "has no absent" not in plan(world, file, manifests, "--offline").stdout


def test_a_secret_of_somebody_else_is_refused_as_the_controller_would(world: World, file: Path) -> None:
    ns, value = world.namespace(), canary()
    world.apply(secret(ns, "mine", {"a": value}), store(ns, "store", fake({"a": value})))

    done = plan(
        world,
        file,
        [
            external_secret(ns, "mine", "store", {"A": "a"}),
            sealed_secret(world.certificate, ns, "mine", {"A": value}),
            external_secret(ns, "other", "store", {"A": "a"}, target={"name": "mine", "creationPolicy": "Merge"}),
        ],
        "--offline",
    )

    assert done.exit_code == 1
    assert "exists that is not this ExternalSecret's; rename the target" in done.stdout
    assert "already exists and is not managed by SealedSecret" in done.stdout
    assert done.stdout.count("!  ") == 2
    assert value not in done.output


def test_values_for_another_cluster_are_known_by_the_size_of_their_key(world: World, file: Path) -> None:
    ns, value = world.namespace(), canary()
    elsewhere = certificate_of(rsa.generate_private_key(public_exponent=65537, key_size=3072))
    certificate = file.with_name("cert.pem")
    certificate.write_bytes(world.certificate)
    good, foreign = (sealed_secret(each, ns, "s", {"k": value}) for each in (world.certificate, elsewhere))

    assert plan(world, file, [good], f"--cert={certificate}").exit_code == 0
    done = plan(world, file, [foreign], f"--cert={certificate}")
    assert done.exit_code == 1
    assert "spec.encryptedData[k]: sealed for a" in done.stdout
    assert value not in done.output
