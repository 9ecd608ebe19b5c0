"""An ExternalSecret costs three API requests when it is created, and none for a refresh without changes."""

from collections import Counter

from tests.builders.manifests import aws, aws_keys, canary, external_secret, secret, store
from tests.cluster.audit import Mark
from tests.controller import Coffer
from tests.e2e.conftest import MakeCoffer
from tests.e2e.world import World

NUMBER, REMOTE = 12, 3
ROUNDS = 5  # refreshes of each
PASSES = "externalsecret_sync_calls_total"


def asked(arena: World, coffer: Coffer, ns: str, since: Mark) -> Counter[str]:
    """Count the controller's requests for single objects of a namespace."""
    found = arena.audit.requests(since, user=coffer.installation.user)
    single = [each for each in found if each.namespace == ns and each.verb not in ("list", "watch")]
    return Counter(f"{each.verb} {each.resource}" for each in single)


def test_three_requests_make_one_and_none_refresh_it(arena: World, arena_coffer: MakeCoffer) -> None:
    coffer = arena_coffer("coffer-0")
    coffer.wait_leading()
    ns, client, old, new = arena.namespace(), arena.moto.client(), canary(), canary()
    names = [f"{arena.unique}-{at}" for at in range(REMOTE)]
    for name in names:
        client.create_secret(Name=name, SecretString=old)
    arena.apply(secret(ns, "aws-credentials", aws_keys()), store(ns, "aws", aws()))
    arena.await_ready("secretstores", ns, "aws")
    arena.await_event(ns, "aws", "Valid")  # written after the status; it must not count below

    mark = arena.audit.mark()
    for at in range(NUMBER):
        remote = {"k": {"key": names[at % REMOTE]}}
        arena.apply(external_secret(ns, f"es-{at}", "aws", remote, refreshInterval="2s"))
    for at in range(NUMBER):
        arena.await_ready("externalsecrets", ns, f"es-{at}")
    arena.kube.wait_until(lambda: coffer.metric("coffer_queue_depth", 'state="queued"') == 0)

    made = asked(arena, coffer, ns, mark)
    assert made.total() <= 3 * NUMBER, made
    assert made["create secrets"] == NUMBER

    # A pass or two may read everything because of watch events during the creation.
    passes = coffer.metric(PASSES)
    arena.kube.wait_until(lambda: coffer.metric(PASSES) >= passes + NUMBER)
    mark, passes = arena.audit.mark(), coffer.metric(PASSES)
    arena.kube.wait_until(lambda: coffer.metric(PASSES) >= passes + ROUNDS * NUMBER)
    assert not asked(arena, coffer, ns, mark)

    client.put_secret_value(SecretId=names[0], SecretString=new)
    arena.await_data(ns, "es-0", {"k": new})
    arena.await_data(ns, "es-3", {"k": new})
    assert arena.data(ns, "es-1") == {"k": old}
