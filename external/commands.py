"""`coffer cost`: what the calls of providers cost."""

import click

from manager import VERSION
from manager.command_line import Told, cluster_options, namespace_options, output_option, show, tell_nothing
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SECRET_STORES,
    Body,
    Resource,
    key_of,
)
from manager.progress import run


@click.command(cls=Told)
@cluster_options
@namespace_options
@output_option
def cost(kubeconfig: str, context: str, namespace: str, output: str) -> None:
    """Explain what a month of refreshes asks of providers and costs.

    Store by store, estimated from intervals and keys as the objects stand, at public list prices; beside it, what
    external-secrets would ask. Generators that ask a service have a line each. With -n only what ExternalSecrets and
    PushSecrets of that namespace ask for. Needs only the right to list stores, ExternalSecrets and PushSecrets, with -n
    in that namespace, and cluster stores; nothing is read from a provider.
    """
    from external.cost import bills, record, table

    stores, secrets, pushes = run(_read(kubeconfig, context, namespace))
    found = bills({key_of(resource, body): body for resource, body in stores}, secrets, pushes)
    shown = [each for each in found if not namespace or each.objects]
    names = (f"{each.store.resource.kind.lower()}/{each.store.name}" for each in shown)
    show(output, table(shown) if shown else (), [record(each) for each in shown], names)
    tell_nothing(output, shown, namespace)


async def _read(
    kubeconfig: str, context: str, namespace: str
) -> tuple[list[tuple[Resource, Body]], list[Body], list[Body]]:
    from manager.core.errors import NotFound
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    client = KubeClient(await connect(kubeconfig, context), f"coffer/{VERSION}")
    try:
        stores = [
            (resource, body)
            for resource in (SECRET_STORES, CLUSTER_SECRET_STORES)
            async for items, _ in client.pages(resource, namespace=namespace)
            for body in items
        ]
        secrets = [body async for items, _ in client.pages(EXTERNAL_SECRETS, namespace=namespace) for body in items]
        try:
            pushes = [body async for items, _ in client.pages(PUSH_SECRETS, namespace=namespace) for body in items]
        except NotFound:
            pushes = []  # an older installation has no such kind
        return stores, secrets, pushes
    finally:
        await client.close()
