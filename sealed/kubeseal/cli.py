"""The command line: flags and their variables. Loads nothing that `--help` does not need."""

import os
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sealed.kubeseal import goflags

SCOPES = ("strict", "namespace-wide", "cluster-wide")
SHORT_WITH_EQUALS = re.compile("^-([fnowv])=(.*)$", re.DOTALL)
ACCESS = [
    "kubeconfig",
    "context",
    "cluster",
    "user",
    "server",
    "token",
    "username",
    "password",
    "certificate_authority",
    "client_certificate",
    "client_key",
    "insecure_skip_tls_verify",
    "tls_server_name",
    "proxy_url",
    "request_timeout",
    "impersonate",
    "impersonate_groups",
    "impersonate_uid",
]
LOGGING: dict[str, click.ParamType[Any]] = {
    "vmodule": goflags.MODULE_SPEC,
    "alsologtostderrthreshold": goflags.SEVERITY,
    "stderrthreshold": goflags.SEVERITY,
    "log_dir": click.STRING,
    "log_file": click.STRING,
    "log_file_max_size": goflags.UNSIGNED,
    "log_backtrace_at": goflags.TRACE_LOCATION,
}
LOGGING_SWITCHES = [
    "logtostderr",
    "alsologtostderr",
    "legacy_stderr_threshold_behavior",
    "add_dir_header",
    "skip_headers",
    "skip_log_headers",
    "one_output",
]

Command = TypeVar("Command", bound=Callable[..., Any])


class GoCommand(click.Command):
    """Parses arguments as Go's flag library does, such as `--raw=false` and `-o=yaml`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrite arguments for click: give every switch a value, and remove the equals sign of short options."""
        options = [each for each in self.params if isinstance(each, click.Option)]
        switches = {name for each in options if each.type is goflags.BOOL for name in each.opts}
        end = args.index("--") if "--" in args else len(args)
        flags = [f"{each}=true" if each in switches else SHORT_WITH_EQUALS.sub(r"-\1\2", each) for each in args[:end]]
        try:
            return super().parse_args(ctx, flags + args[end:])
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click shows the usage only if it is set
            raise


def _variable(*names: str) -> str:
    name = next(each for each in names if each.startswith("--")).lstrip("-")
    return f"SEALED_SECRETS_{name.replace('-', '_').upper()}"


def _option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    return click.option(*names, envvar=_variable(*names), show_default=bool(settings.get("default")), **settings)


def _switch(*names: str, **settings: Any) -> Callable[[Command], Command]:
    return _option(*names, type=goflags.BOOL, default=False, metavar=" ", **settings)


def _list(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Return an option of comma-separated values that may be repeated; flags extend the variable."""

    def split(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
        variable = os.environ.get(_variable(*names), "")
        if not variable and not values:
            return ()
        import csv  # imported late: it is slow

        return tuple(each for text in (variable, *values) if text for each in next(csv.reader([text])))

    return click.option(*names, multiple=True, callback=split, **settings)


def _ignored(command: Command) -> Command:
    """Accept klog's flags, which have no effect."""
    for name in LOGGING_SWITCHES:
        command = click.option(f"--{name}", type=goflags.BOOL, default=False, expose_value=False, hidden=True)(command)
    for name, kind in LOGGING.items():
        command = click.option(f"--{name}", type=kind, expose_value=False, hidden=True)(command)
    return click.option("-v", "--v", type=goflags.LEVEL, expose_value=False, hidden=True)(command)


def _scope(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value not in ("", *SCOPES):
        raise click.BadParameter(f"must be one of: {', '.join(SCOPES)}")
    return value or "strict"


@click.command("kubeseal", cls=GoCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1)
@_option("-f", "--secret-file", default="", help="Secret to seal; standard input when absent.")
@_option("-w", "--sealed-secret-file", default="", help="Where to write; standard output when absent.")
@_option("-o", "--format", "output_format", default="json", help="json or yaml.")
@_option("--cert", default="", help="Certificate: a file or a URL. Otherwise the controller is asked.")
@_option("--certs", default="", help="YAML file, cluster: certificate; seals for each, into -w FILE-{cluster}.yaml.")
@_switch("--fetch-cert", help="Print the controller's certificate.")
@_option("--scope", default="strict", callback=_scope, help=f"{SCOPES[0]}, {SCOPES[1]} or {SCOPES[2]}.")
@_option("--name", default="", help="Name of the SealedSecret; needed with --raw and strict scope.")
@_option("-n", "--namespace", default="", help="Namespace, for a Secret that names none.")
@_switch("--raw", help="Seal one value and print only that.")
@_list("--from-file", help="File that holds the value, with --raw.")
@_switch("--allow-empty-data", help="Permit a Secret without data.")
@_option("--merge-into", default="", help="Put the values into this file of SealedSecrets; all else in it stays.")
@_switch(
    "--keep-unchanged", help="With --merge-into: values that the cluster's Secret shows unchanged stay as they are."
)
@_switch("--validate", help="Ask the controller whether it can open the SealedSecrets of the input, or of FILES.")
@_switch("--re-encrypt", help="Seal with the newest key: the input, the file of -f in place, or FILES in place.")
@_switch("--rotate", hidden=True)
@_switch("--recovery-unseal", help="Open a SealedSecret offline, with --recovery-private-key.")
@_list("--recovery-private-key", help="Private keys: PEM files, or key Secrets as kubectl prints them.")
@_option("--controller-name", default="sealed-secrets-controller", help="Name of the controller's Service.")
@_option("--controller-namespace", default="kube-system", help="Namespace of the controller.")
@_option("--kubeconfig", default="", help="Path of a kubeconfig.")
@_option("--context", default="", help="Context of the kubeconfig.")
@_option("--cluster", default="", help="Cluster of the kubeconfig.")
@_option("--user", default="", help="User of the kubeconfig.")
@_option("--server", default="", help="Address of the API server.")
@_option("--token", default="", help="Bearer token for the API server.")
@_option("--username", default="", help="For basic authentication.")
@_option("--password", default="", help="For basic authentication.")
@_option("--certificate-authority", default="", help="File with the API server's authority.")
@_option("--client-certificate", default="", help="File with a client certificate.")
@_option("--client-key", default="", help="File with its key.")
@_switch("--insecure-skip-tls-verify", help="Do not check the API server's certificate.")
@_option("--tls-server-name", default="", help="Name that the API server's certificate is for.")
@_option("--proxy-url", default="", help="Proxy to the API server.")
@_option("--request-timeout", default="", help="How long a request may take, such as 10s.")
@_switch("--disable-compression", expose_value=False, hidden=True)
@_option("--as", "impersonate", default="", help="User to act for.")
@_option("--as-group", "impersonate_groups", multiple=True, help="Group to act for; may be repeated.")
@_option("--as-uid", "impersonate_uid", default="", help="UID to act for.")
@_ignored
@_switch("--version", help="Print the version.")
def main(version: bool, rotate: bool, re_encrypt: bool, **flags: Any) -> None:
    """Seal a Secret so that it can be kept in Git and only the controller of one cluster can open it."""
    if version:
        from manager import VERSION

        click.echo(f"kubeseal version: v{VERSION}")
        return
    from manager.access.flags import Access
    from sealed.kubeseal.commands import Flags, run
    from sealed.manifests.documents import InputError

    access = Access(**{name: flags.pop(name) for name in ACCESS})
    try:
        run(Flags(**flags, re_encrypt=re_encrypt or rotate, access=access))
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
