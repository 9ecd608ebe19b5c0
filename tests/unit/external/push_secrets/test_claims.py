"""Who has a place: found by the place, however many claims a rival has."""

from types import SimpleNamespace
from typing import Any

import pytest

from external.push_secrets.claims import Claims
from external.push_summaries import Claim, PushSecretSummary, push_secret_summary
from external.stores.access import StoreAccess
from manager.core.errors import NeedsHuman
from manager.kube.cache import MetadataCache
from manager.kube.resources import CLUSTER_SECRET_STORES, PUSH_SECRETS, SECRET_STORES, Key
from tests.builders.push_provider import entry

STORE = Key(SECRET_STORES, "ns", "store")
ME, RIVAL = Key(PUSH_SECRETS, "ns", "me"), Key(PUSH_SECRETS, "ns", "rival")


@pytest.fixture
def cache() -> MetadataCache:
    made = MetadataCache()
    made.digest(PUSH_SECRETS, push_secret_summary)
    return made


class Access(StoreAccess):
    """Admits all namespaces but one."""

    def __init__(self) -> None:
        pass

    def require_usable(self, store: Key, namespace: str) -> None:
        if namespace == "outside":
            raise NeedsHuman("Errored", f"{store} does not admit {namespace}")


def claims_of(cache: MetadataCache) -> Claims:
    return Claims(cache, Access())


def put(cache: MetadataCache, key: Key, *entries: Any, pushed: bool = False, kind: str = "SecretStore") -> None:
    meta = {"name": key.name, "namespace": key.namespace, "uid": key.name, "resourceVersion": "1"}
    spec = {"secretStoreRefs": [{"name": "store", "kind": kind}], "data": list(entries)}
    record = {f"{kind}/store": {str(at): each for at, each in enumerate(entries)}} if pushed else {}
    body = {"metadata": meta, "spec": spec, "status": {"syncedPushSecrets": record}}
    cache.observe(PUSH_SECRETS, "ADDED", body)


def test_rivals_share_a_part_of_a_remote_key(cache: MetadataCache) -> None:
    claims = claims_of(cache)
    put(cache, ME, entry(remote="a"))
    put(cache, RIVAL, entry(remote="a", prop="p"), entry(remote="b"))
    put(cache, Key(PUSH_SECRETS, "ns", "other"), entry(remote="c"))

    assert claims.rivals(ME, {(STORE, "a"), (STORE, "b")}) == {RIVAL}
    assert claims.rivals(ME, set()) == set()


def test_many_moved_claims_look_at_no_claims_of_a_rival(cache: MetadataCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each moved claim times each claim of each rival would stop the event loop."""
    claims = claims_of(cache)
    places = {(STORE, f"r{at}") for at in range(200)}
    put(cache, RIVAL, *(entry(remote=f"r{at}") for at in range(200)))
    read: list[str] = []
    monkeypatch.setattr(PushSecretSummary, "claims", property(lambda summary: read.append("claims") or ()))

    assert claims.rivals(ME, places) == {RIVAL}
    assert claims.any_other(ME, Claim(STORE, "r7", ""))
    assert read == []


@pytest.mark.parametrize(
    ("namespace", "pushed", "counts"), [("outside", False, False), ("outside", True, True), ("inside", False, True)]
)
def test_who_may_not_use_the_store_claims_only_what_it_has_pushed(
    cache: MetadataCache, namespace: str, pushed: bool, counts: bool
) -> None:
    claims, other = claims_of(cache), Key(PUSH_SECRETS, namespace, "other")
    put(cache, other, entry(remote="a"), pushed=pushed, kind="ClusterSecretStore")
    claim = Claim(Key(CLUSTER_SECRET_STORES, "", "store"), "a", "")

    assert claims.prior(ME, "2026-01-01T00:00:00Z", claim, held=False) == (other if counts else None)
    assert claims.any_other(ME, claim) is counts


@pytest.mark.parametrize("apart", [True, False])
def test_namespaces_with_credentials_of_their_own_do_not_compete(cache: MetadataCache, apart: bool) -> None:
    store = Key(CLUSTER_SECRET_STORES, "", "store")
    cache.digest(CLUSTER_SECRET_STORES, lambda body: SimpleNamespace(per_consumer=apart, by_namespace=False))
    cache.observe(CLUSTER_SECRET_STORES, "ADDED", {"metadata": {"name": "store", "uid": "s", "resourceVersion": "1"}})
    claims, other = claims_of(cache), Key(PUSH_SECRETS, "inside", "other")
    put(cache, other, entry(remote="a"), kind="ClusterSecretStore")
    claim, made = Claim(store, "a", ""), "2026-01-01T00:00:00Z"

    assert claims.prior(ME, made, claim, held=False) == (None if apart else other)
    assert claims.any_other(ME, claim), "a delete could destroy it all the same"
    put(cache, RIVAL, entry(remote="a"), kind="ClusterSecretStore")
    cache.forget(other)
    assert claims.prior(ME, made, claim, held=False) == RIVAL


@pytest.mark.parametrize("by_namespace", [True, False])
@pytest.mark.parametrize("pushed", [True, False])
def test_a_namespace_tells_places_apart_where_the_provider_has_namespaces(
    cache: MetadataCache, by_namespace: bool, pushed: bool
) -> None:
    """At a provider without namespaces one that names a namespace would take a key from others."""
    store = Key(CLUSTER_SECRET_STORES, "", "store")
    cache.digest(CLUSTER_SECRET_STORES, lambda body: SimpleNamespace(per_consumer=False, by_namespace=by_namespace))
    cache.observe(CLUSTER_SECRET_STORES, "ADDED", {"metadata": {"name": "store", "uid": "s", "resourceVersion": "1"}})
    claims, far = claims_of(cache), {"spec": {"remoteNamespace": "far"}}
    put(cache, RIVAL, entry(remote="a", metadata=far), pushed=pushed, kind="ClusterSecretStore")

    for claim, taken in (
        (Claim(store, "a", ""), not by_namespace),
        (Claim(store, "a", "", "near"), not by_namespace),
        (Claim(store, "a", "p", "near"), not by_namespace),
        (Claim(store, "a", "", "far"), True),
    ):
        assert claims.any_other(ME, claim) is taken
        assert claims.prior(ME, "2026-01-01T00:00:00Z", claim, held=False) == (RIVAL if taken else None)
