"""The `coffer` command."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import yaml

from manager import VERSION
from manager.errors import CofferError, SettingsError
from manager.settings import Settings, load, option_names

if TYPE_CHECKING:
    from manager.app import Ending


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """One controller for every Secret in a Kubernetes cluster."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"coffer version: {VERSION}")


def run(config: str | None, **flags: Any) -> None:
    """Run the controller: in a cluster, or anywhere with --kubeconfig or KUBECONFIG."""
    try:
        from manager import app  # here: `coffer version` must not pay for kopf
        from manager.runtime import logging
        from manager.runtime.controller import describe
    except ModuleNotFoundError as error:  # kubeseal installs alone, and brings this command along
        raise click.ClickException(f"{error.name} is missing; pip install 'coffer[controller]'") from error
    try:
        settings = load(flags, os.environ, _document(config))
        logging.setup(settings.process.log_level, settings.process.log_format)
        asyncio.run(app.run(settings, _end))
    except CofferError as error:
        raise click.ClickException(str(error)) from error
    except Exception as error:  # a traceback would print texts of libraries, which may quote values
        raise click.ClickException(f"unexpected: {describe(error)}") from None


@main.command()
@click.option(
    "--kubeconfig", default="", help="Kubeconfig file; KUBECONFIG or ~/.kube/config otherwise.", metavar="FILE"
)
@click.option("--context", default="", help="Context of the kubeconfig.")
@click.option("--config", help="The controller's settings file: its rules decide here too.", metavar="FILE")
@click.option("-n", "--namespace", default="", help="Only sources of this namespace.")
@click.option("--plan", "target", default="", help="What a change would do: secret/NAMESPACE/NAME.", metavar="OBJECT")
@click.argument("annotations", nargs=-1)
def mirrors(kubeconfig: str, context: str, config: str | None, namespace: str, target: str, annotations: Any) -> None:
    """List sources with their mirrors and state, or plan a change.

    With --plan, ANNOTATIONS are NAME=VALUE or NAME- (as in kubectl annotate), the prefix may be left out; nothing is
    written. Needs only the right to list Secrets, ConfigMaps and namespaces; of Secrets only metadata is read.
    """
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect
    from reflector.listing import Edit, Listing, printable

    async def lines() -> list[str]:
        settings = load({}, os.environ, _document(config))
        listing = Listing(settings.reflector, settings.process.namespace)
        client = KubeClient(await connect(kubeconfig, context), f"coffer/{VERSION}")
        try:
            await listing.read(client, Edit.parse(target, annotations) if target else None)
        finally:
            await client.close()
        return [printable(line) for line in (listing.changes() if target else listing.tree(namespace))]

    try:
        for line in asyncio.run(lines()):
            click.echo(line)
    except CofferError as error:
        raise click.ClickException(str(error)) from error


def _end(ending: "Ending") -> NoReturn:
    sys.stdout.flush()
    if ending.name == "AGAIN":
        arguments = [sys.executable, *sys.orig_argv[1:]]
        os.execv(sys.executable, arguments)
    os._exit(ending)


def _document(config: str | None) -> object:
    if not config:
        return None
    try:
        return yaml.safe_load(Path(config).read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"--config {config}: {type(error).__name__}") from error


def _options() -> list[click.Parameter]:
    options: list[click.Parameter] = [
        click.Option(["--config"], help="YAML file with the same settings, one mapping a section.", metavar="FILE"),
    ]
    for section, name, kind, text in option_names():
        flag = f"--{section}-{name}".replace("_", "-")
        names = [flag, f"{section}_{name}"] + (["--kubeconfig"] if flag == "--process-kubeconfig" else [])
        default = getattr(getattr(Settings(), section), name)
        shown = ",".join(default) if isinstance(default, tuple) else default
        options.append(click.Option(names, help=f"{text}  [default: {shown}]", metavar=_metavar(kind)))
    return options


def _metavar(kind: type) -> str:
    return {bool: "BOOL", int: "N", float: "SECONDS", str: "TEXT"}.get(kind, "A,B")


main.add_command(click.Command("run", callback=run, params=_options(), help=run.__doc__))
