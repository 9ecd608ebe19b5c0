"""`coffer migrate values`: translate a values file of an original's chart into one of ours."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from manager import VERSION
from manager.access.explanations import file_fault
from manager.command_line import cluster_options
from manager.core.documents import read_yaml
from manager.core.errors import SettingsError
from manager.progress import run

if TYPE_CHECKING:
    from manager.cli.migrate.chart_values.translation import Translation
    from manager.kube.client import KubeClient
    from manager.kube.resources import Body

CHARTS = ("sealed-secrets", "external-secrets", "reflector")
LOSES = 1
"""The exit code where something that matters has no counterpart."""


@click.command()
@click.option("--from", "chart", required=True, type=click.Choice(CHARTS), help="The original's chart.")
@click.option(
    "-f", "--values", "files", multiple=True, metavar="FILE", help="Its values; the last one wins. - is stdin."
)
@click.option("--release", default="", metavar="NAME", help="Read the values that this Helm release was given.")
@click.option("-n", "--namespace", default="", metavar="NAME", help="The namespace of the release.")
@cluster_options
@click.option("-o", "--output", type=click.Choice(("yaml", "json")), default="yaml", show_default=True, help="Form.")
def values(chart: str, files: tuple[str, ...], output: str, **where: str) -> None:
    """Translate values of an original's chart into Coffer's.

    They are printed, and on standard error what becomes of each. What equals the original's default is left out. Ends
    with 1 if something that matters has no counterpart; such a line begins with !. Like `helm get values`, it prints
    what the values contain.
    """
    from manager.cli.migrate.chart_values.translation import translate

    if bool(files) == bool(where["release"]):
        raise SettingsError("give the values of the original: -f FILE, or --release NAME with -n NAMESPACE")
    given = read_files(files) if files else run(_of_release(chart, **where))
    found = translate(chart, given)
    text = json.dumps(found.values, indent=2, default=str) + "\n" if output == "json" else _yaml(found.values)
    click.echo(text, nl=False)
    for line in note_lines(found):
        click.echo("".join(each if each.isprintable() else "?" for each in line), err=True)
    sys.exit(0 if found.complete else LOSES)


def read_files(names: Sequence[str]) -> dict[str, Any]:
    """Read values files, and merge them as Helm does. Raises SettingsError, which quotes no content."""
    merged: dict[str, Any] = {}
    for name in names:
        try:
            content = read_yaml(sys.stdin.read() if name == "-" else Path(name).read_text())
        except (OSError, ValueError) as error:
            raise SettingsError(f"-f {name}: cannot be read: {file_fault(error)}") from None
        if content is not None and not isinstance(content, dict):
            raise SettingsError(f"-f {name}: is not a mapping of values")
        merged = _merged(merged, content or {})
    return merged


def note_lines(found: "Translation") -> list[str]:
    """Return what is said of the values: first what is lost."""
    ordered = sorted(found.notes, key=lambda each: not each.matters)
    return [f"{'!' if each.matters else ' '} {each}" for each in ordered]


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    return {**below} | {
        name: _merged(below[name], each) if isinstance(each, dict) and isinstance(below.get(name), dict) else each
        for name, each in above.items()
    }


def _yaml(found: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(found, sort_keys=False, allow_unicode=True)
    return text


async def _of_release(chart: str, release: str, namespace: str, kubeconfig: str, context: str) -> "Body":
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    if not namespace:
        raise SettingsError("--release needs the namespace of the release: -n NAMESPACE")
    client = KubeClient(await connect(kubeconfig, context), f"coffer/{VERSION}")
    try:
        return await read_release_values(client, chart, release, namespace)
    finally:
        await client.close()


async def read_release_values(client: "KubeClient", chart: str, release: str, namespace: str) -> "Body":
    """Read the values that a Helm release was given, from the one Secret that records it. Raises CofferError."""
    from manager.cli.migrate.releases import read_release
    from manager.kube.resources import SECRETS, key_of

    selector = f"owner=helm,name={release}"
    pages = client.pages(SECRETS, namespace=namespace, selector=selector, metadata_only=True)
    newest = newest_record([each async for items, _ in pages for each in items])
    if newest is None:
        raise SettingsError(f"--release {release}: there is no deployed release of this name in {namespace}")
    found = read_release(await client.get(key_of(SECRETS, newest)))
    if found is None:
        raise SettingsError(f"--release {release}: its record cannot be read")
    if found.chart != chart and chart not in found.values:
        raise SettingsError(f"--release {release}: its chart is {found.chart}, not {chart}")
    return found.values


def newest_record(records: "Sequence[Body]") -> "Body | None":
    """Return the record of the last revision of a release that was deployed."""
    deployed = [each for each in records if each["metadata"]["labels"].get("status") == "deployed"]
    return max(deployed, key=_revision, default=None)


def _revision(record: "Body") -> int:
    version = str(record["metadata"]["labels"].get("version", ""))
    return int(version) if version.isdecimal() else 0
