"""`coffer keys` and `coffer seal edit` on a real API server."""

import os
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from tests.builders.manifests import SEALED, canary, sealed_secret
from tests.cluster.kube import Object
from tests.cluster.wait import wait_until
from tests.controller import COMMAND, Coffer
from tests.e2e.conftest import MakeCoffer
from tests.e2e.world import DEFAULT_TIMEOUT_SECONDS, World

LABEL = f"{SEALED}sealed-secrets-key"


def coffer(world: World, *arguments: str, succeeds: bool = True, **environment: str) -> str:
    """Run a command as the cluster's administrator; return its output."""
    home = world.coffer.installation.namespace if world.coffer else ""
    command = [str(COMMAND), *arguments, "-n", home, "--kubeconfig", str(world.plane.kubeconfig)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )
    assert (done.returncode == 0) is succeeds, done.stdout + done.stderr
    return done.stdout + done.stderr


def keys(world: World) -> list[Object]:
    assert world.coffer is not None
    return world.kube.list("secrets", world.coffer.installation.namespace, labelSelector=f"{LABEL}=active")


def await_keys(controller: Coffer, number: int) -> None:
    """Wait until the controller knows this many keys, at most as long as promised."""
    wait_until(lambda: controller.metric("coffer_sealing_keys") == number, timeout=5, what=f"{number} keys")


def test_a_key_is_replaced_and_retired_with_evidence(arena: World, arena_coffer: MakeCoffer, tmp_path: Path) -> None:
    controller = arena_coffer()
    ns, values = arena.namespace(), {"foo": canary()}
    arena.apply(sealed_secret(controller.certificate(), ns, "app", values))
    arena.await_data(ns, "app", values)
    [first] = [each["metadata"] for each in keys(arena)]
    old, made = first["name"], datetime.fromisoformat(first["creationTimestamp"])
    saved = tmp_path / "keys.yaml"
    wait_until(lambda: datetime.now(UTC) > made + timedelta(seconds=1))  # keys of one second have no order

    coffer(arena, "keys", "rotate", "--key-size", "2048")
    await_keys(controller, 2)
    coffer(arena, "keys", "backup", str(saved))
    listed = coffer(arena, "keys", "list")

    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    line = next(each for each in listed.splitlines() if each.startswith(old))
    assert line.split()[-2] == "1"
    assert "current" not in line
    assert "current" in listed
    assert f"    {ns}/app\n" in coffer(arena, "keys", "list", "--objects")

    refused = coffer(arena, "keys", "retire", old, succeeds=False)
    assert f"{ns}/app" in refused
    assert len(keys(arena)) == 2

    arena.apply(sealed_secret(controller.certificate(), ns, "app", values))
    coffer(arena, "keys", "retire", old)
    await_keys(controller, 1)

    coffer(arena, "keys", "restore", str(saved))
    await_keys(controller, 2)
    assert arena.data(ns, "app") == values


def test_a_value_is_edited_by_who_may_read_the_secret(arena: World, arena_coffer: MakeCoffer, tmp_path: Path) -> None:
    controller = arena_coffer()
    ns, before, after = arena.namespace(), {"kept": canary(), "changed": canary()}, canary()
    manifest = sealed_secret(controller.certificate(), ns, "app", before)
    [applied] = arena.apply(manifest)
    arena.await_data(ns, "app", before)
    arena.await_ready("sealedsecrets", ns, "app")
    file, pem, editor = tmp_path / "app.yaml", tmp_path / "cert.pem", tmp_path / "editor"
    file.write_text("# ask ops\n" + yaml.safe_dump(manifest))
    pem.write_bytes(controller.certificate())
    editor.write_text(f"#!/bin/sh\nsed -i 's|{before['changed']}|{after}|' \"$1\"\n")
    editor.chmod(0o700)

    said = coffer(arena, "seal", "edit", str(file), "--cert", str(pem), EDITOR=str(editor), VISUAL="")

    edited = yaml.safe_load(file.read_text())
    assert "1 sealed, 0 removed" in said
    assert edited["spec"]["encryptedData"]["kept"] == applied["spec"]["encryptedData"]["kept"]
    arena.apply(edited)
    arena.await_data(ns, "app", {"kept": before["kept"], "changed": after}, timeout=DEFAULT_TIMEOUT_SECONDS)
