"""When the values of a target end, as the metadata cache shows it: known without a request, also after a restart."""

from collections.abc import Mapping
from types import MappingProxyType

from external.external_secrets.view import refresh_by_in
from external.summaries import ExternalSecretSummary
from manager.kube.cache import MetadataCache
from manager.kube.resources import CONFIGMAPS, SECRETS, Key, Resource

CACHED_TARGETS: Mapping[tuple[str, str], Resource] = MappingProxyType(
    {(each.api_version, each.kind): each for each in (SECRETS, CONFIGMAPS)}
)
"""Kinds of targets whose metadata is in the cache; a pass reads the others."""


def target_refresh_by(cache: MetadataCache, key: Key, summary: ExternalSecretSummary) -> float | None:
    """Return the Unix time at which the values of a target must be replaced; None if it does not say."""
    resource = CACHED_TARGETS.get(summary.manifest)
    if resource is None or summary.creates == "None" or not summary.generators:
        return None
    target = cache.get(Key(resource, key.namespace, summary.target))
    return None if target is None else refresh_by_in(target.annotations)
