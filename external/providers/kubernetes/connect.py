"""Connects stores to the Secrets of this cluster, or of the one that a URL or a kubeconfig names."""

from external.api.providers.kubernetes import KubernetesProvider
from external.providers.kubernetes.client import Cluster
from external.providers.kubernetes.connection import Connection
from external.providers.kubernetes.server import OWN, ClusterFields, chosen_server
from external.providers.protocol import Client, ConnectContext
from external.providers.support.naming import host_of

AT = "spec.provider.kubernetes"


async def connect(spec: KubernetesProvider, context: ConnectContext) -> Client:
    """Return the client of one namespace of a cluster."""
    server, cluster = await chosen_server(ClusterFields(spec.server, spec.auth, spec.auth_ref, AT), context)

    def make() -> Client:
        connection = Connection(server, context.count, context.timeout)
        return Cluster(
            connection,
            spec.remote_namespace,
            context.timeout,
            cluster,
            chooses_namespace=not context.lookup.store.namespace,
            closed=_closed(server.url, context),
        )

    return await context.run(make)


def _closed(url: str, context: ConnectContext) -> frozenset[str]:
    """Return the namespaces of this cluster that take no pushed Secrets: who writes there could become Coffer."""
    home = context.home
    if home is None or (url.rstrip("/") != home.url.rstrip("/") and host_of(url) not in OWN):
        return frozenset()
    return frozenset({"kube-system", home.namespace})
