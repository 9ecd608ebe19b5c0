"""The `coffer` command."""

import asyncio
import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from manager import VERSION
from manager.core.errors import AccessError, CofferError
from manager.core.optional_imports import UNUSED, without
from manager.options import EVERYWHERE, inherited, unscoped
from manager.settings.load import load, option_names, settings_file
from manager.settings.model import Settings
from manager.settings.predecessors import WITHOUT_EFFECT, aliases, bare_switches, ignored

if TYPE_CHECKING:
    from manager.app import Ending

OF_MODULES = {
    "completion": "manager.cli.completion",
    "cost": "external.commands",
    "crds": "manager.cli.crds",
    "doctor": "manager.cli.doctor.commands",
    "explain": "manager.cli.explain.commands",
    "keys": "sealed.commands",
    "lint": "manager.cli.lint.commands",
    "migrate": "manager.cli.migrate.commands",
    "mirrors": "manager.cli.mirrors",
    "plan": "manager.cli.plan.commands",
    "refresh": "manager.cli.refresh.commands",
    "seal": "sealed.commands",
    "status": "manager.cli.status.commands",
    "tree": "manager.cli.explain.commands",
}


EVERY_COMMAND = "For every command."
KUBECTL = {"--process-kubeconfig": ["--kubeconfig"], "--process-context": ["--context"]}
"""Our flags -> kubectl's, which every other command has."""


class Commands(click.Group):
    """Loads the commands of a module when they are used, so that the other commands start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *OF_MODULES})

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
@click.option("--kubeconfig", help=EVERY_COMMAND, metavar="FILE")
@click.option("--context", help=EVERY_COMMAND, metavar="NAME")
@click.option("-n", "--namespace", help=EVERY_COMMAND, metavar="NAME")
@click.option("-A", "--all-namespaces", is_flag=True, help=EVERY_COMMAND)
@click.option("-o", "--output", help=EVERY_COMMAND, metavar="FORMAT")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def main(all_namespaces: bool, **_: Any) -> None:
    """One controller for every Secret in a Kubernetes cluster.

    kubectl's options may stand before or after the command.
    """
    click.get_current_context().meta[EVERYWHERE] = all_namespaces


def plugin() -> None:
    """Run as `kubectl coffer`: kubectl finds the script `kubectl-coffer` on the PATH."""
    main(prog_name="kubectl coffer", complete_var="_COFFER_COMPLETE")


@main.command()
@unscoped
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "yaml"]),
    default=inherited("output", "text"),
    show_default="text",
    help="Output format.",
)
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
    for name in ("kubeconfig", "context"):  # they may stand before the command
        flags[f"process_{name}"] = flags[f"process_{name}"] or inherited(name)() or None
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
