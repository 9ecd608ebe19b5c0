"""The command line: flags and their variables (sealed-secrets.md 7.1). Loads nothing that `--help` does not need."""

import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

SCOPES = ("strict", "namespace-wide", "cluster-wide")
SHORT_WITH_EQUALS = re.compile("^-([fnow])=(.*)$", re.DOTALL)

Command = TypeVar("Command", bound=Callable[..., Any])


class GoCommand(click.Command):
    """Reads its arguments as Go's flag library does: `--raw=false` and `-o=yaml` are understood."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrite what click does not know: every switch gets its value, no short option an equals sign."""
        options = [each for each in self.params if isinstance(each, click.Option)]
        switches = {name for each in options if each.type is click.BOOL and not each.is_flag for name in each.opts}
        end = args.index("--") if "--" in args else len(args)
        flags = [f"{each}=true" if each in switches else SHORT_WITH_EQUALS.sub(r"-\1\2", each) for each in args[:end]]
        try:
            return super().parse_args(ctx, flags + args[end:])
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # without it the usage is not shown
            raise


def _option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    name = next(each for each in names if each.startswith("--")).lstrip("-")
    variable = f"SEALED_SECRETS_{name.replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, show_default=bool(settings.get("default")), **settings)


def _switch(name: str, **settings: Any) -> Callable[[Command], Command]:
    return _option(name, type=click.BOOL, default=False, metavar=" ", **settings)


def _scope(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value not in ("", *SCOPES):
        raise click.BadParameter(f"must be one of: {', '.join(SCOPES)}")
    return value or "strict"


@click.command(
    "kubeseal",
    cls=GoCommand,
    context_settings={"help_option_names": ["-h", "--help"], "allow_extra_args": True},
)
@_option("-f", "--secret-file", default="", help="Secret to seal; standard input when absent.")
@_option("-w", "--sealed-secret-file", default="", help="Where to write; standard output when absent.")
@_option("-o", "--format", "output_format", default="json", help="json or yaml.")
@_option("--cert", default="", help="Certificate: a file or a URL. Otherwise the controller is asked.")
@_switch("--fetch-cert", help="Print the controller's certificate.")
@_option("--scope", default="strict", callback=_scope, help=f"{SCOPES[0]}, {SCOPES[1]} or {SCOPES[2]}.")
@_option("--name", default="", help="Name of the SealedSecret; needed with --raw and strict scope.")
@_option("-n", "--namespace", default="", help="Namespace, for a Secret that names none.")
@_switch("--raw", help="Seal one value and print only that.")
@_option("--from-file", multiple=True, help="File that holds the value, with --raw.")
@_switch("--allow-empty-data", help="Permit a Secret without data.")
@_option("--controller-name", default="sealed-secrets-controller", help="Name of the controller's Service.")
@_option("--controller-namespace", default="kube-system", help="Namespace of the controller.")
@_option("--kubeconfig", default="", help="Path of a kubeconfig.")
@_option("--context", default="", help="Context of the kubeconfig.")
@_switch("--validate", hidden=True)
@_switch("--re-encrypt", hidden=True)
@_switch("--rotate", hidden=True)
@_switch("--recovery-unseal", hidden=True)
@_option("--recovery-private-key", multiple=True, hidden=True)
@_option("--merge-into", default="", hidden=True)
@_switch("--version", help="Print the version.")
def main(version: bool, **flags: Any) -> None:
    """Seal a Secret, so that it can be kept in Git and opened only by the controller of one cluster."""
    if version:
        from manager import VERSION

        click.echo(f"kubeseal version: {VERSION}")
        return
    from sealed.kubeseal.documents import InputError
    from sealed.kubeseal.modes import LATER, Flags, run

    later = tuple(name for name in LATER if flags.pop(name))
    try:
        run(Flags(**flags, later=later))
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
