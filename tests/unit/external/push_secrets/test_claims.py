"""Who has a place: found by the place, however many claims a rival has."""

from typing import Any

import pytest

from external.push_secrets.claims import Claims
from external.push_summaries import Claim, PushSecretSummary, push_secret_summary
from manager.kube.cache import MetadataCache
from manager.kube.resources import PUSH_SECRETS, SECRET_STORES, Key
from tests.builders.push_provider import entry

STORE = Key(SECRET_STORES, "ns", "store")
ME, RIVAL = Key(PUSH_SECRETS, "ns", "me"), Key(PUSH_SECRETS, "ns", "rival")


@pytest.fixture
def cache() -> MetadataCache:
    made = MetadataCache()
    made.digest(PUSH_SECRETS, push_secret_summary)
    return made


def put(cache: MetadataCache, key: Key, *entries: Any) -> None:
    meta = {"name": key.name, "namespace": key.namespace, "uid": key.name, "resourceVersion": "1"}
    spec = {"secretStoreRefs": [{"name": "store"}], "data": list(entries)}
    cache.observe(PUSH_SECRETS, "ADDED", {"metadata": meta, "spec": spec})


def test_rivals_share_a_part_of_a_remote_key(cache: MetadataCache) -> None:
    claims = Claims(cache)
    put(cache, ME, entry(remote="a"))
    put(cache, RIVAL, entry(remote="a", prop="p"), entry(remote="b"))
    put(cache, Key(PUSH_SECRETS, "ns", "other"), entry(remote="c"))

    assert claims.rivals(ME, {(STORE, "a"), (STORE, "b")}) == {RIVAL}
    assert claims.rivals(ME, set()) == set()


def test_many_moved_claims_look_at_no_claims_of_a_rival(cache: MetadataCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each moved claim times each claim of each rival would stop the event loop."""
    claims = Claims(cache)
    places = {(STORE, f"r{at}") for at in range(200)}
    put(cache, RIVAL, *(entry(remote=f"r{at}") for at in range(200)))
    read: list[str] = []
    monkeypatch.setattr(PushSecretSummary, "claims", property(lambda summary: read.append("claims") or ()))

    assert claims.rivals(ME, places) == {RIVAL}
    assert claims.any_other(ME, Claim(STORE, "r7", ""))
    assert read == []
