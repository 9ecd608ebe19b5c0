"""`coffer status`: what Coffer does in a cluster, and what needs a person."""

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from manager import VERSION
from manager.command_line import (
    NEEDS_A_PERSON,
    Verdict,
    cluster_options,
    namespace_options,
    output_option,
    show,
    tell_nothing,
)
from manager.core.errors import Forbidden
from manager.progress import run
from manager.settings.load import load, settings_file

if TYPE_CHECKING:
    from manager.cli.status.summary import Status
    from manager.kube.client import KubeClient
    from manager.settings.model import Settings


@click.command(cls=Verdict)
@cluster_options
@namespace_options
@output_option
@click.option("--config", help="The controller's settings file, for its rules.", metavar="FILE")
@click.option("--controller-namespace", "own", default="", help="Coffer's namespace.", metavar="NAME")
def status(namespace: str, output: str, config: str | None, own: str, **cluster: str) -> None:
    """Show what Coffer does, what fails, and what needs a person.

    Who writes, what there is of each kind, what fails longest and why. Reads objects and their conditions; of Secrets
    metadata only. What this user may not read is named and left out. With -n only the objects of that namespace, and
    cluster-wide ones. Ends with 0 if nothing needs a person, with 1 if
    something does, and with 2 if the cluster cannot be read.
    """
    from manager.cli.status.rendering import lines, names, records

    settings = load({}, os.environ, settings_file(config))
    place = Place(**cluster, own=own or settings.process.namespace or "kube-system", namespace=namespace)
    found = run(_read(place, settings))
    show(output, lines(found, time.time()), records(found), names(found))
    tell_nothing(output, found.counts, namespace)
    sys.exit(0 if found.healthy else NEEDS_A_PERSON)


@dataclass(frozen=True)
class Place:
    """What is looked at."""

    kubeconfig: str
    context: str
    own: str
    """Coffer's namespace."""
    namespace: str
    """The namespace whose objects are shown; empty for all."""


async def _read(place: Place, settings: "Settings") -> "Status":
    from manager.cli.status.observed import observe
    from manager.cli.status.summary import summarized
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    client = KubeClient(await connect(place.kubeconfig, place.context), f"coffer/{VERSION}")
    try:
        looking = observe(client, place.own, settings.lease.name, place.namespace)
        observed, mirrors = await asyncio.gather(looking, _mirrors(client, settings, place))
        observed.unread += ["mirrors"] if mirrors is None else []
        return summarized(observed, mirrors or (), time.time())
    finally:
        await client.close()


async def _mirrors(client: "KubeClient", settings: "Settings", place: Place) -> list[str] | None:
    """Return the states of mirrors; None if this user may not read them."""
    from reflector.commands import MirrorListing

    listing = MirrorListing(settings.reflector, place.own, settings.modules.namespaces)
    try:
        await listing.read(client)
    except Forbidden:
        return None
    return list(listing.states(place.namespace))
