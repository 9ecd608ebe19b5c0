"""Generated values that are kept: those that exist, and the last ones beside their successors."""

from typing import Any

import pytest

from external.external_secrets.kept_values import GENERATE, KEEP_PREVIOUS
from external.external_secrets.view import PREVIOUS
from external.generators.fake import FAKE
from external.generators.password import PASSWORDS
from external.generators.protocol import GeneratorKind
from external.generators.ssh_key import SSH_KEYS
from external.generators.states import GENERATOR_STATES, HELD
from external.generators.uuid import UUIDS
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS, Body
from tests.builders.counted_tokens import CountedTokens
from tests.builders.external_module import ExternalModule

KEEPS, ONE_BACK = {GENERATE: "if-absent"}, {KEEP_PREVIOUS: "1"}
GRACE = 120.0


def generator(bench: ExternalModule, kind: GeneratorKind[Any] = UUIDS, **spec: Any) -> None:
    bench.put(kind.resource, {"metadata": {"name": "made", "namespace": "ns"}, "spec": spec})


def asks(bench: ExternalModule, annotations: dict[str, str], *kinds: str, **spec: Any) -> None:
    rewrite = {"rewrite": spec.pop("rewrite")} if "rewrite" in spec else {}
    entries = [
        {"sourceRef": {"generatorRef": {"kind": kind, "name": "made"}}, **rewrite} for kind in kinds or ("UUID",)
    ]
    whole = {"data": None, "secretStoreRef": None, "dataFrom": entries, **spec}
    bench.external(meta={"annotations": annotations}, **whole)


async def later(bench: ExternalModule, seconds: float = 3700.0) -> None:
    bench.pass_by(seconds)
    await bench.settle()


def restarted(bench: ExternalModule) -> ExternalModule:
    """Return another process over the same objects, at the same time."""
    again = ExternalModule()
    again.api.objects, again.api._versions = bench.api.objects, bench.api._versions
    again.stage.clock.seconds = bench.stage.clock.seconds
    return again


def edit(bench: ExternalModule, **data: str | None) -> None:
    secret: Any = bench.body(SECRETS, "es")
    changed = {**secret["data"], **data}
    bench.api.put(SECRETS, secret | {"data": {name: text for name, text in changed.items() if text is not None}})


async def test_an_existing_value_outlives_refreshes_and_a_restart(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench, KEEPS)
    await bench.settle()
    first = bench.data()
    for _ in range(2):
        await later(bench)
        assert bench.data() == first
    again = restarted(bench)
    try:
        await later(again)
        assert again.data() == first
        assert GENERATE not in again.body(SECRETS, "es")["metadata"]["annotations"]  # type: ignore[index]
    finally:
        await again.close()


async def test_a_change_of_the_object_does_not_ask_for_others(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench, KEEPS)
    await bench.settle()
    first = bench.data()
    asks(bench, {**KEEPS, "force": "1"}, refreshInterval="2h")
    await bench.settle()

    assert (bench.data(), bench.ready()[0]) == (first, "True")


async def test_a_deleted_key_and_a_deleted_target_ask_for_others(bench: ExternalModule) -> None:
    generator(bench, SSH_KEYS, keyType="ed25519")
    generator(bench)
    asks(bench, KEEPS, "SSHKey", "UUID")
    await bench.settle()
    first = bench.data() or {}

    edit(bench, publicKey=None)
    await bench.settle()
    second = bench.data() or {}
    assert second["publicKey"] != first["publicKey"]
    assert second["privateKey"] != first["privateKey"], "one of a pair is of no use"
    assert second["uuid"] == first["uuid"]

    bench.remove(SECRETS, "es")
    await bench.settle()
    assert (bench.data() or {})["uuid"] != first["uuid"]


async def test_an_edited_value_is_one_that_exists(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench, KEEPS)
    await bench.settle()
    edit(bench, uuid="bWluZQ==")
    await bench.settle()
    await later(bench)

    assert (bench.data(), bench.ready()[0]) == ({"uuid": b"mine"}, "True")


async def test_names_are_compared_after_rewrites(bench: ExternalModule) -> None:
    generator(bench, PASSWORDS, length=8, secretKeys=["a", "b"])
    asks(bench, KEEPS, "Password", rewrite=[{"regexp": {"source": "^", "target": "db_"}}])
    await bench.settle()
    first = bench.data() or {}
    assert first.keys() == {"db_a", "db_b"}
    await later(bench)

    assert bench.data() == first


async def test_values_that_end_are_replaced_all_the_same(bench: ExternalModule, tokens: CountedTokens) -> None:
    tokens.lives = 900.0
    generator(bench)
    generator(bench, tokens.kind)
    asks(bench, KEEPS, "UUID", "Grafana")
    await bench.settle()
    first = bench.data() or {}
    await later(bench, 700)

    now = bench.data() or {}
    assert (now["uuid"], now["token"]) == (first["uuid"], b"t2")


@pytest.fixture
def tokens(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> CountedTokens:
    made = CountedTokens(now=lambda: bench.stage.clock.now().timestamp())
    kinds = {each.resource.kind: each for each in (UUIDS, FAKE, PASSWORDS, SSH_KEYS, made.kind)}
    for place in ("external.generators.loading.KINDS", "external.generator_states.revoke.KINDS"):
        monkeypatch.setattr(place, kinds)
    return made


async def test_a_kept_credential_lives_on(bench: ExternalModule, tokens: CountedTokens) -> None:
    """The target still names its state after a restart, and after a change of another entry."""
    generator(bench, tokens.kind)
    asks(bench, KEEPS, "Grafana")
    await bench.settle()
    again = restarted(bench)
    try:
        generator(again)
        asks(again, KEEPS, "Grafana", "UUID")
        await again.settle()
        await later(again)
        await later(again, GRACE + 1)
        assert (again.data() or {})["token"] == b"t1"
        assert (tokens.alive, tokens.made) == ({"t1"}, 1)
    finally:
        await again.close()


async def test_the_last_value_stays_for_some_refreshes(bench: ExternalModule) -> None:
    generator(bench, FAKE, data={"k": "one", "fixed": "f"})
    asks(bench, {KEEP_PREVIOUS: "2"}, "Fake")
    await bench.settle()
    assert bench.data() == {"k": b"one", "fixed": b"f"}

    generator(bench, FAKE, data={"k": "two", "fixed": "f"})
    for expected in ({"k_previous": b"one"}, {"k_previous": b"one"}, {}):
        await later(bench)
        assert bench.data() == {"k": b"two", "fixed": b"f", **expected}
    assert PREVIOUS not in annotations(bench)


def annotations(bench: ExternalModule) -> dict[str, str]:
    found: dict[str, str] = (bench.body(SECRETS, "es") or {"metadata": {}})["metadata"].get("annotations") or {}
    return found


async def test_each_refresh_moves_the_last_value_and_a_restart_does_not(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench, ONE_BACK)
    await bench.settle()
    first = (bench.data() or {})["uuid"]
    await later(bench)
    second = bench.data() or {}
    assert second["uuid_previous"] == first
    again = restarted(bench)
    try:
        await again.settle()
        assert again.data() == second
        await later(again)
        assert (again.data() or {})["uuid_previous"] == second["uuid"]
    finally:
        await again.close()


async def test_an_edited_value_does_not_become_the_last_one(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench, ONE_BACK)
    await bench.settle()
    await later(bench)
    before = bench.data()
    edit(bench, uuid="bWluZQ==")
    await bench.settle()

    assert bench.data() == before


async def test_the_last_credential_lives_as_long_as_it_stands(bench: ExternalModule, tokens: CountedTokens) -> None:
    generator(bench, tokens.kind)
    asks(bench, ONE_BACK, "Grafana")
    await bench.settle()
    for last, now in (("t1", "t2"), ("t2", "t3")):
        await later(bench)
        await later(bench, GRACE + 1)
        assert bench.data() == {"token": now.encode(), "token_previous": last.encode()}
        assert tokens.alive == {last, now}
        assert len(annotations(bench)[HELD].split(",")) == 2

    asks(bench, {}, "Grafana")
    await bench.settle()
    await later(bench, GRACE + 1)
    assert bench.data() == {"token": b"t4"}
    assert tokens.alive == {"t4"}
    assert sum(key.resource is GENERATOR_STATES for key in bench.api.objects) == 1


async def test_keys_of_the_same_name_are_refused(bench: ExternalModule) -> None:
    generator(bench, FAKE, data={"k": "one", "k_previous": "mine"})
    asks(bench, ONE_BACK, "Fake")
    await bench.settle()
    assert bench.ready()[0] == "True"
    generator(bench, FAKE, data={"k": "two", "k_previous": "mine"})
    await later(bench)

    assert "the key k_previous comes from another entry" in bench.ready()[2]
    assert bench.data() == {"k": b"one", "k_previous": b"mine"}


TEMPLATE = {"template": {"data": {"a": "{{ .uuid }}"}}}
MANIFEST = {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}


@pytest.mark.parametrize(
    ("annotations", "spec", "said"),
    [
        ({GENERATE: "if-missing"}, {}, "metadata.annotations[coffer.dev/generate]: must be if-absent"),
        ({KEEP_PREVIOUS: "0"}, {}, "coffer.dev/keep-previous]: must be a number of refreshes, from 1 to 1000"),
        ({KEEP_PREVIOUS: "-1"}, {}, "must be a number of refreshes"),
        ({KEEP_PREVIOUS: "1001"}, {}, "must be a number of refreshes"),
        (
            {"coffer.dev/generates": "if-absent"},
            {},
            "generates]: unknown; did you mean coffer.dev/generate?",
        ),
        ({"coffer.dev/keep-previuos": "1"}, {}, "unknown; did you mean coffer.dev/keep-previous?"),
        (KEEPS, {"target": TEMPLATE}, "spec.target.template.data and templateFrom must not be set"),
        (ONE_BACK, {"target": MANIFEST}, "spec.target.manifest must not be set"),
        (KEEPS, {"dataFrom": [{"find": {"name": {"regexp": "."}}}]}, "no entry of dataFrom names a generator"),
    ],
)
async def test_what_has_no_effect_is_told(
    bench: ExternalModule, annotations: dict[str, str], spec: Body, said: str
) -> None:
    generator(bench)
    asks(bench, annotations, **spec)
    await bench.settle()

    assert bench.ready()[0] == "False"
    assert said in bench.ready()[2]


async def test_values_that_all_end_cannot_be_kept(bench: ExternalModule, tokens: CountedTokens) -> None:
    tokens.lives = 900.0
    generator(bench, tokens.kind)
    asks(bench, KEEPS, "Grafana")
    await bench.settle()

    assert "nothing can be kept" in bench.ready()[2]
    assert tokens.made == 0


async def test_other_annotations_of_ours_are_no_misspelling(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench, {"coffer.dev/adopt": "true", "coffer.dev/refuse-push": "true"})
    await bench.settle()

    assert (bench.ready()[0], bench.body(EXTERNAL_SECRETS, "es") is not None) == ("True", True)
