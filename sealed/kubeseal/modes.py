"""What the flags ask for: print the certificate, seal one value, or seal Secrets (sealed-secrets.md 7.2)."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from manager.plain import Plain
from sealed.crypto import Scope
from sealed.kubeseal.cluster import Cluster, open_certificate
from sealed.kubeseal.documents import InputError, read, read_file, render, replace_file
from sealed.kubeseal.sealing import Options, public_key, seal_secret, seal_value

LATER = ("recovery_unseal", "recovery_private_key", "validate", "re_encrypt", "rotate", "merge_into")
"""Modes of the original that this version does not have; they say so."""


@dataclass(frozen=True)
class Flags:
    """The command line, by name."""

    secret_file: str
    sealed_secret_file: str
    output_format: str
    cert: str
    fetch_cert: bool
    scope: str
    name: str
    namespace: str
    raw: bool
    from_file: tuple[str, ...]
    allow_empty_data: bool
    controller_name: str
    controller_namespace: str
    kubeconfig: str
    context: str
    later: tuple[str, ...]
    """Names of the flags given that belong to modes of LATER."""


def run(flags: Flags) -> None:
    """Do what the flags ask for. Raises InputError."""
    if flags.from_file and not flags.raw:
        raise InputError("--from-file requires --raw")
    if flags.later:
        raise InputError(f"--{flags.later[0].replace('_', '-')} is not in this version of kubeseal")
    form = _form(flags)
    given = _secret_file(flags.secret_file) if flags.secret_file else None
    output = _output(flags, form, given)
    if flags.sealed_secret_file:
        replace_file(Path(flags.sealed_secret_file), b"".join(output))
    else:
        for piece in output:
            click.echo(piece, nl=False)


def _output(flags: Flags, form: str, given: bytes | None) -> Iterator[bytes]:
    cluster = Cluster(flags.kubeconfig, flags.context)
    controller = (flags.controller_name, flags.controller_namespace)
    certificate = open_certificate(flags.cert) if flags.cert else cluster.certificate(*controller)
    if flags.fetch_cert:
        yield certificate
        return
    key = public_key(certificate, datetime.now(UTC))
    options = Options(Scope(flags.scope), flags.name, flags.namespace, cluster.namespace, flags.allow_empty_data)
    if flags.raw:
        yield seal_value(_value(flags.from_file), key, options).encode()
        return
    for document in read(_stdin("json/yaml k8s resource") if given is None else given):
        yield render(seal_secret(document, key, options), form)


def _form(flags: Flags) -> str:
    if flags.sealed_secret_file.endswith((".yaml", ".yml")):
        return "yaml"
    form = flags.output_format.lower() or "json"
    if form not in ("json", "yaml"):
        raise InputError(f"unsupported output format: {form}")
    return form


def _secret_file(path: str) -> bytes:
    try:
        return read_file(Path(path))
    except InputError:
        raise InputError("Could not read file specified with --secret-file") from None


def _value(sources: tuple[str, ...]) -> Plain:
    if len(sources) > 1:
        raise InputError("must provide only one --from-file when encrypting a single item with --raw")
    return Plain(read_file(Path(sources[0].partition("=")[2] or sources[0])) if sources else _stdin("a raw value"))


def _stdin(expected: str) -> bytes:
    if sys.stdin.isatty():
        click.echo(f"(tty detected: expecting {expected} in stdin)", err=True)
    return sys.stdin.buffer.read()
