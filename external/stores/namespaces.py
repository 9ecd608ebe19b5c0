"""Namespaces that are being deleted: missing objects in them are no fault, and are not reported."""

from manager.kube.cache import MetadataCache
from manager.kube.resources import NAMESPACES, Key

TERMINATING_RETRY_SECONDS = 60.0  # until an object in such a namespace is retried, in case its deletion hangs


def is_terminating(cache: MetadataCache, namespace: str) -> bool:
    """Return True if a namespace is being deleted; cluster-scoped objects (empty namespace) never are."""
    meta = cache.get(Key(NAMESPACES, "", namespace)) if namespace else None
    return meta is not None and meta.deleting
