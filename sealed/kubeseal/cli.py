"""The command line: flags, their variables, and the order of modes (sealed-secrets.md 7.1, 7.2)."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sealed.kubeseal.cluster import Cluster
    from sealed.kubeseal.sealing import Options

SCOPES = ("strict", "namespace-wide", "cluster-wide")
LATER = ("validate", "re_encrypt", "rotate", "merge_into", "recovery_unseal")
"""Modes of the original that this version does not have; they say so."""


Command = TypeVar("Command", bound=Callable[..., Any])


def _option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    name = next(each for each in names if each.startswith("--")).lstrip("-")
    return click.option(*names, envvar=f"SEALED_SECRETS_{name.replace('-', '_').upper()}", **settings)


@click.command(context_settings={"help_option_names": ["--help"], "allow_extra_args": True})
@_option("-f", "--secret-file", default="", help="Secret to seal; standard input when absent.")
@_option("-w", "--sealed-secret-file", default="", help="Where to write; standard output when absent.")
@_option("-o", "--format", "form", default="json", help="json or yaml.")
@_option("--cert", default="", help="Certificate: a file or a URL. Otherwise the controller is asked.")
@_option("--fetch-cert", is_flag=True, help="Print the controller's certificate.")
@_option("--scope", default="strict", help="strict, namespace-wide or cluster-wide.")
@_option("--name", default="", help="Name of the SealedSecret; needed with --raw and strict scope.")
@_option("-n", "--namespace", default="", help="Namespace, for a Secret that names none.")
@_option("--raw", is_flag=True, help="Seal one value and print only that.")
@_option("--from-file", multiple=True, help="File that holds the value, with --raw.")
@_option("--allow-empty-data", is_flag=True, help="Permit a Secret without data.")
@_option("--controller-name", default="sealed-secrets-controller", help="Name of the controller's Service.")
@_option("--controller-namespace", default="kube-system", help="Namespace of the controller.")
@_option("--kubeconfig", default="", help="Path of a kubeconfig.")
@_option("--context", default="", help="Context of the kubeconfig.")
@_option("--validate", is_flag=True, hidden=True)
@_option("--re-encrypt", is_flag=True, hidden=True)
@_option("--rotate", is_flag=True, hidden=True)
@_option("--merge-into", default="", hidden=True)
@_option("--recovery-unseal", is_flag=True, hidden=True)
@click.option("--version", is_flag=True, help="Print the version.")
def main(**flags: Any) -> None:
    """Seal a Secret, so that it can be kept in Git and opened only by the controller of one cluster."""
    from sealed.kubeseal.documents import InputError

    if flags["version"]:
        from manager import VERSION

        click.echo(f"kubeseal version: {VERSION}")
        return
    try:
        _run(flags)
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _run(flags: dict[str, Any]) -> None:
    from sealed.kubeseal.cluster import Cluster, open_certificate
    from sealed.kubeseal.documents import InputError
    from sealed.kubeseal.sealing import public_key

    if flags["from_file"] and not flags["raw"]:
        raise InputError("--from-file requires --raw")
    for mode in LATER:
        if flags[mode]:
            raise InputError(f"--{mode.replace('_', '-')} is not in this version of kubeseal")
    form = _form(flags)
    raw = _input(flags) if not flags["fetch_cert"] and not flags["raw"] else b""
    cluster = Cluster(flags["kubeconfig"], flags["context"])
    place = flags["cert"]
    certificate = (
        open_certificate(place)
        if place
        else cluster.certificate(flags["controller_name"], flags["controller_namespace"])
    )
    if flags["fetch_cert"]:
        click.echo(certificate, nl=False)
        return
    key = public_key(certificate, datetime.now(UTC))
    options = _options(flags, cluster)
    if flags["raw"]:
        _seal_raw(flags, key, options)
    else:
        _seal(raw, key, options, form, flags["sealed_secret_file"])


def _seal(raw: bytes, key: Any, options: "Options", form: str, target: str) -> None:
    from sealed.kubeseal.documents import read, render, replace_file
    from sealed.kubeseal.sealing import seal_secret

    texts = []
    for document in read(raw):
        text = render(seal_secret(document, key, options), form)
        if target:
            texts.append(text)
        else:
            click.echo(text, nl=False)
    if target:
        replace_file(Path(target), "".join(texts))


def _seal_raw(flags: dict[str, Any], key: Any, options: "Options") -> None:
    from manager.plain import Plain
    from sealed.crypto import Scope, label, seal
    from sealed.kubeseal.documents import InputError

    if len(flags["from_file"]) > 1:
        raise InputError("must provide only one --from-file when encrypting a single item with --raw")
    scope = options.scope
    namespace = options.namespace or (options.default_namespace() if scope is not Scope.CLUSTER_WIDE else "")
    if not namespace and scope is not Scope.CLUSTER_WIDE:
        raise InputError(f"must provide the --namespace flag with --raw and --scope {scope}")
    if not options.name and scope is Scope.STRICT:
        raise InputError(f"must provide the --name flag with --raw and --scope {scope}")
    path = flags["from_file"][0].split("=", 1)[-1] if flags["from_file"] else "-"
    value = sys.stdin.buffer.read() if path == "-" else _file(path)
    click.echo(seal(key, Plain(value), label(scope, namespace, options.name)), nl=False)


def _options(flags: dict[str, Any], cluster: "Cluster") -> "Options":
    from sealed.crypto import Scope
    from sealed.kubeseal.documents import InputError
    from sealed.kubeseal.sealing import Options

    scope = flags["scope"] or "strict"
    if scope not in SCOPES:
        raise InputError(f"must be one of: {', '.join(SCOPES)}")
    return Options(Scope(scope), flags["name"], flags["namespace"], cluster.namespace, flags["allow_empty_data"])


def _form(flags: dict[str, Any]) -> str:
    from sealed.kubeseal.documents import InputError

    form = (flags["form"] or "json").lower()
    if flags["sealed_secret_file"].endswith((".yaml", ".yml")):
        form = "yaml"
    if form not in ("json", "yaml"):
        raise InputError(f"unsupported output format: {form}")
    return form


def _input(flags: dict[str, Any]) -> bytes:
    from sealed.kubeseal.documents import InputError

    if not flags["secret_file"]:
        if sys.stdin.isatty():
            click.echo("(tty detected: expecting json/yaml k8s resource in stdin)", err=True)
        return sys.stdin.buffer.read()
    try:
        return Path(flags["secret_file"]).read_bytes()
    except OSError:
        raise InputError("Could not read file specified with --secret-file") from None


def _file(path: str) -> bytes:
    from sealed.kubeseal.documents import InputError

    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"open {path}: {error.strerror}") from None
