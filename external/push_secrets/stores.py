"""Which stores a PushSecret pushes to. Nothing here asks the API server."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from external.api.push_secret import PushSecretSpec, PushSecretStoreRef
from external.api.selectors import selects
from external.push_secrets.view import ERRORED, PushSecret
from external.stores.access import StoreAccess, missing
from external.summaries import store_key
from manager.core.errors import NeedsHuman
from manager.kube.cache import MetadataCache
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Key


@dataclass(frozen=True)
class Chosen:
    """One store that is pushed to."""

    key: Key
    labels: Mapping[str, str]


@dataclass(frozen=True)
class ChosenStores:
    """What the references of a PushSecret lead to."""

    served: tuple[Chosen, ...]
    """Stores for this controller, each once, in the order of the references."""
    kept: frozenset[Key]
    """Named but not pushed to: absent, being deleted, or for another controller. Nothing is cleaned up there."""
    absent: tuple[str, ...]
    """What is said of stores that do not exist."""


def choose(spec: PushSecretSpec, namespace: str, cache: MetadataCache, access: StoreAccess) -> ChosenStores:
    """Return the stores of a PushSecret.

    Raises NeedsHuman if the label selector of a `dataTo` entry matches none of them.
    """
    served: dict[Key, Chosen] = {}
    kept, absent = set[Key](), dict[str, None]()
    for ref in spec.secret_store_refs:
        for key in _keys(ref, namespace, cache):
            meta = cache.get(key)
            if meta is None:
                absent[missing(key)] = None
                kept.add(key)
            elif meta.deleting or not access.serves_store(key):
                kept.add(key)
            else:
                served[key] = Chosen(key, meta.labels)
    for at, entry in enumerate(spec.data_to or ()):
        if entry.store_ref and not entry.store_ref.name and served:
            _require_match(at, entry.store_ref, served.values())
    return ChosenStores(tuple(served.values()), frozenset(kept - served.keys()), tuple(absent))


async def selects_foreign(push_secret: PushSecret, cache: MetadataCache, access: StoreAccess) -> bool:
    """Return True if a PushSecret has pushed nothing, and selects stores by labels only, all of which are for others.

    Then its finalizer is theirs to remove: they may have pushed what their record does not say yet.
    """
    if push_secret.summary.stores or not push_secret.summary.selected_stores:
        return False
    try:
        stores = choose(await push_secret.spec(), push_secret.key.namespace, cache, access)
    except NeedsHuman:
        return False
    return not stores.served and bool(stores.kept)


def selected_by(ref: PushSecretStoreRef | None, store: Chosen) -> bool:
    """Return True if the storeRef of a `dataTo` entry means a store; here its name wins over its selector."""
    if ref is None or ref.kind != store.key.resource.kind:
        return False
    if ref.name:
        return ref.name == store.key.name
    return ref.label_selector is not None and selects(
        ref.label_selector.model_dump(by_alias=True, exclude_none=True), store.labels
    )


def _require_match(at: int, ref: PushSecretStoreRef, stores: Iterable[Chosen]) -> None:
    if not any(selected_by(ref, each) for each in stores):
        raise NeedsHuman(ERRORED, f"dataTo[{at}]: labelSelector does not match any store in secretStoreRefs")


def _keys(ref: PushSecretStoreRef, namespace: str, cache: MetadataCache) -> Iterator[Key]:
    if ref.label_selector is None:
        if ref.name:
            yield store_key(namespace, ref.name, ref.kind)
        return
    selector = ref.label_selector.model_dump(by_alias=True, exclude_none=True)
    resource = CLUSTER_SECRET_STORES if ref.kind == CLUSTER_SECRET_STORES.kind else SECRET_STORES
    found = (key for key, meta in cache.items(resource) if selects(selector, meta.labels))
    yield from sorted(key for key in found if key.namespace in ("", namespace))
