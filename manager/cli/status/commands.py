"""`coffer status`: what Coffer does in a cluster, and what needs a person."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from manager import VERSION
from manager.command_line import cluster_options, output_option, show, tell_nothing, told
from manager.core.errors import CofferError, Forbidden
from manager.settings.load import load, settings_file

if TYPE_CHECKING:
    from manager.cli.status.summary import Status
    from manager.kube.client import KubeClient
    from manager.settings.model import Settings

NEEDS_A_PERSON, CANNOT_READ = 1, 2


class CannotRead(click.ClickException):
    """Ends with a code of its own, so that scripts tell a cluster that fails from one that was not read."""

    exit_code = CANNOT_READ


class StatusCommand(click.Command):
    """Tells errors in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except CofferError as error:
            raise CannotRead(told(error)) from None


@click.command(cls=StatusCommand)
@cluster_options
@output_option
@click.option("--config", help="The controller's settings file, for its rules.", metavar="FILE")
@click.option("--controller-namespace", "own", default="", help="Coffer's namespace.", metavar="NAME")
def status(kubeconfig: str, context: str, output: str, config: str | None, own: str) -> None:
    """Show what Coffer does, what fails, and what needs a person.

    Who writes, what there is of each kind, what fails longest and why. Reads objects and their conditions; of Secrets
    metadata only. What this user may not read is named and left out. Ends with 0 if nothing needs a person, with 1 if
    something does, and with 2 if the cluster cannot be read.
    """
    from manager.cli.status.rendering import lines, names, records

    settings = load({}, os.environ, settings_file(config))
    found = asyncio.run(_read(kubeconfig, context, settings, own or settings.process.namespace or "kube-system"))
    show(output, lines(found, time.time()), records(found), names(found))
    tell_nothing(output, found.counts)
    sys.exit(0 if found.healthy else NEEDS_A_PERSON)


async def _read(kubeconfig: str, context: str, settings: "Settings", own: str) -> "Status":
    from manager.cli.status.observed import observe
    from manager.cli.status.summary import summarized
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    client = KubeClient(await connect(kubeconfig, context), f"coffer/{VERSION}")
    try:
        observed = await observe(client, own, settings.lease.name)
        try:
            mirrors = list(await _mirrors(client, settings, own))
        except Forbidden:
            mirrors = []
            observed.unread.append("mirrors")
        return summarized(observed, mirrors, time.time())
    finally:
        await client.close()


async def _mirrors(client: "KubeClient", settings: "Settings", own: str) -> Iterator[str]:
    from reflector.commands import MirrorListing

    listing = MirrorListing(settings.reflector, own, settings.modules.namespaces)
    await listing.read(client)
    return listing.states()
