"""`coffer keys …` and `coffer seal …`: what administrators and authors do by hand."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from manager.access.flags import Access
from manager.command_line import OTHERS, cluster_options, output_option, show, told
from manager.core.errors import CofferError
from manager.kube.resources import SEALED_SECRETS
from manager.options import inherited
from manager.settings.model import SealedSettings
from manager.tables import Table
from sealed.cluster.controller_client import ControllerClient, open_certificate
from sealed.cluster.known_values import known_in_cluster
from sealed.cluster.kube_access import FORBIDDEN, UNAUTHORIZED, KubeAccess, NoCluster, Refused
from sealed.keys.backup import lost_by
from sealed.keys.keyring import UNKNOWN, UNOPENED, Keyring, KeySecret, KeyUsage, needed, pages
from sealed.manifests.documents import InputError, read, read_file, render, replace_file
from sealed.manifests.edit_buffer import read_back, written
from sealed.manifests.editing import ManifestFile
from sealed.manifests.merging import update
from sealed.manifests.recovery import opened, read_keys
from sealed.manifests.sealing import public_key

MEMORY = Path("/", "dev", "shm")  # plaintext is put on no disk where there is another place
ITEMS = ("spec", "encryptedData")


def _cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    default: dict[str, Any] = {"default": inherited("namespace", "kube-system"), "show_default": "kube-system"}
    option = click.option("-n", "--namespace", help="Namespace of the keys.", **default)
    return cluster_options(option(command))


def _access(kubeconfig: str, context: str) -> KubeAccess:
    """Return the API server; its connection is closed when the command ends."""
    cluster = KubeAccess(Access(kubeconfig, context))
    click.get_current_context().call_on_close(cluster.close)
    return cluster


class Told(click.Group):
    """Tells errors in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except NoCluster as error:
            raise click.ClickException(told(error.cause)) from None
        except InputError as error:
            refused = isinstance(error, Refused) and error.status in (UNAUTHORIZED, FORBIDDEN)
            raise click.ClickException(f"{error}; {OTHERS}" if refused else str(error)) from None
        except CofferError as error:
            raise click.ClickException(told(error)) from None


@click.group(cls=Told)
def keys() -> None:
    """Sealing keys: list, make, save, restore and retire them."""


@keys.command("list")
@_cluster_options
@output_option
@click.option("--objects", is_flag=True, help="List the SealedSecrets of each key too.")
def list_keys(kubeconfig: str, context: str, namespace: str, output: str, objects: bool) -> None:
    """Show every key, and how many SealedSecrets it opened.

    Its age and end are those of its certificate.
    """
    cluster = _access(kubeconfig, context)
    keyring = Keyring(cluster, namespace)
    key_secrets, current = keyring.key_secrets(), keyring.current()
    if not key_secrets:
        raise InputError(
            f"there are no sealing keys in namespace {namespace}: -n names the one that Coffer runs in; "
            "`kubectl get secrets -A -l sealedsecrets.bitnami.com/sealed-secrets-key` finds it"
        )
    opened = needed(pages(cluster, SEALED_SECRETS.path()))
    now = datetime.now(UTC)
    rows = [_row(each, opened, now, current=current is not None and each.name == current.name) for each in key_secrets]
    records = [dict(zip(COLUMNS, row, strict=True)) | {"places": sorted(opened.get(row[-1], ()))} for row in rows]
    show(output, _table(rows, opened, objects=objects), records, (f"secret/{each.name}" for each in key_secrets))


WITHOUT_KEY = (
    (
        UNKNOWN,
        "1 SealedSecret does not say which key opened it; `coffer keys retire` tries it.",
        "SealedSecrets do not say which key opened them; `coffer keys retire` tries them.",
    ),
    (
        UNOPENED,
        "1 SealedSecret could not be opened; its condition says why.",
        "SealedSecrets could not be opened; their conditions say why.",
    ),
)
"""What is said of one and of many SealedSecrets that are listed under no key."""
COLUMNS = ("name", "state", "age", "ends", "objects", "fingerprint")


def _table(rows: list[tuple[str, ...]], opened: dict[str, list[str]], *, objects: bool) -> Iterator[str | Table]:
    table = Table(("SECRET", "STATE", "AGE", "ENDS", "OBJECTS", "FINGERPRINT"), rows)
    if not objects:
        yield table
    for line, row in zip(table.plain(), (table.head, *rows), strict=True) if objects else ():
        yield line
        yield from (f"    {place}" for place in sorted(opened.get(row[-1], ()) if row[-1] else ()))
    for group, one, many in WITHOUT_KEY:
        places = sorted(opened.get(group, ()))
        if places:
            yield one if len(places) == 1 else f"{len(places)} {many}"
        yield from (f"    {place}" for place in places if objects)


def _row(key_secret: KeySecret, opened: dict[str, list[str]], now: datetime, *, current: bool) -> tuple[str, ...]:
    if key_secret.key is None:
        return (key_secret.name, f"broken: {key_secret.problem}", "", "", "", "")
    state = "current" if current else key_secret.label or "not labelled"
    state += f", seals nothing: {key_secret.key.problem}" if key_secret.key.problem else ""
    age, ends = (now - key_secret.key.ordered_at).days, key_secret.key.expires_at
    end = f"{ends:%Y-%m-%d}" + (" (past)" if ends < now else "")
    return (key_secret.name, state, f"{age}d", end, str(len(opened.get(key_secret.key.id, ()))), key_secret.key.id)


@keys.command()
@_cluster_options
@output_option
@click.option("--key-size", default=4096, show_default=True, help="Bits of the RSA key.")
@click.option("--key-ttl", default="87600h", show_default=True, help="Validity of its certificate.")
@click.option("--key-prefix", default="sealed-secrets-key", show_default=True, help="Beginning of the Secret's name.")
@click.option("--my-cn", default="", help="Common name in the certificate.")
def rotate(kubeconfig: str, context: str, namespace: str, output: str, **wanted: Any) -> None:
    """Make a key that seals from now on.

    The old ones still open what they sealed.
    """
    settings = replace(SealedSettings(), **wanted)
    name = Keyring(_access(kubeconfig, context), namespace).rotate(settings)
    text = f"{namespace}/{name} is the current key now; save it with `coffer keys backup`"
    _show_keys(output, [text], namespace, {name: "current"})


@keys.command()
@_cluster_options
@output_option
@click.argument("file")
@click.option("--overwrite", is_flag=True, help="Replace FILE whatever is in it.")
def backup(kubeconfig: str, context: str, namespace: str, output: str, file: str, overwrite: bool) -> None:
    """Write all keys, PRIVATE ones, into FILE.

    Its owner alone can read it. An earlier backup is replaced only if all of its keys are here: that of another cluster
    stays.
    """
    saved = Keyring(_access(kubeconfig, context), namespace).backup()
    lost = "" if overwrite else lost_by(Path(file), saved["items"])
    if lost:
        raise InputError(f"{file} {lost}: name another file, or add --overwrite")
    replace_file(Path(file), render(saved, "yaml"))
    text = (
        f"{len(saved['items'])} keys of namespace {namespace} in {file}: whoever reads it can open every SealedSecret"
    )
    _show_keys(output, [text], namespace, {each["metadata"]["name"]: "saved" for each in saved["items"]})


@keys.command()
@_cluster_options
@output_option
@click.argument("file")
def restore(kubeconfig: str, context: str, namespace: str, output: str, file: str) -> None:
    """Create the keys of FILE that are not here.

    The controller uses them within seconds.
    """
    created, left = Keyring(_access(kubeconfig, context), namespace).restore(read(read_file(Path(file))))
    text = f"{len(created)} keys restored, {len(left)} were here already"
    _show_keys(output, [text], namespace, dict.fromkeys(created, "restored") | dict.fromkeys(left, "present"))


@keys.command()
@_cluster_options
@output_option
@click.argument("key")
@click.option("--force", is_flag=True, help="Retire it even if SealedSecrets need it: for a stolen key.")
def retire(kubeconfig: str, context: str, namespace: str, output: str, key: str, force: bool) -> None:
    """Take KEY out of use once no SealedSecret needs it.

    KEY is the name of a Secret or a fingerprint. The Secret stays.
    """
    keyring = Keyring(_access(kubeconfig, context), namespace)
    key_secret = keyring.find(key)
    current = keyring.current()
    if current is not None and key_secret.name == current.name and not force:
        raise InputError(f"{key_secret.name} is the current key: make another one first with `coffer keys rotate`")
    with click.progressbar(length=0, label="trying SealedSecrets", file=sys.stderr) as bar:
        found = keyring.usage(key_secret, lambda: bar.update(1))
    stays = bool(found.needing) and not force
    if not stays:
        keyring.retire(key_secret)
    about = {"lookedAt": found.looked_at, "needing": list(found.needing), "unopened": list(found.closed)}
    state = "needed" if stays else "retired"
    _show_keys(output, _report(key_secret, found, retired=not stays), namespace, {key_secret.name: state}, **about)
    if stays:
        raise InputError(f"{key_secret.name} stays: re-encrypt those with `kubeseal --re-encrypt` first")


def _report(key_secret: KeySecret, found: KeyUsage, *, retired: bool) -> Iterator[str]:
    yield f"{found.looked_at} SealedSecrets: {len(found.needing)} need {key_secret.name}"
    for place in found.needing:
        yield f"  {place}"
    if found.closed:
        yield f"{len(found.closed)} open with no key at all: {', '.join(found.closed[:10])}"
    if retired:
        yield f"{key_secret.name} is retired; relabel its Secret `active` to bring it back"


def _show_keys(output: str, lines: Iterable[str], namespace: str, states: Mapping[str, str], **more: object) -> None:
    """Print what has become of keys."""
    records = [{"name": name, "namespace": namespace, "state": state, **more} for name, state in states.items()]
    show(output, lines, records, (f"secret/{name}" for name in states))


@click.group(cls=Told)
def seal() -> None:
    """SealedSecrets in files."""


@dataclass(frozen=True)
class EditOptions:
    """The options of `coffer seal edit` that choose the SealedSecret, its certificate and its values."""

    namespace: str
    name: str
    cert: str
    controller_name: str
    controller_namespace: str
    recovery_private_key: tuple[str, ...]

    def certificate(self, cluster: KubeAccess) -> bytes:
        """Return the certificate to seal with, in PEM: the given one, or the controller's."""
        if self.cert:
            return open_certificate(self.cert)
        return ControllerClient(cluster, self.controller_name, self.controller_namespace).certificate()


@seal.command()
@cluster_options
@output_option
@click.argument("file")
@click.option(
    "-n", "--namespace", default=inherited("namespace"), help="For a SealedSecret without one; default: the context's."
)
@click.option("--name", default="", help="Name of the SealedSecret, if the file has several.")
@click.option("--cert", default="", help="Certificate, a file or a URL; default: the controller's.")
@click.option(
    "--controller-name", default="sealed-secrets-controller", show_default=True, help="Service of the controller."
)
@click.option("--controller-namespace", default="kube-system", show_default=True, help="Its namespace.")
@click.option("--recovery-private-key", multiple=True, help="File with private keys, to open values offline.")
def edit(kubeconfig: str, context: str, output: str, file: str, **given: Any) -> None:
    """Edit the values of a SealedSecret in FILE.

    Changed values are sealed again, all else stays. The values come from the Secret in the cluster, if you may read it,
    or are opened with a private key.
    """
    options = EditOptions(**given)
    cluster = _access(kubeconfig, context)
    manifest = ManifestFile(read_file(Path(file)))
    position = _position(manifest, options.name)
    sealed = manifest.documents[position]
    if options.recovery_private_key:
        known = opened(sealed, read_keys(options.recovery_private_key))
    else:
        known = known_in_cluster(cluster, sealed, options.namespace)
    items = set((sealed.get("spec") or {}).get("encryptedData") or {})
    wanted = _edited(written(f"{file}, {sealed['metadata']['name']}", known, items - set(known)))
    if wanted is None or wanted == known:
        _show_edited(output, "nothing changed", sealed, file, [], [])
        return
    key = public_key(options.certificate(cluster), datetime.now(UTC))
    changed = update(manifest, position, wanted, key, lambda _: known)
    gone = sorted(set(known) - set(wanted))
    for item in gone:
        manifest.drop(position, (*ITEMS, item))
    replace_file(Path(file), manifest.content(), keep_mode=True)
    text = f"{len(changed)} sealed, {len(gone)} removed, in {file}"
    _show_edited(output, text, sealed, file, sorted(changed), gone)


def _show_edited(output: str, text: str, edited: Any, file: str, changed: list[str], gone: list[str]) -> None:
    """Print what has become of the items of a SealedSecret, by their names."""
    name = edited["metadata"]["name"]
    show(output, [text], [{"name": name, "file": file, "sealed": changed, "removed": gone}], [f"sealedsecret/{name}"])


def _position(manifest: ManifestFile, name: str) -> int:
    found = [at for at, each in enumerate(manifest.documents) if each.get("kind") == "SealedSecret"]
    found = [at for at in found if name in ("", (manifest.documents[at].get("metadata") or {}).get("name"))]
    if len(found) != 1:
        raise InputError("the file holds no such SealedSecret" if not found else "several SealedSecrets: use --name")
    return found[0]


@contextmanager
def ends_by_signal() -> Iterator[None]:
    """End by SIGTERM and SIGHUP as by an exception, so that what is open is cleaned up: a lost session is a SIGHUP."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _edited(page: str) -> Any:
    """Let a person edit a page in a folder of their own; returns the values, None when it was left as it was."""
    with ends_by_signal(), TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        place = Path(folder) / "values.yaml"
        place.touch(mode=0o600)
        place.write_text(page)
        click.edit(filename=str(place))
        after = place.read_text()
    return None if after == page else read_back(after)
