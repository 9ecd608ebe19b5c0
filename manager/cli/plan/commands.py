"""`coffer plan -f FILE…`: what manifests would change, before anybody applies them."""

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from manager import VERSION
from manager.command_line import NEEDS_A_PERSON, Verdict, cluster_options, namespace_options, output_option, show
from manager.progress import run
from manager.settings.load import load, settings_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from manager.cli.manifests.reading import Manifest
    from manager.cli.manifests.verdicts import Judged
    from sealed.cluster.controller_client import ControllerClient

DEFAULT_CONTROLLER = "sealed-secrets-controller"


@dataclass(frozen=True)
class Against:
    """What manifests are compared with."""

    kubeconfig: str
    context: str
    namespace: str
    cert: str
    controller_name: str
    controller_namespace: str
    config: str | None
    offline: bool


@click.command(cls=Verdict)
@cluster_options
@namespace_options
@output_option
@click.option("-f", "--filename", "files", multiple=True, required=True, help="A file, a folder, or -.", metavar="FILE")
@click.option("--offline", is_flag=True, help="Ask neither stores nor the controller.")
@click.option("--junit", default="", help="Write the verdicts as JUnit into FILE, too.", metavar="FILE")
@click.option("--cert", default="", help="Certificate of the cluster, a file or a URL; default: the controller's.")
@click.option("--controller-name", default=DEFAULT_CONTROLLER, show_default=True, help="Service of the controller.")
@click.option("--controller-namespace", default="kube-system", show_default=True, help="Its namespace.")
@click.option("--config", help="The controller's settings file, for its rules.", metavar="FILE")
def plan(files: tuple[str, ...], output: str, junit: str, **against: Any) -> None:
    """Tell what manifests would change, before they are applied.

    Everything of `coffer lint`; which keys of their Secrets would be added, changed and removed (values are masked);
    whether Coffer would write these Secrets; whether the cluster can open sealed values; whether stores have what
    entries name. -n names the namespace of objects that name none. Reads only. Ends with 0 if it can be applied, with 1
    if something must be mended (`!`), and with 2 if files or cluster cannot be read.
    """
    from manager.cli.manifests import verdicts
    from manager.cli.manifests.reading import manifests

    options = Against(**against)
    given, unread = manifests(files)
    found = [*verdicts.unusable(unread), *run(_planned(options, _placed(given, options.namespace)))]
    if junit:
        verdicts.write_junit(junit, "coffer plan", found)
    show(output, verdicts.lines(found), verdicts.records(found), verdicts.names(found))
    sys.exit(NEEDS_A_PERSON if any(each.faulty for each in found) else 0)


def _placed(given: "Sequence[Manifest]", namespace: str) -> "list[Manifest]":
    """Return the manifests with a namespace, where they name none and have one."""
    from manager.cli.manifests.reading import Manifest
    from manager.cli.plan.cluster import PLANNED

    placed = []
    for each in given:
        resource = PLANNED.get((each.group, each.kind))
        meta = each.body.get("metadata")
        if namespace and resource is not None and resource.namespaced and not each.namespace and isinstance(meta, dict):
            body = {**each.body, "metadata": {**meta, "namespace": namespace}}
            placed.append(Manifest(each.file, each.number, body))
        else:
            placed.append(each)
    return placed


async def _planned(options: Against, given: "Sequence[Manifest]") -> "list[Judged]":
    from manager.cli.plan.asking import Asker
    from manager.cli.plan.cluster import read
    from manager.cli.plan.planning import Planner
    from manager.cli.plan.sealed_values import key_of
    from manager.gotemplate.sandbox import Sandbox
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    settings = load({}, os.environ, settings_file(options.config))
    client = KubeClient(await connect(options.kubeconfig, options.context), f"coffer/{VERSION}")
    sandbox = Sandbox()
    asker = None if options.offline else Asker(client, settings, sandbox)
    planner = Planner(given, await read(client, given), sandbox, asker)
    planner.adopt_foreign = settings.external.adopt_foreign
    try:
        if any(each.kind == "SealedSecret" for each in given):
            planner.controller = None if options.offline else _controller(options)
            certificate = await asyncio.to_thread(_certificate, options, planner.controller)
            planner.key = key_of(certificate) if certificate else None
        return await planner.verdicts()
    finally:
        if planner.controller is not None:
            planner.controller.cluster.close()
        if asker is not None:
            asker.close()
        await sandbox.close()
        await client.close()


def _controller(options: Against) -> "ControllerClient":
    from manager.access.flags import Access
    from sealed.cluster.controller_client import ControllerClient
    from sealed.cluster.kube_access import KubeAccess

    access = KubeAccess(Access(options.kubeconfig, options.context))
    return ControllerClient(access, options.controller_name, options.controller_namespace)


def _certificate(options: Against, controller: "ControllerClient | None") -> bytes:
    """Return the certificate; empty if it is not given and the controller does not answer."""
    from manager.core.errors import SettingsError
    from sealed.cluster.controller_client import open_certificate
    from sealed.manifests.documents import InputError

    try:
        if options.cert:
            return open_certificate(options.cert)
        return b"" if controller is None else controller.certificate()
    except InputError as error:
        if options.cert:
            raise SettingsError(f"--cert: {error}") from None
        return b""
