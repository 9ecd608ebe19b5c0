"""A list of versions proves that nothing has changed: no value is read, and nothing is written."""

import pytest

from external.generators.registry import KINDS
from external.providers.protocol import ProviderDenied, ProviderUnavailable
from tests.builders.external_module import ExternalModule
from tests.builders.push_provider import (
    OK,
    Remote,
    entry,
    install,
    later,
    push_secret,
    ready,
    restarted,
    started,
    status,
)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    return install(monkeypatch, versions=True)


async def test_a_refresh_costs_one_list_and_no_value(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, refreshInterval="1m")
    remote.calls.clear()

    await later(bench, 70)

    assert remote.calls == {"list": 1}


async def test_many_share_one_list_and_write_nothing(bench: ExternalModule, remote: Remote) -> None:
    bench.store()
    for at in range(50):
        bench.secret(f"s{at}", k=f"v{at}")
        push_secret(
            bench,
            f"ps{at}",
            selector={"secret": {"name": f"s{at}"}},
            data=[entry(remote=f"r{at}")],
            refreshInterval="5m",
        )
    await bench.settle()
    assert remote.calls["write"] == 50
    remote.calls.clear()
    bench.api.calls.clear()

    await later(bench, 310)

    assert set(remote.calls) == {"list"}
    assert remote.calls["list"] <= 2
    assert {verb for verb, _ in bench.api.calls} == {"get"}


async def test_drift_shows_in_the_versions_and_is_repaired(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, refreshInterval="1m")
    remote.values["a", "remote"], remote.versions["a", "remote"] = b"edited", "other"

    await later(bench, 70)

    assert remote.text("remote") == "v"


async def test_a_value_that_is_gone_at_the_provider_comes_back(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, refreshInterval="1m")
    for name in ("values", "owners", "versions"):
        del getattr(remote, name)["a", "remote"]

    await later(bench, 70)

    assert remote.text("remote") == "v"


async def test_the_proof_outlives_a_restart(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, refreshInterval="30s")
    remote.calls.clear()

    second = await restarted(bench)

    assert remote.calls == {"list": 1}
    await second.close()


async def test_who_may_not_list_compares_values(bench: ExternalModule, remote: Remote) -> None:
    remote.failing["list"] = ProviderDenied("may not list")
    await started(bench, refreshInterval="1m")
    remote.calls.clear()

    await later(bench, 70)

    assert (remote.calls["push"], remote.calls["write"], ready(bench)) == (1, 0, OK)


async def test_a_provider_that_is_away_keeps_what_is_recorded(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, refreshInterval="1m")
    before = status(bench)["syncedPushSecrets"]
    remote.failing["a"] = ProviderUnavailable("away")
    await later(bench, 70)
    assert (ready(bench)[0], status(bench)["syncedPushSecrets"]) == ("False", before)

    remote.failing.clear()
    for _ in range(3):
        await later(bench, 15)
    assert ready(bench) == OK


async def test_a_generator_makes_new_values_though_versions_are_the_same(bench: ExternalModule, remote: Remote) -> None:
    bench.store()
    meta = {"name": "gen", "namespace": "ns", "generation": 1}
    bench.api.put(KINDS["Password"].resource, {"metadata": meta, "spec": {"length": 12}})
    selector = {"generatorRef": {"kind": "Password", "name": "gen"}}
    push_secret(bench, selector=selector, data=[entry("password")], refreshInterval="1m")
    await bench.settle()
    first = remote.text("remote")

    await later(bench, 70)

    assert first
    assert remote.text("remote") not in (None, first)


async def test_what_others_only_ask_for_is_not_listed(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who may not push must not make the list long, and so the proof of all others impossible."""
    await started(bench, refreshInterval="1m")
    remote.foreign("foreign", "x")
    push_secret(bench, "greedy", data=[entry(remote="foreign")])
    await bench.settle()
    asked: list[frozenset[str]] = []
    listed = remote.current_versions
    monkeypatch.setattr(remote, "current_versions", lambda place, keys: asked.append(keys) or listed(place, keys))

    await later(bench, 70)

    assert asked == [frozenset({"remote"})]


async def test_many_keys_are_listed_a_part_at_a_time(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("external.push_secrets.versions.MAX_SHARED_KEYS", 3)
    await started(bench, refreshInterval="5m")
    for at in range(8):
        push_secret(bench, f"ps{at}", data=[entry(remote=f"r{at}")], refreshInterval="5m")
    await bench.settle()
    remote.calls.clear()

    await later(bench, 310)

    assert set(remote.calls) == {"list"}
    assert 3 <= remote.calls["list"] <= 9


async def test_a_list_that_gets_no_answer_ends_no_pass(bench: ExternalModule, remote: Remote) -> None:
    """Its keys are mostly those of others: values are compared."""
    await started(bench, refreshInterval="1m")
    remote.failing["list"] = ProviderUnavailable("timeout")
    remote.calls.clear()

    await later(bench, 70)

    assert (remote.calls["push"], remote.calls["write"], ready(bench)) == (1, 0, OK)
