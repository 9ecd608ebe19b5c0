"""Run the mode that the flags select; of several, the first in the original's order."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from manager.access.flags import Access
from manager.core.secret_value import SecretValue
from sealed.cluster.controller_client import ControllerClient, open_certificate
from sealed.cluster.kube_access import KubeAccess
from sealed.crypto.wire_format import Scope
from sealed.manifests.documents import Document, InputError, read, read_file, render, replace_file
from sealed.manifests.sealing import Options, public_key, seal_secret, seal_value

if TYPE_CHECKING:
    from sealed.manifests.merging import Known


@dataclass(frozen=True)
class Flags:
    """The values of all flags."""

    secret_file: str
    sealed_secret_file: str
    output_format: str
    cert: str
    certs: str
    fetch_cert: bool
    scope: str
    name: str
    namespace: str
    raw: bool
    from_file: tuple[str, ...]
    allow_empty_data: bool
    controller_name: str
    controller_namespace: str
    validate: bool
    re_encrypt: bool
    recovery_unseal: bool
    recovery_private_key: tuple[str, ...]
    merge_into: str
    keep_unchanged: bool
    files: tuple[str, ...]
    """More files, for --validate and --re-encrypt."""
    access: Access

    @property
    def all_files(self) -> tuple[str, ...]:
        """These files, and the one of --secret-file."""
        return (*((self.secret_file,) if self.secret_file else ()), *self.files)

    @property
    def form(self) -> str:
        """`json` or `yaml`. Raises InputError."""
        if self.sealed_secret_file.endswith((".yaml", ".yml")):
            return "yaml"
        form = self.output_format.lower() or "json"
        if form not in ("json", "yaml"):
            raise InputError(f"unsupported output format: {form}")
        return form


def run(flags: Flags) -> None:
    """Run the selected mode. Raises InputError."""
    if flags.from_file and not flags.raw:
        raise InputError("--from-file requires --raw")
    form = flags.form
    task = Task(flags, form, _secret_file(flags.secret_file) if flags.secret_file else None)
    for asked, mode in MODES:
        if asked(flags):
            mode(task)
            return


@dataclass(frozen=True)
class Task:
    """One run: its input, and what it reads when a mode needs it."""

    flags: Flags
    form: str
    given: bytes | None
    """The content of --secret-file."""

    @cached_property
    def cluster(self) -> KubeAccess:
        """The cluster that the kubeconfig chooses."""
        return KubeAccess(self.flags.access)

    @cached_property
    def controller(self) -> ControllerClient:
        """The controller in that cluster."""
        return ControllerClient(self.cluster, self.flags.controller_name, self.flags.controller_namespace)

    @cached_property
    def certificate(self) -> bytes:
        """The certificate to seal with."""
        return open_certificate(self.flags.cert) if self.flags.cert else self.controller.certificate()

    @property
    def key(self) -> RSAPublicKey:
        """The key of the certificate. Raises InputError if the certificate has expired."""
        return public_key(self.certificate, datetime.now(UTC))

    @property
    def options(self) -> Options:
        """The flags that affect sealing."""
        flags = self.flags
        return Options(Scope(flags.scope), flags.name, flags.namespace, self.cluster.namespace, flags.allow_empty_data)

    def input(self, expected: str = "json/yaml k8s resource") -> bytes:
        """Return the content of --secret-file or standard input."""
        return _stdin(expected) if self.given is None else self.given

    def known(self) -> "Known":
        """Return a function from a SealedSecret to its known values, so that unchanged ones keep their ciphertext."""
        from sealed.cluster.known_values import known_in_cluster

        if self.flags.recovery_private_key:
            from sealed.manifests.recovery import opened, read_keys

            keys = read_keys(self.flags.recovery_private_key)
            return lambda sealed: opened(sealed, keys)
        if self.flags.keep_unchanged:
            return lambda sealed: known_in_cluster(self.cluster, sealed)
        return lambda sealed: {}

    def write(self, pieces: Iterator[bytes]) -> None:
        """Write to --sealed-secret-file as a whole, or to standard output piece by piece."""
        if self.flags.sealed_secret_file:
            replace_file(Path(self.flags.sealed_secret_file), b"".join(pieces))
        else:
            for piece in pieces:
                click.echo(piece, nl=False)


def _recovery_unseal(task: Task) -> None:
    from sealed.manifests.recovery import read_keys, unsealed

    [sealed, *_] = read(task.input())
    task.write(iter([render(unsealed(sealed, read_keys(task.flags.recovery_private_key)), task.form)]))


def _validate(task: Task) -> None:
    from sealed.kubeseal.bulk import Bulk

    if task.flags.files:
        Bulk(task.controller).validate(task.flags.all_files)
        return
    for document in _sealed(task.input(), "unable to decrypt sealed secret"):
        if not task.controller.opens(document):
            raise InputError(f"unable to decrypt sealed secret: {_name(document)}")


def _re_encrypt(task: Task) -> None:
    from sealed.kubeseal.bulk import Bulk

    flags = task.flags
    if flags.files:
        Bulk(task.controller).re_encrypt(flags.all_files)
    elif flags.secret_file and not flags.sealed_secret_file:
        Bulk(task.controller).renew(Path(flags.secret_file))
    else:
        documents = _sealed(task.input(), "unable to decrypt sealed secret")
        task.write(render(_titled(task.controller.resealed(each)), task.form) for each in documents)


def _fetch_cert(task: Task) -> None:
    task.write(iter([task.certificate]))


def _merge_into(task: Task) -> None:
    from sealed.manifests.editing import ManifestFile
    from sealed.manifests.merging import merge_into

    given = task.input()
    key, place = task.key, Path(task.flags.merge_into)
    file = ManifestFile(read_file(place))
    merge_into(file, read(given)[0], key, task.known())
    replace_file(place, file.content(), keep_mode=True)


def _raw(task: Task) -> None:
    value = _value(task.flags.from_file)
    task.write(iter([seal_value(value, task.key, task.options).encode()]))


def _seal(task: Task) -> None:
    given = task.input()  # first: a plug-in that runs to reach the cluster must find nothing on standard input
    key, options = task.key, task.options
    task.write(render(seal_secret(each, key, options), task.form) for each in read(given))


def _seal_for_clusters(task: Task) -> None:
    from sealed.kubeseal.multi_cluster import keys_of, seal_for_each

    keys, options = keys_of(task.flags.certs, datetime.now(UTC)), task.options
    documents = read(task.input())

    def sealed(key: RSAPublicKey) -> bytes:
        return b"".join(render(seal_secret(each, key, options), task.form) for each in documents)

    seal_for_each(keys, task.flags.sealed_secret_file, sealed)


MODES: tuple[tuple[Callable[[Flags], bool | str], Callable[[Task], None]], ...] = (
    (lambda flags: flags.recovery_unseal, _recovery_unseal),
    (lambda flags: flags.validate, _validate),
    (lambda flags: flags.re_encrypt, _re_encrypt),
    (lambda flags: flags.certs, _seal_for_clusters),
    (lambda flags: flags.fetch_cert, _fetch_cert),
    (lambda flags: flags.merge_into, _merge_into),
    (lambda flags: flags.raw, _raw),
    (lambda _: True, _seal),
)


def _sealed(raw: bytes, problem: str) -> list[Document]:
    """Return the documents of a stream; as in the original, an empty stream is no error."""
    if not raw.strip():
        return []
    try:
        return read(raw)
    except InputError:
        raise InputError(problem) from None


def _titled(sealed: Document) -> Document:
    """Return the controller's answer as a manifest."""
    dropped = ("creationTimestamp", "deletionTimestamp", "generation")
    metadata = {name: value for name, value in (sealed.get("metadata") or {}).items() if name not in dropped}
    return {"kind": "SealedSecret", "apiVersion": "bitnami.com/v1alpha1", **sealed, "metadata": metadata}


def _name(document: Mapping[str, object]) -> object:
    metadata = document.get("metadata")
    return metadata.get("name", "") if isinstance(metadata, dict) else ""


def _secret_file(path: str) -> bytes:
    try:
        return read_file(Path(path))
    except InputError:
        raise InputError("Could not read file specified with --secret-file") from None


def _value(sources: tuple[str, ...]) -> SecretValue:
    if len(sources) > 1:
        raise InputError("must provide only one --from-file when encrypting a single item with --raw")
    return SecretValue(
        read_file(Path(sources[0].partition("=")[2] or sources[0])) if sources else _stdin("a raw value")
    )


def _stdin(expected: str) -> bytes:
    if sys.stdin.isatty():
        click.echo(f"(tty detected: expecting {expected} in stdin)", err=True)
    return sys.stdin.buffer.read()
