"""Connects stores to the objects of one kind of this or another cluster."""

from external.api.providers.kubernetes import CustomResourceProvider, KubernetesServer
from external.providers.kubernetes.connection import Connection
from external.providers.kubernetes.custom_resources import LABEL, CustomResources, Scope
from external.providers.kubernetes.resource_rules import AccessRules
from external.providers.kubernetes.server import ClusterFields, chosen_server
from external.providers.protocol import Client, ConnectContext
from external.providers.support.lookup import INVALID
from external.providers.support.naming import leads_elsewhere
from manager.core.errors import NeedsHuman

AT = "spec.provider.crd"


async def connect(spec: CustomResourceProvider, context: ConnectContext) -> Client:
    """Return the client of one kind. Raises NeedsHuman for Secrets, which `spec.provider.kubernetes` reads."""
    resource, namespace = spec.resource, context.lookup.store.namespace
    if not resource.group and resource.kind == "Secret":
        raise NeedsHuman(INVALID, f"{AT}.resource: Secrets are read by spec.provider.kubernetes")
    if any(leads_elsewhere(each) or "/" in each for each in (resource.group, resource.version)):
        raise NeedsHuman(INVALID, f"{AT}.resource: group and version are no names")
    try:
        given = (spec.whitelist.rules if spec.whitelist is not None else None) or ()
        rules = AccessRules(given, cluster=not namespace, at=f"{AT}.whitelist.rules")
    except ValueError as error:
        raise NeedsHuman(INVALID, str(error)) from None
    fields = ClusterFields(spec.server or KubernetesServer(), spec.auth, spec.auth_ref, AT)
    server, cluster = await chosen_server(fields, context)

    def make() -> Client:
        connection = Connection(server, context.count, context.timeout, LABEL)
        return CustomResources(connection, resource, Scope(namespace, cluster, context.timeout), rules)

    return await context.run(make)
