"""`coffer cost`: what administrators ask about the bill."""

import asyncio

import click

from manager import VERSION
from manager.errors import CofferError
from manager.kube.resources import CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, SECRET_STORES, Body, Resource, key_of


@click.command()
@click.option(
    "--kubeconfig", default="", help="Kubeconfig file; KUBECONFIG or ~/.kube/config otherwise.", metavar="FILE"
)
@click.option("--context", default="", help="Context of the kubeconfig.")
@click.option("-n", "--namespace", default="", help="Only what ExternalSecrets of this namespace ask for.")
def cost(kubeconfig: str, context: str, namespace: str) -> None:
    """Explain, store by store, what a month of refreshes asks of providers, and what that costs.

    Estimated from intervals and keys as the objects stand, at public list prices; beside it, what external-secrets
    would ask. Needs only the right to list stores and ExternalSecrets; nothing is read from a provider.
    """
    from external.cost import bills, table

    try:
        stores, secrets = asyncio.run(_read(kubeconfig, context))
    except CofferError as error:
        raise click.ClickException(str(error)) from error
    wanted = [each for each in secrets if namespace in ("", each["metadata"].get("namespace"))]
    found = bills({key_of(resource, body): body for resource, body in stores}, wanted)
    for line in table([each for each in found if not namespace or each.secrets + each.once]):
        click.echo("".join(character if character.isprintable() else "?" for character in line))


async def _read(kubeconfig: str, context: str) -> tuple[list[tuple[Resource, Body]], list[Body]]:
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    client = KubeClient(await connect(kubeconfig, context), f"coffer/{VERSION}")
    try:
        stores = [
            (resource, body)
            for resource in (SECRET_STORES, CLUSTER_SECRET_STORES)
            async for items, _ in client.pages(resource)
            for body in items
        ]
        return stores, [body async for items, _ in client.pages(EXTERNAL_SECRETS) for body in items]
    finally:
        await client.close()
