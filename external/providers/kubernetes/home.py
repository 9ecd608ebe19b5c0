"""The address of this cluster, for stores that name no other."""

import ssl

from external.providers.protocol import Home
from manager.core.tls import verifying
from manager.kube.connection import Connection


def home_of(connection: Connection | None) -> Home | None:
    """Return the API server of this cluster, None without a connection (as in tests)."""
    if connection is None or connection.ssl_context is None:
        return None
    own = connection.ssl_context

    def trusting() -> ssl.SSLContext:
        # Not our own context: it may show our client certificate, and the store would act as Coffer.
        authorities = own.get_ca_certs(binary_form=True)
        return verifying(cadata=b"".join(authorities) or None)

    return Home(connection.server, trusting, connection.default_namespace)
