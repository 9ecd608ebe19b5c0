"""Without changes nothing is requested and nothing is written, not even after a restart."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.builders.manifests import allowed, aws, aws_keys, canary, external_secret, sealed_secret, secret, store
from tests.cluster.audit import Mark, Request
from tests.controller import Coffer
from tests.e2e.conftest import MakeCoffer
from tests.e2e.world import World

SIZES = [pytest.param(20, 8.0, id="some"), pytest.param(2_000, 300.0, id="many", marks=pytest.mark.soak)]
SERIES = 300  # metric series; the promise
COMPARED_A_SECOND = 20  # keys of one module; see manager.runtime.leader.VERIFY_PAUSE_SECONDS
REMOTES = 20  # AWS secrets that the ExternalSecrets share


def converge(arena: World, count: int, timeout: float) -> None:
    """Make `count` converged objects of each kind."""
    ns, target, values = arena.namespace("many"), arena.namespace("target"), {"key": canary()}
    aws_client = arena.moto.client()
    for at in range(REMOTES):
        aws_client.create_secret(Name=f"{arena.unique}-{at}", SecretString=values["key"])
    arena.apply(secret(ns, "aws-credentials", aws_keys()), store(ns, "aws", aws()))
    arena.await_ready("secretstores", ns, "aws")

    def make(at: int) -> None:
        remote = {"key": f"{arena.unique}-{at % REMOTES}"}
        arena.apply(
            sealed_secret(arena.certificate, ns, f"sealed-{at}", values),
            external_secret(ns, f"external-{at}", "aws", remote),
            secret(ns, f"source-{at}", values, annotations=allowed(target, auto="")),
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(count)))

    def made() -> int:
        here = [each["metadata"]["name"] for each in arena.kube.list("secrets", ns)]
        return len(here) + len(arena.kube.list("secrets", target))

    arena.kube.wait_until(made, lambda found: found == 4 * count + 1, timeout=timeout, what="all Secrets")
    for kind in ("sealedsecrets", "externalsecrets"):
        arena.kube.wait_until(partial(unready, arena, kind, ns), lambda found: not found, timeout=timeout)


def unready(arena: World, kind: str, ns: str) -> list[str]:
    """Return the names of the objects whose condition is not True."""
    return [
        each["metadata"]["name"]
        for each in arena.kube.list(kind, ns)
        if not any(found["status"] == "True" for found in each.get("status", {}).get("conditions", []))
    ]


def requests_of(coffer: Coffer, arena: World, since: Mark) -> list[Request]:
    """Return a controller's requests without its periodic ones: the lease and renewed watches.

    Requests about namespaces that an earlier test left behind are not counted either.
    """
    asked = arena.audit.requests(since, user=coffer.installation.user)
    here = {"", *arena.namespaces}
    return [each for each in asked if each.resource != "leases" and each.verb != "watch" and each.namespace in here]


def settled(coffer: Coffer) -> bool:
    """Return True if no key is queued or being processed."""
    return coffer.metric("coffer_queue_depth", 'state="queued"') == 0


@pytest.mark.parametrize(("count", "seconds"), SIZES)
@pytest.mark.timeout(1200)
def test_a_converged_cluster_is_quiet(arena: World, arena_coffer: MakeCoffer, count: int, seconds: float) -> None:
    coffer = arena_coffer("coffer-0")
    coffer.wait_leading()
    converge(arena, count, timeout=30 + count)
    arena.kube.wait_until(lambda: settled(coffer))

    mark, since = arena.mark(), time.monotonic()
    aws_calls = len(arena.moto.calls)
    arena.kube.wait_until(lambda: time.monotonic() - since >= seconds, timeout=seconds + 10)

    asked = requests_of(coffer, arena, mark)
    assert not [each for each in asked if each.verb != "list"], "a request in a quiet cluster"
    sweeps = Counter(each.uri for each in asked if "continue=" not in each.uri)
    assert all(times <= 1 for times in sweeps.values()), f"more lists than one sweep in ten minutes: {sweeps}"
    assert len(arena.moto.calls) == aws_calls
    assert len(coffer.metrics()) <= SERIES, "series that grow with the objects"


def seconds_of_comparing(coffer: Coffer) -> float:
    """Return how long the paced comparison after a start may have been running."""
    started = min((line["time"] for line in coffer.lines() if line["event"] == "module started"), default="")
    if not started:
        return 0.0  # it became leader a moment ago
    return (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()


@pytest.mark.parametrize("count", [20, pytest.param(1_000, marks=pytest.mark.soak)])
@pytest.mark.timeout(600)
def test_a_restart_decrypts_writes_and_reads_nothing(arena: World, arena_coffer: MakeCoffer, count: int) -> None:
    """No provider gets a call either."""
    first = arena_coffer("coffer-0")
    first.wait_leading()
    converge(arena, count, timeout=30 + count)
    arena.kube.wait_until(lambda: settled(first))
    first.stop()

    mark, aws_calls = arena.mark(), len(arena.moto.calls)
    second = arena_coffer("coffer-1")
    second.wait_leading()
    on_the_way = [each for each in requests_of(second, arena, mark) if each.namespace]
    comparing = seconds_of_comparing(second)
    compared = 0.05 * count * 3  # the background comparison is paced
    arena.kube.wait_until(
        lambda: second.metric("coffer_reconcile_total", 'controller="external"') >= count, timeout=30 + compared
    )
    arena.kube.wait_until(lambda: settled(second))

    assert not [each for each in on_the_way if each.verb not in {"list", "get"}]
    for kind in ("sealedsecrets", "externalsecrets"):
        read = {each.name for each in on_the_way if (each.verb, each.resource) == ("get", kind)}
        assert len(read) <= COMPARED_A_SECOND * comparing + 2, f"{kind} read for more than the paced comparison"
    assert not [each for each in requests_of(second, arena, mark) if each.is_write]
    assert second.metric("coffer_sealed_decryptions_total") == 0
    assert len(arena.moto.calls) == aws_calls
