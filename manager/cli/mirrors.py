"""`coffer mirrors`: list sources with their mirrors, or plan a change."""

import os
from dataclasses import dataclass
from typing import Any

import click

from manager import VERSION
from manager.command_line import Told, cluster_options, namespace_options, output_option, show, tell_nothing
from manager.core.errors import SettingsError
from manager.progress import run
from manager.settings.load import load, settings_file


@dataclass(frozen=True)
class MirrorsOptions:
    """The options of `coffer mirrors`."""

    kubeconfig: str
    context: str
    config: str | None
    namespace: str
    own: str
    target: str
    output: str


@click.command(cls=Told)
@cluster_options
@namespace_options
@output_option
@click.option("--config", help="The controller's settings file, for its rules.", metavar="FILE")
@click.option("--controller-namespace", "own", default="", help="Coffer's; it gets no mirrors.", metavar="NAME")
@click.option(
    "--plan", "target", default="", help="Source whose change is shown: secret/NAMESPACE/NAME.", metavar="OBJECT"
)
@click.argument("annotations", nargs=-1)
def mirrors(annotations: tuple[str, ...], **given: Any) -> None:
    """List sources with their mirrors, or plan a change.

    With -n, the sources in that namespace, and those whose mirrors or pulls lie there, with these alone. With --plan,
    ANNOTATIONS are NAME=VALUE or NAME- (as in kubectl annotate), the prefix may be left out; nothing is
    written. Needs only the right to list Secrets, ConfigMaps and namespaces; of Secrets only metadata is read. If the
    settings have modules.scope, the rights in these namespaces suffice.
    """
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect
    from reflector.commands import Edit, MirrorListing

    options = MirrorsOptions(**given)
    target, namespace = options.target, options.namespace
    if annotations and not target:
        raise SettingsError("ANNOTATIONS need --plan secret/NAMESPACE/NAME: nothing is planned without it")
    if target and options.output != "table":
        raise SettingsError(f"-o {options.output}: a plan is printed as a table only")

    async def read() -> MirrorListing:
        settings = load({}, os.environ, settings_file(options.config))
        own = options.own or settings.process.namespace
        listing = MirrorListing(settings.reflector, own, settings.modules.namespaces)
        client = KubeClient(await connect(options.kubeconfig, options.context), f"coffer/{VERSION}")
        try:
            await listing.read(client, Edit.parse(target, annotations) if target else None)
        finally:
            await client.close()
        return listing

    found = run(read())
    if target:
        show("table", found.changes(), [], [])
        return
    records = found.records(namespace)
    show(options.output, found.tree(namespace), records, found.names(namespace))
    tell_nothing(options.output, records, namespace)
