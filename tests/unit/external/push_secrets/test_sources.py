"""Values that must be ended at their provider, pushed to stores: ended once no store has them."""

from typing import Any

import pytest

from external.generators.states import FINALIZER, GENERATOR_STATES, HELD, UNWRITTEN_SECONDS
from external.providers.protocol import ProviderError
from manager.kube.resources import PUSH_SECRETS, Body
from manager.settings.model import Settings
from tests.builders.counted_tokens import CountedTokens
from tests.builders.external_module import ExternalModule
from tests.builders.push_provider import OK, Remote, entry, install, later, push_secret, ready, restarted

GRACE = Settings().external.generator_gc_grace_period
MADE = {"generatorRef": {"kind": "Grafana", "name": "made"}}


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    return install(monkeypatch)


@pytest.fixture
def tokens(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> CountedTokens:
    made = CountedTokens()
    for place in ("external.generators.loading.KINDS", "external.generator_states.revoke.KINDS"):
        monkeypatch.setattr(place, {"Grafana": made.kind})
    bench.put(made.kind.resource, {"metadata": {"name": "made", "namespace": "ns"}, "spec": {}})
    bench.store()
    return made


async def pushed(bench: ExternalModule, **spec: Any) -> None:
    push_secret(bench, **{"selector": MADE, "data": [entry("token")], "refreshInterval": "1h", **spec})
    await bench.settle()


def states(bench: ExternalModule) -> dict[str, Body]:
    """Return the states by the name of their token."""
    found = [body for key, body in bench.api.objects.items() if key.resource is GENERATOR_STATES]
    return {each["spec"]["state"]["name"]: each for each in found}


def deadlines(bench: ExternalModule) -> dict[str, bool]:
    """Return whether each token's state has a deadline."""
    return {name: bool(each["spec"].get("garbageCollectionDeadline")) for name, each in states(bench).items()}


def held(bench: ExternalModule) -> str | None:
    body: Any = bench.body(PUSH_SECRETS, "ps")
    text: str | None = (body["metadata"].get("annotations") or {}).get(HELD)
    return text


async def test_what_is_pushed_is_recorded_and_stays(
    bench: ExternalModule, remote: Remote, tokens: CountedTokens
) -> None:
    await pushed(bench)

    (state,) = states(bench).values()
    assert ready(bench) == OK
    assert remote.text("remote")
    assert state["metadata"]["finalizers"] == [FINALIZER]
    assert [each["kind"] for each in state["metadata"]["ownerReferences"]] == ["PushSecret"]
    assert held(bench) == f"ps/={state['metadata']['name']}"
    assert deadlines(bench) == {"t1": False}, "the store has it"

    await later(bench, UNWRITTEN_SECONDS + 60)
    assert (tokens.made, tokens.ended) == (1, [])


async def test_a_refresh_ends_the_old_one_after_the_grace(
    bench: ExternalModule, remote: Remote, tokens: CountedTokens
) -> None:
    await pushed(bench)
    first = remote.text("remote")

    await later(bench, 3700)
    assert remote.text("remote") not in (None, first)
    assert deadlines(bench) == {"t1": True, "t2": False}
    assert tokens.ended == []

    await later(bench, GRACE + 1)
    assert tokens.ended == ["t1"]
    assert tokens.alive == {"t2"}


async def test_while_a_store_lacks_the_new_one_both_live(
    bench: ExternalModule, remote: Remote, tokens: CountedTokens
) -> None:
    both = [entry("token", "first"), entry("token", "second")]
    await pushed(bench, data=both)
    remote.failing["second"] = ProviderError("boom")

    await later(bench, 3700)
    for _ in range(4):
        await later(bench, UNWRITTEN_SECONDS)
    assert tokens.ended == [], "one store has the new one, one the old"
    assert tokens.made == 2, "the new one is used until both have it"

    remote.failing.clear()
    await later(bench, 3700)
    await later(bench, GRACE + 1)
    assert remote.text("first") == remote.text("second")
    assert tokens.alive == {f"t{tokens.made}"}


async def test_what_a_store_keeps_is_not_ended(bench: ExternalModule, remote: Remote, tokens: CountedTokens) -> None:
    await pushed(bench, updatePolicy="IfNotExists")
    kept = remote.text("remote")

    for _ in range(3):
        await later(bench, 3700)
    await later(bench, UNWRITTEN_SECONDS + GRACE)

    assert remote.text("remote") == kept
    assert tokens.alive == {"t1"}, "what was made since then reached no store"


async def test_what_was_ended_unused_is_not_pushed_later(
    bench: ExternalModule, remote: Remote, tokens: CountedTokens
) -> None:
    await pushed(bench, updatePolicy="IfNotExists")
    await later(bench, 3700)
    await later(bench, GRACE + 60)
    assert tokens.alive == {"t1"}

    bench.store(values={"place": "b"})
    await bench.settle()

    assert remote.text("remote", "b") is not None
    assert tokens.alive - {"t1"}, "what is pushed lives"


async def test_a_restart_ends_nothing_that_a_store_has(
    bench: ExternalModule, remote: Remote, tokens: CountedTokens
) -> None:
    await pushed(bench)

    second = await restarted(bench)

    await later(second, UNWRITTEN_SECONDS + 60)
    assert (tokens.made, tokens.ended) == (1, [])
    await second.close()


async def test_another_source_ends_what_the_generator_made(
    bench: ExternalModule, remote: Remote, tokens: CountedTokens
) -> None:
    await pushed(bench)
    bench.secret("src", token="given")

    await pushed(bench, selector={"secret": {"name": "src"}})
    assert remote.text("remote") == "given"
    await later(bench, GRACE + 1)

    assert tokens.alive == set()
