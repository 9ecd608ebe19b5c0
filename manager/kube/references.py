"""Resolve every reference from one object to another: only here is its namespace decided.

Four CVEs of the original were a reference field whose namespace was not checked.
"""

from manager.core.errors import NeedsHuman
from manager.kube.resources import EXTERNAL_SECRETS, SECRET_STORES, Key, Resource

WITH_CLUSTER_KIND = (SECRET_STORES, EXTERNAL_SECRETS)
"""Namespaced kinds beside which there is one for all namespaces."""


def resolve(owner: Key, resource: Resource, name: object, namespace: object, *, at: str, consumer: str = "") -> Key:
    """Return the key that a reference names.

    A namespaced owner may name objects of its own namespace only. A cluster-scoped owner names a namespace, or uses
    that of the object on whose behalf it is read (`consumer`) where the original allows that.

    Args:
        owner: the object that holds the reference.
        resource: the type of the named object.
        name: as the user wrote it.
        namespace: as the user wrote it, empty if absent.
        at: path of the field, for the message.
        consumer: namespace of the object on whose behalf a cluster-scoped owner is read.

    Raises:
        NeedsHuman: the name is missing, or the namespace is missing or may not be named.

    """
    if not isinstance(name, str) or not name:
        raise NeedsHuman("InvalidReference", f"{at}.name is missing")
    if not isinstance(namespace, str | None):
        raise NeedsHuman("InvalidReference", f"{at}.namespace is not a string")
    if owner.resource.namespaced:
        if namespace and namespace != owner.namespace:
            wider = f" or use a Cluster{owner.resource.kind}" if owner.resource in WITH_CLUSTER_KIND else ""
            raise NeedsHuman(
                "InvalidReference", f"{at}.namespace is not the namespace of this object: leave it out{wider}"
            )
        return Key(resource, owner.namespace, name)
    chosen = namespace or consumer
    if not chosen:
        raise NeedsHuman("InvalidReference", f"{at}.namespace is missing: a cluster-scoped object must name it")
    return Key(resource, chosen, name)
