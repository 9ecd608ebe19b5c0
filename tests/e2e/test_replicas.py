"""Two replicas: one writes, both serve; whoever goes, and however, the other goes on (reliability.md R1)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import urllib3

from tests.cluster.proxy import FaultProxy
from tests.controller import Coffer, leader_of, seconds_until
from tests.e2e.conftest import BRISK, MakeCoffer
from tests.e2e.manifests import canary, sealed_secret
from tests.e2e.world import World

TAKEOVER, HANDOVER = 20.0, 3.0  # seconds that are promised after a crash and after SIGTERM


def test_both_are_ready_and_serve_the_same_certificate(arena: World, arena_coffer: MakeCoffer) -> None:
    first, second = pair(arena, arena_coffer, *BRISK)

    assert first.certificate() == second.certificate()
    assert [each.metrics()["coffer_leader"] for each in (first, second)] == [1, 0]


def test_a_killed_leader_is_followed_within_twenty_seconds(arena: World, arena_coffer: MakeCoffer) -> None:
    first, second = pair(arena, arena_coffer)
    with always_serving(second):
        first.kill()
        assert work_is_done(arena) <= TAKEOVER
    assert leader(arena) == second.name


def test_a_leader_told_to_end_hands_over_within_three_seconds(arena: World, arena_coffer: MakeCoffer) -> None:
    first, second = pair(arena, arena_coffer)
    with always_serving(second):
        assert first.stop() == 0
        assert work_is_done(arena) <= HANDOVER
    assert leader(arena) == second.name


def test_a_standby_that_ends_disturbs_nobody(arena: World, arena_coffer: MakeCoffer) -> None:
    first, second = pair(arena, arena_coffer, *BRISK)
    with always_serving(first):
        assert second.stop() == 0
        work_is_done(arena)
    assert leader(arena) == first.name


def test_a_leader_that_was_frozen_writes_nothing_stale(
    arena: World, arena_coffer: MakeCoffer, arena_proxy: FaultProxy
) -> None:
    freeze_and_thaw(arena, arena_coffer, arena_proxy, BRISK)


@pytest.mark.soak
def test_a_leader_that_was_frozen_for_a_minute_writes_nothing_stale(
    arena: World, arena_coffer: MakeCoffer, arena_proxy: FaultProxy
) -> None:
    freeze_and_thaw(arena, arena_coffer, arena_proxy, ())


def freeze_and_thaw(arena: World, arena_coffer: MakeCoffer, proxy: FaultProxy, lease: tuple[str, ...]) -> None:
    """Stop a leader in the middle of its work, let the other take over, and wake it up with its queue still full."""
    first = arena_coffer("a", *lease, proxy=proxy)
    first.wait_leading()
    second = arena_coffer("b", *lease)
    certificate = first.certificate()
    namespace, values = arena.namespace(), {f"app-{at}": canary() for at in range(10)}
    frozen = proxy.after_write(3, first.pause, counting=lambda call: call.namespace == namespace)

    for name, value in values.items():
        arena.apply(sealed_secret(certificate, namespace, name, {"password": value}))
    arena.kube.wait_until(frozen.fired.is_set)
    with always_serving(second):
        second.wait_leading(timeout=TAKEOVER)
        for name, value in values.items():
            arena.await_data(namespace, name, {"password": value})
        before = len(proxy.calls)
        first.resume()
        arena.kube.wait_until(lambda: not first.alive, timeout=15, what="the old leader to end by itself")

    assert first.process.exit_code == 1
    accepted = [call for call in proxy.calls[before:] if call.is_write and (call.status or 500) < 400]
    assert not accepted, "a stale write was accepted"
    assert leader(arena) == second.name
    assert any("lease lost" in str(line["event"]) for line in first.lines())


def pair(arena: World, arena_coffer: MakeCoffer, *flags: str) -> tuple[Coffer, Coffer]:
    """Return a leader and a standby, both ready."""
    first = arena_coffer("a", *flags)
    first.wait_leading()
    return first, arena_coffer("b", *flags)


def leader(arena: World) -> str:
    """Return who holds the lease."""
    assert arena.coffer is not None
    return leader_of(arena.kube, arena.coffer.installation.namespace)


def work_is_done(arena: World) -> float:
    """Return the seconds until a SealedSecret that is applied now has its Secret, whoever makes it."""
    namespace, values = arena.namespace(), {"password": canary()}
    certificate = next(each.certificate() for each in arena.coffers if each.alive)
    arena.apply(sealed_secret(certificate, namespace, "app", values))
    return seconds_until(lambda: arena.data(namespace, "app") == values, timeout=40, what="the Secret")


@contextmanager
def always_serving(coffer: Coffer) -> Iterator[None]:
    """Check all the time that a replica is ready and serves the certificate."""
    done = threading.Event()
    failures: list[tuple[str, object]] = []

    def watch() -> None:
        with urllib3.PoolManager(retries=False, timeout=3.0) as pool:
            while not done.wait(0.1):
                for path in ("/readyz", "/v1/cert.pem", "/healthz"):
                    try:
                        status: object = pool.request("GET", coffer.url + path).status
                    except urllib3.exceptions.HTTPError as error:
                        status = type(error).__name__
                    if status != 200:
                        failures.append((path, status))

    watcher = threading.Thread(target=watch, name=f"watches {coffer.name}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert not failures, f"{coffer.name} did not serve: {failures[:5]}"
