"""Credentials that live at a provider: recorded before the target, ended once no target holds them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from external.generators.protocol import NotRevoked
from external.generators.states import FINALIZER, GENERATOR_STATES, HELD, OWNER_KEY, UNWRITTEN_SECONDS, Slot
from external.providers.protocol import ProviderDenied, ProviderUnavailable
from manager.core.errors import Conflict, Forbidden, Invalid, NotFound
from manager.kube.resources import EXTERNAL_SECRETS, NAMESPACES, SECRETS, Body, Key
from manager.settings.model import ExternalSettings, Settings
from tests.builders.api_in_memory import EPOCH
from tests.builders.counted_tokens import CountedTokens
from tests.builders.external_module import ExternalModule
from tests.builders.external_objects import encoded

GRACE = 120.0


@pytest.fixture
def tokens(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> CountedTokens:
    return served(bench, monkeypatch)


def served(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, *, announced: bool = False) -> CountedTokens:
    made = CountedTokens(announced=announced, now=lambda: bench.stage.clock.now().timestamp())
    for place in ("external.generators.loading.KINDS", "external.generator_states.revoke.KINDS"):
        monkeypatch.setattr(place, {"Grafana": made.kind})
    bench.put(made.kind.resource, {"metadata": {"name": "made", "namespace": "ns"}, "spec": {}})
    return made


def asks(bench: ExternalModule, **spec: Any) -> None:
    entry = {"sourceRef": {"generatorRef": {"kind": "Grafana", "name": "made"}}}
    bench.external(**{"data": None, "secretStoreRef": None, "dataFrom": [entry], **spec})


def states(bench: ExternalModule) -> list[Body]:
    return [body for key, body in bench.api.objects.items() if key.resource is GENERATOR_STATES]


def deadlines(bench: ExternalModule) -> dict[str, str | None]:
    """Return the deadline of each token's state."""
    return {each["spec"]["state"]["name"]: each["spec"].get("garbageCollectionDeadline") for each in states(bench)}


def writes(bench: ExternalModule) -> int:
    return sum(verb.partition(" ")[0] in ("create", "update", "patch", "delete") for verb, _ in bench.api.calls)


async def later(bench: ExternalModule, seconds: float) -> None:
    bench.pass_by(seconds)
    await bench.settle()


async def test_a_state_is_written_before_its_target(bench: ExternalModule, tokens: CountedTokens) -> None:
    asks(bench)
    await bench.settle()

    created = [place for verb, place in bench.api.calls if verb == "create"]
    (state,) = states(bench)
    assert [each.split(" ")[0] for each in created] == ["GeneratorState", "Secret"]
    assert state["metadata"]["name"].startswith("gen-grafana-made-")
    assert state["metadata"]["finalizers"] == [FINALIZER]
    assert state["metadata"]["labels"] == {OWNER_KEY: Slot(Key(EXTERNAL_SECRETS, "ns", "es"), "", "0").label}
    external: Any = bench.body(EXTERNAL_SECRETS, "es")
    owner = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "es"}
    assert state["metadata"]["ownerReferences"] == [owner | {"uid": external["metadata"]["uid"]}]
    assert state["spec"]["resource"]["kind"] == "Grafana"
    assert deadlines(bench) == {"t1": None}, "the target holds it"
    secret: Any = bench.body(SECRETS, "es")
    assert secret["metadata"]["annotations"][HELD] == f"es/0={state['metadata']['name']}"
    assert "dDE" not in str(states(bench))


async def test_the_old_one_lives_on_for_the_grace_and_is_ended(bench: ExternalModule, tokens: CountedTokens) -> None:
    asks(bench)
    await bench.settle()
    await later(bench, 3700)

    assert bench.data() == {"token": b"t2"}
    assert tokens.alive == {"t1", "t2"}
    assert deadlines(bench)["t2"] is None
    assert deadlines(bench)["t1"] is not None
    await later(bench, GRACE + 1)
    assert (tokens.alive, tokens.ended, len(states(bench))) == ({"t2"}, ["t1"], 1)


async def test_a_quiet_cluster_writes_nothing(bench: ExternalModule, tokens: CountedTokens) -> None:
    asks(bench)
    await bench.settle()
    before = writes(bench)
    await later(bench, 1800)

    assert (writes(bench), tokens.made) == (before, 1)


async def test_a_write_that_is_refused_keeps_the_token_and_then_ends_it(
    bench: ExternalModule, tokens: CountedTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bench.api.create

    async def refusing(resource: Any, body: Body, **options: Any) -> Body:
        if resource is SECRETS:
            raise Invalid(422, "Invalid", "create Secret ns/es")
        return await real(resource, body, **options)

    with monkeypatch.context() as refused:
        refused.setattr(bench.api, "create", refusing)
        asks(bench)
        await bench.settle()
        await later(bench, 700)
        assert (tokens.made, tokens.alive) == (1, {"t1"}), "the second attempt has the same token"
        await later(bench, UNWRITTEN_SECONDS)
        assert tokens.made == 2
        assert tokens.alive == {"t2"}
    await later(bench, 700)
    assert bench.data() == {"token": b"t2"}
    await later(bench, UNWRITTEN_SECONDS * 2)
    assert (tokens.alive, deadlines(bench)) == ({"t2"}, {"t2": None})


@pytest.mark.parametrize("error", [Forbidden(403, "Forbidden", "create"), Conflict(409, "Conflict", "create")])
async def test_a_state_that_cannot_be_written_ends_its_token(
    bench: ExternalModule, tokens: CountedTokens, error: Any
) -> None:
    bench.api.fail("create", error)
    asks(bench)
    await bench.settle()

    assert (bench.data(), tokens.alive, tokens.ended) == (None, set(), ["t1"])
    assert "its GeneratorState cannot be written" in bench.ready()[2]
    await later(bench, 60)
    assert (bench.data(), tokens.alive) == ({"token": b"t2"}, {"t2"})


async def test_nothing_is_made_without_the_crd(bench: ExternalModule, tokens: CountedTokens) -> None:
    bench.api.fail("list", NotFound(404, "NotFound", "list"))
    asks(bench)
    await bench.settle()

    assert (tokens.made, bench.data()) == (0, None)
    assert "the CRD of GeneratorStates is not installed" in bench.ready()[2]


async def test_nothing_is_made_for_a_foreign_target(bench: ExternalModule, tokens: CountedTokens) -> None:
    bench.secret(token="foreign")
    asks(bench)
    await bench.settle()

    assert (tokens.made, bench.data()) == (0, {"token": b"foreign"})
    assert "that is not this ExternalSecret's" in bench.ready()[2]


@pytest.mark.parametrize("target", [{"creationPolicy": "None"}, {"creationPolicy": "Merge"}])
async def test_nothing_is_made_that_no_target_holds(bench: ExternalModule, tokens: CountedTokens, target: Any) -> None:
    asks(bench, target=target)
    await bench.settle()

    assert (tokens.made, states(bench)) == (0, [])


async def test_nothing_is_made_while_another_entry_fails(bench: ExternalModule, tokens: CountedTokens) -> None:
    bench.store(values={})
    entry = {"secretKey": "k", "remoteRef": {"key": "remote"}}
    asks(bench, data=[entry], secretStoreRef={"name": "store"})
    await bench.settle()
    assert tokens.made == 0
    assert "nothing is made while the target cannot be written" in bench.ready()[2]

    bench.store(values={"remote": "v"})
    await later(bench, 120)

    assert bench.data() == {"token": b"t1", "k": b"v"}


async def test_an_answer_that_is_lost_leaves_nothing_alive(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kind announces what it makes: the state is written before the provider is asked."""
    tokens = served(bench, monkeypatch, announced=True)
    tokens.errors.append(ProviderUnavailable("no answer"))
    asks(bench)
    await bench.settle()
    assert tokens.ended == [], "the service may still be at work"

    await later(bench, 60)
    await later(bench, UNWRITTEN_SECONDS)

    assert (bench.data(), tokens.alive, deadlines(bench)) == ({"token": b"t2"}, {"t2"}, {"t2": None})


async def test_a_refusal_leaves_no_state(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = served(bench, monkeypatch, announced=True)
    tokens.errors.append(ProviderDenied("403"))
    asks(bench)
    await bench.settle()

    assert (states(bench), tokens.ended) == ([], ["t1"])


@pytest.mark.parametrize("announced", [True, False])
async def test_a_crash_before_the_target_ends_the_token(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    """The next process has no memory of the values: its first pass makes others."""
    tokens = served(bench, monkeypatch, announced=announced)
    real = bench.api.create

    async def dying(resource: Any, body: Body, **options: Any) -> Body:
        if resource is SECRETS:
            raise KeyboardInterrupt
        return await real(resource, body, **options)

    asks(bench)
    bench.observe()
    with monkeypatch.context() as dead:
        dead.setattr(bench.api, "create", dying)
        with pytest.raises(KeyboardInterrupt):
            await bench.module.controllers[0].reconcile(Key(EXTERNAL_SECRETS, "ns", "es"))
    assert list(deadlines(bench)) == ["t1"]
    again = restarted(bench)
    try:
        await again.settle()
        assert again.data() == {"token": b"t2"}
        await later(again, UNWRITTEN_SECONDS + 1)
        assert (tokens.alive, deadlines(again)) == ({"t2"}, {"t2": None})
    finally:
        await again.close()


def restarted(bench: ExternalModule) -> ExternalModule:
    """Return another process over the same objects, at the same time."""
    again = ExternalModule()
    again.api.objects = bench.api.objects
    again.api._versions, again.api.deleted = bench.api._versions, bench.api.deleted
    again.stage.clock.seconds = bench.stage.clock.seconds
    return again


async def test_a_crash_after_the_target_keeps_what_it_holds(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is still there, and over: the target's word counts."""
    tokens = served(bench, monkeypatch)
    asks(bench)
    await bench.settle()
    (state,) = states(bench)
    state["spec"]["garbageCollectionDeadline"] = EPOCH.isoformat()
    bench.api.put(GENERATOR_STATES, state)
    again = restarted(bench)
    try:
        await again.settle()
        assert (tokens.alive, deadlines(again)) == ({"t1"}, {"t1": None})
        assert again.data() == {"token": b"t1"}
    finally:
        await again.close()


async def test_a_crash_before_the_status_asks_for_nothing(
    bench: ExternalModule, tokens: CountedTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target says for what it was written, so the next process only reports it."""

    async def dying(*_: Any, **__: Any) -> Body:
        raise KeyboardInterrupt

    asks(bench)
    bench.observe()
    for made in (1, 2):
        current: Any = restarted(bench)
        if made == 2:
            current.pass_by(3700)
        current.observe()
        with monkeypatch.context() as dead:
            dead.setattr(current.api, "patch", dying)
            with pytest.raises(KeyboardInterrupt):
                await current.module.controllers[0].reconcile(Key(EXTERNAL_SECRETS, "ns", "es"))
        await current.close()
        bench.stage.clock.seconds = current.stage.clock.seconds
        again = restarted(bench)
        try:
            await again.settle()
            assert (tokens.made, again.data(), again.ready()[0]) == (made, {"token": f"t{made}".encode()}, "True")
            assert deadlines(again)[f"t{made}"] is None
        finally:
            await again.close()


def original(bench: ExternalModule, name: str, deadline: float | None = None, **more: Any) -> None:
    """Put a state as external-secrets leaves it: unlike ours it is named on no target."""
    external: Any = bench.body(EXTERNAL_SECRETS, "es")
    owner = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "es"}
    meta: Body = {
        "name": f"gen-grafana-made-{name}",
        "namespace": "ns",
        "ownerReferences": [owner | {"uid": external["metadata"]["uid"]}],
        "finalizers": [FINALIZER],
    }
    meta["labels"] = {OWNER_KEY: Slot(Key(EXTERNAL_SECRETS, "ns", "es"), "", "0").label}
    spec: Body = {"resource": {"kind": "Grafana", "spec": {}}, "state": {"name": name}, **more}
    if deadline is not None:
        spec["garbageCollectionDeadline"] = datetime.fromtimestamp(deadline, UTC).isoformat()
    bench.put(GENERATOR_STATES, {"metadata": meta, "spec": spec})


async def test_states_of_the_original_are_taken_over_without_a_write(
    bench: ExternalModule, tokens: CountedTokens
) -> None:
    asks(bench)
    await bench.settle()
    for each in list(states(bench)):
        bench.remove(GENERATOR_STATES, each["metadata"]["name"])
    secret: Any = bench.body(SECRETS, "es")
    del secret["metadata"]["annotations"][HELD]
    bench.api.put(SECRETS, secret)
    again = restarted(bench)
    now = again.stage.clock.now().timestamp()
    original(again, "old", now + GRACE)
    original(again, "new")
    tokens.alive |= {"old", "new"}
    try:
        await again.settle()
        assert writes(again) == 0
        assert tokens.alive >= {"old", "new"}
        await later(again, GRACE + 1)
        assert tokens.ended == ["old"]
        await later(again, 3700)
        assert deadlines(again)["new"] is not None, "the target has got another"
        await later(again, GRACE + 1)
        assert tokens.ended == ["old", "new"]
    finally:
        await again.close()


async def test_a_slot_that_is_switched_away_is_ended(bench: ExternalModule, tokens: CountedTokens) -> None:
    asks(bench)
    await bench.settle()
    bench.store(values={"remote": "v"})
    await bench.settle()
    bench.external()
    await later(bench, 10)
    assert bench.data() == {"k": b"v"}
    assert deadlines(bench)["t1"] is not None

    await later(bench, GRACE + 1)

    assert (tokens.alive, states(bench)) == (set(), [])


async def test_a_deleted_state_ends_what_it_records(bench: ExternalModule, tokens: CountedTokens) -> None:
    """Garbage collection deletes the states of an ExternalSecret that is gone."""
    asks(bench)
    await bench.settle()
    (state,) = states(bench)
    bench.remove(EXTERNAL_SECRETS, "es")
    bench.api.finalize(GENERATOR_STATES, state)
    tokens.refusals.append(ProviderDenied("Grafana: 403"))
    await bench.settle()
    assert tokens.alive == {"t1"}
    assert "what the generator made is still alive: Grafana: 403" in bench.stage.everything_said()

    await later(bench, 700)

    assert (tokens.alive, states(bench)) == (set(), [])


async def test_what_may_not_be_ended_is_let_go_at_its_end(bench: ExternalModule, tokens: CountedTokens) -> None:
    asks(bench)
    await bench.settle()
    (state,) = states(bench)
    bench.api.finalize(GENERATOR_STATES, state)
    ends = bench.stage.clock.now().timestamp() + 300
    tokens.refusals += [NotRevoked("403", ends)] * 2
    await bench.settle()
    assert len(states(bench)) == 1

    await later(bench, 301)

    assert states(bench) == []


async def test_a_namespace_that_goes_is_not_held(bench: ExternalModule, tokens: CountedTokens) -> None:
    asks(bench)
    await bench.settle()
    (state,) = states(bench)
    bench.api.finalize(GENERATOR_STATES, state)
    going = {"name": "ns", "deletionTimestamp": EPOCH.isoformat()}
    bench.put(NAMESPACES, {"metadata": going})
    tokens.refusals.append(ProviderDenied("its Secret is gone"))
    await bench.settle()

    assert states(bench) == []


@pytest.mark.parametrize("resource", [{"kind": "Unknown"}, "text", None, {"kind": "Grafana", "spec": {"odd": 1}}])
async def test_a_state_that_makes_no_sense_is_told_and_kept(
    bench: ExternalModule, tokens: CountedTokens, resource: Any
) -> None:
    asks(bench)
    await bench.settle()
    original(bench, "odd", EPOCH.timestamp() - 5, resource=resource)
    await bench.settle()

    assert len(states(bench)) == 2
    assert "is still alive" in bench.stage.everything_said()


async def test_a_lease_is_renewed_while_it_can_be(bench: ExternalModule, tokens: CountedTokens) -> None:
    tokens.lives, tokens.most = 900.0, bench.stage.clock.now().timestamp() + 3000
    asks(bench, refreshInterval="0")
    await bench.settle()
    for _ in range(4):
        await later(bench, 610)
        assert (bench.data(), tokens.made) == ({"token": b"t1"}, 1)

    await later(bench, 610)

    assert (bench.data(), tokens.made) == ({"token": b"t2"}, 2)
    await later(bench, GRACE + 1)
    assert tokens.ended == ["t1"]


async def test_without_records_the_provider_ends_what_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = ExternalModule(replace(Settings(), external=ExternalSettings(generator_state=False)))
    try:
        tokens = served(bench, monkeypatch)
        asks(bench)
        await bench.settle()
        assert (bench.data(), states(bench), tokens.alive) == ({"token": b"t1"}, [], {"t1"})
    finally:
        await bench.close()


def test_values_in_the_builders_are_encoded() -> None:
    """`dDE` is what the test of states looks for."""
    assert encoded(token="t1") == {"token": "dDE="}
