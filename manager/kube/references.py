"""One resolver for every reference from one object to another: here, and nowhere else, a namespace is decided.

reliability.md B1: four of the original's CVEs were one reference field that forgot its namespace.
"""

from manager.core.errors import NeedsHuman
from manager.kube.resources import Key, Resource


def resolve(owner: Key, resource: Resource, name: object, namespace: object, *, at: str, consumer: str = "") -> Key:
    """Return the key that a reference names.

    A namespaced owner reaches only its own namespace. A cluster-scoped owner names one, or falls back to the namespace
    of the object that uses it (`consumer`) where the contract allows that.

    Args:
        owner: the object that holds the reference.
        resource: what is referred to.
        name: as written by the user.
        namespace: as written by the user, empty when absent.
        at: the field, for the message.
        consumer: namespace of the object on whose behalf a cluster-scoped owner is read.

    Raises:
        NeedsHuman: the name is missing, or the namespace is foreign or missing.

    """
    if not isinstance(name, str) or not name:
        raise NeedsHuman("InvalidReference", f"{at}.name is missing")
    if not isinstance(namespace, str | None):
        raise NeedsHuman("InvalidReference", f"{at}.namespace is not a string")
    if owner.resource.namespaced:
        if namespace and namespace != owner.namespace:
            cure = f"leave it out or use a Cluster{owner.resource.kind}"
            raise NeedsHuman("InvalidReference", f"{at}.namespace is not the namespace of this object: {cure}")
        return Key(resource, owner.namespace, name)
    chosen = namespace or consumer
    if not chosen:
        raise NeedsHuman("InvalidReference", f"{at}.namespace is missing: a cluster-scoped object must name it")
    return Key(resource, chosen, name)
