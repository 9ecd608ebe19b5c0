"""The whole story on the running controller, with kubeseal and kubectl as a user runs them."""

import json
from pathlib import Path

import pytest
import yaml

from tests.builders.manifests import (
    MIRROR,
    allowed,
    canary,
    external_secret,
    fake,
    reflects,
    sealed_secret,
    secret,
    store,
)
from tests.e2e import kubeseals
from tests.e2e.story import Story
from tests.e2e.test_sealed import foreign_key
from tests.e2e.world import World


def test_the_story_runs_from_first_apply_to_last_withdrawal(world: World) -> None:
    Story(world).run()


def test_a_rotation_in_aws_shows_up_at_the_next_refresh(world: World) -> None:
    story = Story(world, refresh="2s")
    story.applied()
    story.settle()

    rotated = canary()
    world.moto.client().put_secret_value(SecretId=story.remote, SecretString=json.dumps({"url": rotated}))

    world.await_data(story.app, "database-credentials", {"DATABASE_URL": rotated}, timeout=5)
    assert world.moto.counts(story.access_key)["GetSecretValue"] >= 2


def test_nothing_asks_aws_before_it_is_time(world: World) -> None:
    story = Story(world)
    story.applied()
    story.settle()
    asked = world.moto.counts(story.access_key)["GetSecretValue"]
    assert asked == 1

    story.changed()
    story.settle()

    assert world.moto.counts(story.access_key)["GetSecretValue"] == 2


def test_each_part_starts_once_what_it_needs_appears(world: World) -> None:
    story = Story(world)
    data = {"DATABASE_URL": (story.remote, "url")}
    world.apply(external_secret(story.app, "database", "aws", data, target={"name": "database-credentials"}))
    world.await_condition("externalsecrets", story.app, "database", "False", text="aws")
    world.apply(story.store())
    condition = world.await_condition("secretstores", story.app, "aws", "False", text="aws-credentials")
    assert condition["reason"] == "InvalidProviderConfig"

    world.apply(story.credentials())

    world.await_data(story.app, "database-credentials", {"DATABASE_URL": story.values["url"]}, timeout=5)
    world.await_ready("secretstores", story.app, "aws")
    world.await_ready("externalsecrets", story.app, "database")


@pytest.mark.parametrize("program", ["ours", "original"])
def test_a_secret_sealed_by_kubeseal_appears_after_apply(world: World, program: str, tmp_path: Path) -> None:
    assert world.coffer is not None
    ns, values = world.namespace(), {"username": "app", "password": canary()}
    (tmp_path / "my-secret.yaml").write_text(yaml.safe_dump(secret(ns, "my-secret", values)))
    kubeseal = kubeseals.OURS if program == "ours" else kubeseals.original()

    files = ["-f", str(tmp_path / "my-secret.yaml"), "-w", str(tmp_path / "my-sealed-secret.yaml")]
    kubeseals.run(kubeseal, *files, "--format=yaml", f"--cert={world.coffer.url}/v1/cert.pem")
    assert not any(value in (tmp_path / "my-sealed-secret.yaml").read_text() for value in values.values())
    world.plane.kubectl("apply", "-f", str(tmp_path / "my-sealed-secret.yaml"))

    world.await_data(ns, "my-secret", values)


def test_caution_a_secret_sealed_for_another_cluster_says_so(world: World) -> None:
    ns = world.namespace()
    elsewhere = foreign_key()["tls.crt"].encode()
    world.apply(sealed_secret(elsewhere, ns, "my-secret", {"password": canary()}))

    message = world.await_condition("sealedsecrets", ns, "my-secret", "False", text="no key could decrypt")["message"]

    assert all(word in message for word in ("scope strict", f"namespace {ns}", "name my-secret", "1 key"))
    assert "another cluster" in message


def test_caution_an_annotation_in_the_wrong_place_is_pointed_out(world: World) -> None:
    ns = world.namespace()
    annotations = {f"{MIRROR}reflection-allowed": "true", f"{MIRROR}reflection-auto-enabled": "true"}

    world.apply(sealed_secret(world.certificate, ns, "auth", {"password": canary()}, annotations=annotations))

    event = world.await_event(ns, "auth", "MisplacedAnnotation")
    assert (event["type"], "spec.template.metadata" in event["message"]) == ("Warning", True)


def test_mirroring_an_external_secrets_target_is_warned_about(world: World) -> None:
    source, target, value = world.namespace(), world.namespace(), canary()
    world.apply(store(source, "store", fake({"remote": value})))
    manifest = external_secret(source, "db", "store", {"password": "remote"})
    manifest["metadata"]["annotations"] = allowed()
    world.apply(manifest, secret(target, "db", {"x": "x"}, annotations=reflects(source, "db")))

    world.await_data(target, "db", {"password": value})

    event = world.await_event(source, "db", "MirrorsExternalSecret", "its own identity")
    assert event["type"] == "Warning"


def test_kubectl_shows_how_each_part_is_doing(world: World) -> None:
    story = Story(world)
    story.applied()
    story.settle()

    listed = world.plane.kubectl("get", "sealedsecrets,secretstores,externalsecrets", f"--namespace={story.app}")

    for name in ("aws-credentials", "my-secret", "database", "aws"):
        assert name in listed
    assert "SecretSynced" in listed
    assert "Valid" in listed
