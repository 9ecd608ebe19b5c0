"""A leader that is frozen or cut off while another replica takes over."""

import time

import pytest

from tests.builders.manifests import canary, sealed_secret
from tests.cluster.proxy import FaultProxy
from tests.controller import always_serving, leader_of
from tests.e2e.conftest import BRISK, MakeCoffer
from tests.e2e.world import World


@pytest.mark.parametrize(
    ("lease", "seconds"),
    [pytest.param(BRISK, 0, id="until-the-takeover"), pytest.param((), 60, id="a-minute", marks=pytest.mark.soak)],
)
def test_a_frozen_leader_writes_nothing_stale_and_exits(
    arena: World, arena_coffer: MakeCoffer, arena_proxy: FaultProxy, lease: tuple[str, ...], seconds: float
) -> None:
    first = arena_coffer("a", *lease, proxy=arena_proxy)
    first.wait_leading()
    second = arena_coffer("b", *lease)
    namespace, values = arena.namespace(), {f"app-{at}": {"password": canary()} for at in range(10)}
    frozen = arena_proxy.after_write(3, first.pause, counting=lambda call: call.namespace == namespace)

    for name, value in values.items():
        arena.apply(sealed_secret(arena.certificate, namespace, name, value))
    arena.kube.wait_until(frozen.fired.is_set)
    since = time.monotonic()
    with always_serving(second):
        second.wait_leading()
        for name, value in values.items():
            arena.await_data(namespace, name, value)
        arena.kube.wait_until(lambda: time.monotonic() - since >= seconds, timeout=seconds + 5)
        before = len(arena_proxy.calls)
        first.resume()
        arena.kube.wait_until(lambda: not first.alive, timeout=15, what="the old leader to end by itself")

    assert first.process.exit_code == 1
    accepted = [call for call in arena_proxy.calls[before:] if call.is_write and (call.status or 500) < 400]
    assert not accepted, "a stale write was accepted"
    assert leader_of(arena.kube, second.installation.namespace) == second.name
    assert any("lease lost" in str(line["event"]) for line in first.lines())


def test_a_leader_that_is_cut_off_exits_before_another_leads(
    arena: World, arena_coffer: MakeCoffer, arena_proxy: FaultProxy
) -> None:
    """It reaches no API server and can decide only by the time since its last renewal; nothing may delay that."""
    lease = (*BRISK, "--lease-duration=9")  # five seconds between the exit of one and the takeover by the other
    first = arena_coffer("a", *lease, proxy=arena_proxy)
    first.wait_leading()
    second = arena_coffer("b", *lease)
    namespace, values = arena.namespace(), {"password": canary()}

    with arena_proxy.blackhole(), always_serving(second):
        arena.kube.wait_until(lambda: not first.alive, timeout=15, what="the old leader to end by itself")
        assert leader_of(arena.kube, second.installation.namespace) == first.name, "it ended only after the takeover"
        second.wait_leading()

    arena.apply(sealed_secret(second.certificate(), namespace, "app", values))
    arena.await_data(namespace, "app", values)
    assert first.process.exit_code == 1
    assert any("lease lost" in str(line["event"]) for line in first.lines())
