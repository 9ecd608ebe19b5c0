"""What the cache keeps of a store: its own fields, and what the declarations of providers say of the rest. Pure."""

from external.providers.catalogue import Catalogue
from external.providers.registry import BUILT_IN
from external.summaries import StoreSummary, summarized_store
from manager.kube.resources import Body


def store_summary(body: Body, catalogue: Catalogue = BUILT_IN) -> StoreSummary:
    """Read a store, however odd it is.

    Args:
        catalogue: the providers that are served.
    """
    spec = body.get("spec")
    given = spec.get("provider") if isinstance(spec, dict) else None
    provider = given if isinstance(given, dict) else {}
    push = catalogue.service_of({"spec": {"provider": provider}}).push
    return summarized_store(
        body,
        catalogue.references_of(provider),
        per_consumer=catalogue.per_consumer(provider),
        by_namespace=push is not None and push.by_namespace,
    )
