"""The `coffer` command."""

import asyncio
import functools
import importlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import click

from manager import VERSION
from manager.core.errors import AccessError, CofferError, SettingsError
from manager.core.optional_imports import UNUSED, without
from manager.settings.load import load, option_names, settings_file
from manager.settings.model import Settings
from manager.settings.predecessors import WITHOUT_EFFECT, aliases, bare_switches, ignored

if TYPE_CHECKING:
    from manager.app import Ending

OF_MODULES = {
    "cost": "external.commands",
    "crds": "manager.cli.crds",
    "keys": "sealed.commands",
    "migrate": "manager.cli.migrate.commands",
    "seal": "sealed.commands",
    "status": "manager.cli.status.commands",
}


KUBECTL = {"--process-kubeconfig": ["--kubeconfig"], "--process-context": ["--context"]}
"""Our flags -> kubectl's, which every other command has."""


class Commands(click.Group):
    """Loads the commands of a module when they are used, so that the other commands start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *OF_MODULES, "mirrors"})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named. For an unknown one, suggest of all commands the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click knows only the commands that are loaded
            raise click.NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command by name."""
        if name == "mirrors":
            try:
                return _mirrors()
            except ModuleNotFoundError as error:
                raise _missing(error) from error
        if name not in OF_MODULES:
            return super().get_command(ctx, name)
        try:
            command: click.Command = getattr(importlib.import_module(OF_MODULES[name]), name)
        except ModuleNotFoundError as error:
            raise _missing(error) from error
        return command


def _missing(error: ModuleNotFoundError) -> click.ClickException:
    return click.ClickException(
        f"{error.name} is missing: only kubeseal is installed; use Coffer's image, or install its extra `controller`"
    )


def _print_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"coffer version: {VERSION}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def main() -> None:
    """One controller for every Secret in a Kubernetes cluster."""


@main.command()
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="Output format.")
def version(output: str) -> None:
    """Print the version, the commit, and what it is made of.

    These are the versions of what decides how it behaves: Python, packages, and the modules of the template sandbox.
    """
    from manager.cli.version import described, lines

    if output == "yaml":
        import yaml

        click.echo(yaml.safe_dump(described(), sort_keys=False), nl=False)
        return
    click.echo(json.dumps(described(), indent=2) if output == "json" else "\n".join(lines()))


class RunCommand(click.Command):
    """Accepts the flags of the replaced controllers too, and switches without a value as Go does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add the value to switches that have none."""
        return super().parse_args(ctx, bare_switches(args))


def run(config: str | None, **flags: Any) -> None:
    """Run the controller, in a cluster or anywhere.

    Outside of a cluster it needs --kubeconfig or KUBECONFIG.
    """
    try:
        with without(*UNUSED):
            import structlog

            from manager import app  # imported here, so that `coffer version` does not load kopf
            from manager.runtime import logging
            from manager.runtime.controller import describe
    except ModuleNotFoundError as error:  # an installation of kubeseal only has this command too
        raise _missing(error) from error
    unused = [flag for flag in WITHOUT_EFFECT if flags.pop(f"unused_{flag.replace('-', '_')}") is not None]
    try:
        settings = load(flags, os.environ, settings_file(config))
        logging.setup(settings.process.log_level, settings.process.log_format)
        for name, why in ignored(unused, os.environ).items():
            structlog.get_logger(__name__).warning("accepted without effect", name=name, reason=why)
        asyncio.run(app.run(settings, _end))
    except AccessError as error:
        from manager.command_line import told

        raise click.ClickException(told(error)) from None
    except CofferError as error:
        raise click.ClickException(str(error)) from error
    except Exception as error:  # a traceback would print texts of libraries, which may quote values
        raise click.ClickException(f"unexpected: {describe(error)}") from None


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


@click.command()
@click.option("--config", help="The controller's settings file, for its rules.", metavar="FILE")
@click.option("--controller-namespace", "own", default="", help="Coffer's; it gets no mirrors.", metavar="NAME")
@click.option(
    "--plan", "target", default="", help="Source whose change is shown: secret/NAMESPACE/NAME.", metavar="OBJECT"
)
@click.argument("annotations", nargs=-1)
def mirrors(annotations: tuple[str, ...], **given: Any) -> None:
    """List sources with their mirrors and state, or plan a change.

    With -n, the sources in that namespace, and those whose mirrors or pulls lie there, with these alone. With --plan,
    ANNOTATIONS are NAME=VALUE or NAME- (as in kubectl annotate), the prefix may be left out; nothing is
    written. Needs only the right to list Secrets, ConfigMaps and namespaces; of Secrets only metadata is read. If the
    settings have modules.scope, the rights in these namespaces suffice.
    """
    from manager.command_line import show, tell_nothing
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect
    from reflector.commands import Edit, MirrorListing, printable

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

    found = asyncio.run(read())
    if target:
        show("table", [printable(line) for line in found.changes()], [], [])
        return
    records = found.records(namespace)
    show(options.output, map(printable, found.tree(namespace)), records, found.names(namespace))
    tell_nothing(options.output, records, namespace)


@functools.cache
def _mirrors() -> click.Command:
    """Return the command with the shared options; an installation of kubeseal only cannot import them."""
    from manager.command_line import Told, cluster_options, namespace_options, output_option

    shared = cluster_options(namespace_options(output_option(mirrors.callback or mirrors)))
    options = [*mirrors.params, *reversed(getattr(shared, "__click_params__", []))]
    return Told("mirrors", callback=mirrors.callback, params=options, help=mirrors.help)


def _end(ending: "Ending") -> NoReturn:
    sys.stdout.flush()
    if ending.name == "AGAIN":
        arguments = [sys.executable, *sys.orig_argv[1:]]
        os.execv(sys.executable, arguments)
    os._exit(ending)


def _options() -> list[click.Parameter]:
    options: list[click.Parameter] = [
        click.Option(["--config"], help="YAML file with the same settings, one mapping a section.", metavar="FILE"),
    ]
    for section, name, kind, text in option_names():
        flag = f"--{section}-{name}".replace("_", "-")
        others = [f"--{each}" for each in aliases(section, name)]
        names = [flag, f"{section}_{name}", *others, *KUBECTL.get(flag, [])]
        default = getattr(getattr(Settings(), section), name)
        shown = ",".join(default) if isinstance(default, tuple) else default
        options.append(click.Option(names, help=f"{text}  [default: {shown}]", metavar=_metavar(kind)))
    unused = (click.Option([f"--{each}", f"unused_{each.replace('-', '_')}"], hidden=True) for each in WITHOUT_EFFECT)
    return [*options, *unused]


def _metavar(kind: type) -> str:
    return {bool: "BOOL", int: "N", float: "SECONDS", str: "TEXT"}.get(kind, "A,B")


main.add_command(RunCommand("run", callback=run, params=_options(), help=run.__doc__))
