"""`coffer explain KIND NAMESPACE/NAME` and `coffer tree`: one object, from its beginnings to the Pods that run it."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from manager import VERSION
from manager.cli.explain.subjects import MIRROR, STORE, subject
from manager.command_line import NEEDS_A_PERSON, Verdict, cluster_options, namespace_options, output_option, show
from manager.kube.resources import CLUSTER_SECRET_STORES, CONFIGMAPS, EXTERNAL_SECRETS, SEALED_SECRETS, SECRETS, Key
from manager.settings.load import load, settings_file

if TYPE_CHECKING:
    from manager.chain.explanation import Explainer
    from manager.chain.model import Explanation
    from manager.chain.reading import ChainReader


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
    from manager.cli.explain import rendering

    found = asyncio.run(_explained(Asked(**where), kind, name))
    show(output, rendering.lines(found, time.time()), [rendering.record(found)], rendering.names(found))
    sys.exit(NEEDS_A_PERSON if found.faults or not found.exists else 0)


@click.command(cls=Verdict)
@_options
def tree(kind: str, name: str, output: str, **where: Any) -> None:
    """Draw the chain from sealed and store to mirrored and running.

    KIND as for `coffer explain`. `!` marks what fails, `?` what is doubtful.
    """
    from manager.cli.explain import rendering

    found = asyncio.run(_explained(Asked(**where), kind, name, deep=True))
    show(output, rendering.tree_lines(found.trees), [rendering.record(found)], rendering.names(found))


async def _explained(asked: Asked, kind: str, name: str, *, deep: bool = False) -> "Explanation":
    from manager.chain.explanation import Explainer
    from manager.chain.reading import ChainReader
    from manager.chain.snapshot import Snapshot
    from manager.core.clock import SystemClock
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect
    from reflector.view import ViewBuilder

    word, key = subject(kind, name, asked.namespace)
    settings = load({}, os.environ, settings_file(asked.config))
    own = asked.own or settings.process.namespace or "kube-system"
    snapshot = Snapshot(time.time(), own)
    builder = ViewBuilder(snapshot.cache, settings.reflector, own, SystemClock(), settings.modules.namespaces)
    client = KubeClient(await connect(asked.kubeconfig, asked.context), f"coffer/{VERSION}")
    try:
        reader = ChainReader(client, snapshot, builder, settings.lease.name)
        explainer = Explainer(snapshot, builder, settings.reflector.provenance)
        return await _of_kind(reader, explainer, (word, key), deep=deep)
    finally:
        await client.close()


async def _of_kind(
    reader: "ChainReader", explainer: "Explainer", asked: tuple[str, Key], *, deep: bool
) -> "Explanation":
    word, key = asked
    await reader.subject(key)
    if word == STORE or key.resource.kind.endswith("SecretStore"):
        await reader.store(key, None if key.resource is CLUSTER_SECRET_STORES else key.namespace)
        return explainer.store(key)
    if key.resource is EXTERNAL_SECRETS:
        target = await reader.external(key)
        if target is None:
            return explainer.external(key)
        await reader.secret(target)
        return await _deep(reader, explainer, target, key, deep=deep)
    if key.resource is SEALED_SECRETS:
        target = Key(SECRETS, key.namespace, key.name)
        await reader.secret(target)
        return await _deep(reader, explainer, target, key, deep=deep)
    await reader.secret(key)
    if word == MIRROR and reader.snapshot.body(key) is None:
        key = Key(CONFIGMAPS, key.namespace, key.name)
        await reader.subject(key)
        await reader.secret(key)
    return await _deep(reader, explainer, key, None, deep=deep)


async def _deep(
    reader: "ChainReader", explainer: "Explainer", key: Key, shown: Key | None, *, deep: bool
) -> "Explanation":
    """Explain a Secret; for a tree read what runs on its mirrors, too."""
    if deep:
        await reader.workloads_of(each.key for each in explainer.secret(key).mirrors)
    return explainer.secret(key, shown)
