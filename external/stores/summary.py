"""What the cache keeps of a store: its own fields, and what the declarations of providers say of the rest. Pure."""

from external.providers.registry import per_consumer, references_of, service_of
from external.summaries import StoreSummary, summarized_store
from manager.kube.resources import Body


def store_summary(body: Body) -> StoreSummary:
    """Read a store, however odd it is."""
    spec = body.get("spec")
    given = spec.get("provider") if isinstance(spec, dict) else None
    provider = given if isinstance(given, dict) else {}
    push = service_of({"spec": {"provider": provider}}).push
    return summarized_store(
        body,
        references_of(provider),
        per_consumer=per_consumer(provider),
        by_namespace=push is not None and push.by_namespace,
    )
