"""Runs both kubeseals as a user does: the project's own, and the original, built for the tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.cluster import build
from tests.cluster.forked import ForkServer
from tests.cluster.kube import Object

OURS = Path(sys.executable).with_name("kubeseal")


class KubesealFailed(Exception):
    """kubeseal ended with an error; the message is its output."""


def original() -> Path:
    """Return the original's program; build it if it is missing."""
    return build.binary("kubeseal")


def ready() -> ForkServer:
    """Return our program as a fork server, for tests with many runs; the same code without its start."""
    return ForkServer(OURS, "sealed.kubeseal.cli", "sealed.kubeseal", "manager.access")


def run(program: Path, *arguments: str, stdin: str = "", kubeconfig: Path | str = os.devnull) -> str:
    """Run a kubeseal and return what it prints. Raises KubesealFailed."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    command = [str(program), *arguments]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    if done.returncode:
        raise KubesealFailed(done.stderr.strip())
    return done.stdout


def seal(program: Path, secret: Object, *arguments: str, kubeconfig: Path | str = os.devnull) -> Object:
    """Seal a manifest through standard input and output."""
    sealed: Object = yaml.safe_load(run(program, *arguments, stdin=json.dumps(secret), kubeconfig=kubeconfig))
    return sealed
