"""`coffer explain KIND NAMESPACE/NAME` and `coffer tree`: one object, from its beginnings to the Pods that run it."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from manager import VERSION
from manager.chain.subjects import subject
from manager.command_line import NEEDS_A_PERSON, Verdict, cluster_options, namespace_options, output_option, show
from manager.progress import run
from manager.settings.load import load, settings_file

if TYPE_CHECKING:
    from manager.chain.model import Explanation


@dataclass(frozen=True)
class Asked:
    """What is asked for, and of which cluster."""

    kubeconfig: str
    context: str
    namespace: str
    config: str | None
    own: str


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--config", help="The controller's settings file, for its rules.", metavar="FILE")(command)
    command = click.option("--controller-namespace", "own", default="", help="Coffer's.", metavar="NAME")(command)
    command = click.argument("kind")(click.argument("name", metavar="NAMESPACE/NAME")(command))
    return cluster_options(namespace_options(output_option(command)))


@click.command(cls=Verdict)
@_options
def explain(kind: str, name: str, output: str, **where: Any) -> None:
    """Tell where an object's values come from, and who has them.

    KIND is secret, externalsecret, sealedsecret, store (secretstore, clustersecretstore), mirror or configmap. Shows
    each key with its origin; what changes it next; what stops it, with the cure; owners, field managers and mirrors;
    which workloads use it, and which Pods started before its last change. Names only: of Secrets metadata is read. Ends
    with 1 if something needs a person, and with 2 if the cluster cannot be read.
    """
    from manager.chain.record import record
    from manager.cli.explain import rendering

    found = run(_explained(Asked(**where), kind, name))
    show(output, rendering.lines(found, time.time()), [record(found)], rendering.names(found))
    sys.exit(NEEDS_A_PERSON if found.faults or not found.exists else 0)


@click.command(cls=Verdict)
@_options
def tree(kind: str, name: str, output: str, **where: Any) -> None:
    """Draw the chain from sealed and store to mirrored and running.

    KIND as for `coffer explain`. `!` marks what fails, `?` what is doubtful.
    """
    from manager.chain.record import record
    from manager.cli.explain import rendering

    found = run(_explained(Asked(**where), kind, name, deep=True))
    show(output, rendering.tree_lines(found.trees), [record(found)], rendering.names(found))


async def _explained(asked: Asked, kind: str, name: str, *, deep: bool = False) -> "Explanation":
    from manager.chain.explained import explained
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    word, key = subject(kind, name, asked.namespace)
    settings = load({}, os.environ, settings_file(asked.config))
    own = asked.own or settings.process.namespace or "kube-system"
    client = KubeClient(await connect(asked.kubeconfig, asked.context), f"coffer/{VERSION}")
    try:
        return await explained(client, settings, own, (word, key), deep=deep)
    finally:
        await client.close()
