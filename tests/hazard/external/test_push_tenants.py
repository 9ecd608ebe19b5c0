"""One tenant's PushSecrets do not stop those of others."""

import threading

import pytest

from external.providers.protocol import ProviderUnavailable
from external.push_secrets.view import MAX_ENTRIES
from manager.core.clock import rfc3339
from manager.core.cooperative import CooperativeYield
from manager.kube.resources import PUSH_SECRETS, SECRETS, Body
from tests.builders.external_module import ExternalModule
from tests.builders.external_objects import encoded
from tests.builders.push_provider import Remote, entry, install, later, push_secret, ready, recorded, started


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    return install(monkeypatch)


def tenant(bench: ExternalModule, namespace: str, count: int) -> None:
    """Let a namespace push many keys, each of its own PushSecret, to a cluster store."""
    source = {"type": "Opaque", "data": encoded(k="v")}
    bench.put(SECRETS, source | {"metadata": {"name": "src", "namespace": namespace}})
    for at in range(count):
        spec: Body = {
            "secretStoreRefs": [{"name": "cluster", "kind": "ClusterSecretStore"}],
            "selector": {"secret": {"name": "src"}},
            "data": [entry(remote=f"{namespace}-{at}")],
        }
        bench.put(PUSH_SECRETS, {"metadata": {"name": f"ps{at}", "namespace": namespace}, "spec": spec})


async def test_a_namespace_with_many_waits_for_its_turn(bench: ExternalModule, remote: Remote) -> None:
    bench.store("cluster")
    await bench.settle()
    order: list[str] = []
    lock = threading.Lock()
    push = remote.push

    def noted(place: str, request: object) -> object:
        with lock:
            order.append(request.owner.partition("/")[0])  # type: ignore[attr-defined]
        return push(place, request)  # type: ignore[arg-type]

    remote.push = noted  # type: ignore[method-assign, assignment]
    tenant(bench, "greedy", 100)
    tenant(bench, "modest", 2)
    await bench.settle()

    assert len(order) == 102
    assert max(at for at, each in enumerate(order) if each == "modest") < 50


async def test_a_store_that_is_away_holds_only_those_who_use_it(bench: ExternalModule, remote: Remote) -> None:
    remote.failing["b"] = ProviderUnavailable("away")
    bench.store("away", values={"place": "b"})
    await bench.settle()
    bench.secret("src", k="v")
    for at in range(30):
        push_secret(bench, f"stuck{at}", secretStoreRefs=[{"name": "away"}], data=[entry(remote=f"r{at}")])
    await bench.settle()
    bench.store()
    await bench.settle()
    push_secret(bench)
    await bench.settle()
    assert (remote.text("remote"), ready(bench)[0]) == ("v", "True")

    del remote.failing["b"]
    for _ in range(6):
        await later(bench, 15)
    assert {ready(bench, f"stuck{at}")[0] for at in range(30)} == {"True"}


async def test_one_object_may_not_ask_for_everything(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, data=[entry(remote=f"r{at}") for at in range(MAX_ENTRIES + 1)])

    assert f"more than {MAX_ENTRIES} entries" in ready(bench)[2]
    assert not remote.calls


async def test_what_takes_long_goes_on_in_the_next_pass(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("external.push_secrets.delivery.PASS_SECONDS", -1.0)
    await started(bench)
    assert recorded(bench) == {"SecretStore/store": []}

    monkeypatch.setattr("external.push_secrets.delivery.PASS_SECONDS", 100.0)
    await later(bench, 2)

    assert (remote.text("remote"), ready(bench)[0]) == ("v", "True")


async def test_a_claim_of_another_namespace_is_told_without_its_values(bench: ExternalModule, remote: Remote) -> None:
    bench.store("cluster")
    await bench.settle()
    tenant(bench, "first", 1)
    await bench.settle()
    bench.pass_by(5)
    spec: Body = {
        "secretStoreRefs": [{"name": "cluster", "kind": "ClusterSecretStore"}],
        "selector": {"secret": {"name": "src"}},
        "data": [entry(remote="first-0")],
    }
    bench.secret("src", k="mine")
    made = rfc3339(bench.stage.clock.now())
    bench.put(PUSH_SECRETS, {"metadata": {"name": "ps", "namespace": "ns", "creationTimestamp": made}, "spec": spec})
    await bench.settle()

    assert remote.text("first-0") == "v"
    assert "claimed by PushSecret first/ps0" in ready(bench)[2]
    told = [each for each in bench.api.events if each["reason"] == "RemoteKeyClaimed"]
    assert [each["involvedObject"]["namespace"] for each in told] == ["first"]


async def test_claims_of_many_properties_give_way_to_others(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is waited for while another PushSecret has the places."""
    monkeypatch.setattr("manager.core.cooperative.SLICE_SECONDS", 0.0)
    given_way: list[float] = []
    take = CooperativeYield.take

    async def noted(breath: CooperativeYield) -> None:
        given_way.append(0.0)
        await take(breath)

    monkeypatch.setattr("external.push_secrets.push.CooperativeYield.take", noted)
    many = [entry(remote="one", prop=f"p{at}") for at in range(20)]
    await started(bench, data=many)

    assert len(given_way) >= len(many)
