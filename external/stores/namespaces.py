"""Namespaces that are being deleted: what is missing in them is no fault, and nobody reads what is said of it."""

from manager.kube.cache import MetadataCache
from manager.kube.resources import NAMESPACES, Key

TERMINATING_RETRY_SECONDS = 60.0  # until an object in such a namespace is looked at again, in case its deletion hangs


def is_terminating(cache: MetadataCache, namespace: str) -> bool:
    """Tell whether a namespace is on its way out; what is outside of all namespaces never is."""
    meta = cache.get(Key(NAMESPACES, "", namespace)) if namespace else None
    return meta is not None and meta.deleting
