"""`coffer doctor`: check what Coffer needs of its cluster."""

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from manager import VERSION
from manager.command_line import NEEDS_A_PERSON, Verdict, cluster_options, namespace_options, output_option, show
from manager.progress import run
from manager.settings.load import load, settings_file

if TYPE_CHECKING:
    from manager.cli.doctor.findings import Checkup

MODULES = ("sealed", "external", "reflector")


@dataclass(frozen=True)
class Patient:
    """Which installation is looked at."""

    kubeconfig: str
    context: str
    namespace: str
    config: str | None
    own: str
    account: str


@click.command(cls=Verdict)
@cluster_options
@namespace_options
@output_option
@click.option("--config", help="The controller's settings file, for its modules and scope.", metavar="FILE")
@click.option("--controller-namespace", "own", default="", help="Coffer's namespace.", metavar="NAME")
@click.option("--service-account", "account", default="", help="Coffer's; by default its Deployment's.", metavar="NAME")
def doctor(output: str, **given: Any) -> None:
    """Check what keeps Coffer from working, and tell what mends it.

    Rights of its ServiceAccount, CRDs, clocks, sealing keys, stores, webhooks in the way, quotas, paused deletes,
    proxies, other controllers. -n limits stores, quotas and Events to one namespace. Reads only. Ends with 0 if nothing
    is wrong, with 1 if something is, and with 2 if the cluster cannot be read.
    """
    from manager.cli.doctor import rendering

    found = run(_examined(Patient(**given)))
    show(output, rendering.lines(found), rendering.records(found), rendering.names(found))
    sys.exit(0 if found.healthy else NEEDS_A_PERSON)


async def _examined(patient: Patient) -> "Checkup":
    from manager.cli.doctor.checks import examined
    from manager.cli.doctor.facts import Facts
    from manager.cli.doctor.reading import DoctorReader
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    settings = load({}, os.environ, settings_file(patient.config))
    own = patient.own or settings.process.namespace or "kube-system"
    modules = tuple(each for each in MODULES if getattr(settings.modules, each))
    facts = Facts(time.time(), own, modules, settings.modules.scope, lease_name=settings.lease.name)
    facts.account = f"{own}:{patient.account}" if patient.account else ""
    agent = f"coffer/{VERSION}"
    client = KubeClient(await connect(patient.kubeconfig, patient.context), agent)
    try:
        await DoctorReader(client, facts, patient.namespace, agent).read()
    finally:
        await client.close()
    return examined(facts)
