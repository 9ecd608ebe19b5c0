"""`coffer crds`: compare the CRDs of a cluster with those of this version, and update them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any

import click

from manager import VERSION
from manager.cli.crd_plan import MANAGER, Action, Consent, Step, decide
from manager.command_line import Told, cluster_options, output_option, show
from manager.core.errors import SettingsError
from manager.core.suggestions import nearest
from manager.kube.client import KubeClient
from manager.kube.connection import connect
from manager.kube.crds import CustomResource, crd_name, render
from manager.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Body, Key
from manager.options import unscoped
from manager.progress import run

SHOWN_FIELDS = 10
DIFFERS = 1


plugins_option = click.option(
    "--provider-plugins", default="", help="Plug-ins, with commas, whose fields stores have too, as in the settings."
)


@click.group()
def crds() -> None:
    """Compare and update the CRDs, where Helm does not."""


@crds.command(cls=Told)
@cluster_options
@unscoped
@output_option
@plugins_option
@click.argument("names", nargs=-1)
def diff(names: tuple[str, ...], kubeconfig: str, context: str, output: str, provider_plugins: str) -> None:
    """Tell what `coffer crds apply` would do. Writes nothing.

    It also tells which fields of objects would come and go. NAMES are CRDs such as sealedsecrets.bitnami.com, or
    sealedsecrets alone; all of Coffer's by default. Exits with 1 where something differs. Needs only the right to get
    CRDs.
    """
    steps = run(_each(kubeconfig, context, chosen(names, provider_plugins), _compare))
    _show(output, steps)
    if any(step.action is not Action.NOTHING for step in steps):
        raise SystemExit(DIFFERS)


@crds.command(cls=Told)
@cluster_options
@unscoped
@output_option
@click.option("--take-over", is_flag=True, help="Write CRDs that a Helm release or a GitOps tool keeps, too.")
@click.option("--narrow", is_flag=True, help="Drop the fields that only the CRD of somebody else has.")
@plugins_option
@click.argument("names", nargs=-1)
def apply(
    names: tuple[str, ...], kubeconfig: str, context: str, output: str, provider_plugins: str, **agreed: bool
) -> None:
    """Install and update CRDs by server-side apply.

    NAMES are CRDs such as sealedsecrets.bitnami.com, or sealedsecrets alone; all of Coffer's by default. A CRD is
    refused if objects may be stored in a version that ours lacks, if a webhook converts its versions, if a Helm release
    or a GitOps tool keeps it (--take-over), or if it is not ours and has fields that ours lacks (--narrow). Exits with
    1 if one is refused; the others are applied.
    """
    consent = Consent(**agreed)

    async def update(client: KubeClient, ours: Body) -> Step:
        key = Key(CUSTOM_RESOURCE_DEFINITIONS, "", ours["metadata"]["name"])
        live = await client.find(key)
        step = decide(ours, live, consent)
        if step.action in (Action.CREATE, Action.UPDATE):
            await client.apply(key, _for(live, ours), manager=MANAGER)
        return step

    steps = run(_each(kubeconfig, context, chosen(names, provider_plugins), update))
    _show(output, steps)
    if any(step.action is Action.REFUSE for step in steps):
        raise SystemExit(DIFFERS)


async def _compare(client: KubeClient, ours: Body) -> Step:
    live = await client.find(Key(CUSTOM_RESOURCE_DEFINITIONS, "", ours["metadata"]["name"]))
    return decide(ours, live, Consent())


def _for(live: Body | None, ours: Body) -> Body:
    """Return what to apply: to the object that was read, in no other state; one that is created meanwhile is merged."""
    seen = {name: live["metadata"][name] for name in ("uid", "resourceVersion")} if live else {}
    return {**ours, "metadata": {**ours["metadata"], **seen}}


async def _each(
    kubeconfig: str, context: str, wanted: Sequence[Body], work: Callable[[KubeClient, Body], Awaitable[Step]]
) -> list[Step]:
    client = KubeClient(await connect(kubeconfig, context), f"coffer/{VERSION}")
    try:
        return [await work(client, each) for each in wanted]
    finally:
        await client.close()


@cache
def every_crd() -> Mapping[str, Body]:
    """Return Coffer's CRDs by name, made from their models once: nobody may change them."""
    import external.crds
    import sealed.api

    return {each["metadata"]["name"]: each for each in map(render, (*sealed.api.CRDS, *external.crds.CRDS))}


def chosen(names: Sequence[str], provider_plugins: str = "") -> list[Body]:
    """Return Coffer's CRDs of some names or plurals, all without any. Raises SettingsError for one that is unknown.

    Args:
        names: of CRDs.
        provider_plugins: names of plug-ins with commas, whose fields the stores have too.
    """
    import sealed.api

    ours = {crd_name(each.resource): each for each in (*sealed.api.CRDS, *_external(provider_plugins))}
    known = {each.resource.plural: each for each in ours.values()} | ours
    for name in names:
        if name not in known:
            meant = nearest(name, known) or "; `coffer crds diff` without NAMES shows all"
            raise SettingsError(f"{name}: not a CRD of Coffer{meant}")
    return [render(known[name]) for name in names or ours]


def _external(provider_plugins: str) -> Sequence[CustomResource]:
    """Return the CRDs of the external module. Raises SettingsError for a plug-in that cannot be loaded."""
    import external.crds

    if not provider_plugins:
        return external.crds.CRDS
    from external.providers.plugins import with_plugins

    catalogue = with_plugins([each.strip() for each in provider_plugins.split(",") if each.strip()])
    for name, why in catalogue.failures.items():
        raise SettingsError(f"--provider-plugins: {name}: {why}")
    return external.crds.crds_with(catalogue)


def _show(output: str, steps: Sequence[Step]) -> None:
    lines = [line for step in steps for line in _lines(step)]
    show(output, lines, [_record(step) for step in steps], (f"customresourcedefinition/{each.name}" for each in steps))


def _lines(step: Step) -> list[str]:
    lines = [f"{step.name}: {step.action}{f': {step.why}' if step.why else ''}"]
    if step.action is Action.CREATE:
        return lines
    for mark, fields in (("+", step.gained), ("-", step.lost)):
        lines += [f"  {mark} {field}" for field in fields[:SHOWN_FIELDS]]
        more = len(fields) - SHOWN_FIELDS
        lines += [f"  {mark} {more} more, see -o yaml"] if more > 0 else []
    return lines


def _record(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "action": str(step.action),
        "reason": step.why,
        "gained": list(step.gained),
        "lost": list(step.lost),
    }
