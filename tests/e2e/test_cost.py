"""`coffer cost` as an administrator runs it."""

import subprocess
import sys
from pathlib import Path

from tests.builders.manifests import aws, aws_keys, external_secret, fake, secret, store
from tests.e2e.world import World


def cost(world: World, *arguments: str) -> list[str]:
    """Run the command; return its lines."""
    command = [str(Path(sys.executable).with_name("coffer")), "cost", f"--kubeconfig={world.plane.kubeconfig}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_bill_is_explained_store_by_store(world: World) -> None:
    ns = world.namespace()
    world.apply(secret(ns, "aws-credentials", aws_keys()), store(ns, "aws", aws()), store(ns, "fake", fake({"a": "b"})))
    for at in range(3):
        data = {"user": ("remote", "user"), "password": ("remote", "password")}
        world.apply(external_secret(ns, f"app-{at}", "aws", data, refreshInterval="1m"))
    world.apply(external_secret(ns, "once", "fake", {"k": "a"}, refreshPolicy="CreatedOnce"))

    lines = cost(world, "-n", ns)

    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows[f"{ns}/aws"] == ["AWS/SecretsManager", "3", "1", "43,200", "$0.22", "129,600", "$0.65"]
    assert rows[f"{ns}/fake"] == ["fake", "1", "0", "0", "-", "0", "-"]
    assert f'{ns}/aws: "remote" is read every 60 s; at 5m it would cost 20% of that' in lines
    assert f"{ns}/fake: 1 of them read once, or when they change" in lines
    assert any(f"{ns}/aws" in line for line in cost(world))
