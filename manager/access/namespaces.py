"""Find the default namespace, without loading what connections need."""

from collections.abc import Mapping

from manager.access import pod
from manager.access.flags import Access
from manager.access.kubeconfig import Kubeconfig
from manager.access.selection import NoConfiguration, choose, namespace_of


def default_namespace(access: Access, known: Kubeconfig, environ: Mapping[str, str]) -> str:
    """Return the context's namespace, the Pod's, or `default`. Raises AccessError."""
    named = namespace_of(access, known)
    if named:
        return named
    try:
        choose(access, known)
    except NoConfiguration:
        if not pod.inside(environ):
            raise
    return pod.namespace(environ) if pod.inside(environ) else "default"
