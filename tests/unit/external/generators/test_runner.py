"""Values that are made instead of read: when, by which object, and what is said where that does not work."""

import asyncio
import base64
import re
import string
from dataclasses import replace
from typing import Any

import pytest

from external.crd_models import EveryGenerator
from external.generators import password
from external.generators.fake import FAKE
from external.generators.password import PASSWORDS, SYMBOLS
from external.generators.protocol import GeneratorKind
from external.generators.registry import ALL, CLUSTER_GENERATORS
from external.generators.uuid import UUIDS
from external.providers.protocol import ProviderError
from manager.core.errors import Forbidden, Invalid
from manager.kube.resources import CONFIGMAPS, EXTERNAL_SECRETS, SECRETS, Key
from manager.settings.model import ExternalSettings, Settings
from tests.builders.external_module import ExternalModule
from tests.builders.generators import generate, texts


def generator(bench: ExternalModule, kind: GeneratorKind[Any] = UUIDS, name: str = "made", **spec: Any) -> None:
    bench.put(kind.resource, {"metadata": {"name": name, "namespace": "ns"}, "spec": spec})


def cluster_generator(bench: ExternalModule, kind: str, **generator: Any) -> None:
    bench.put(CLUSTER_GENERATORS, {"metadata": {"name": "made"}, "spec": {"kind": kind, "generator": generator}})


def asks(bench: ExternalModule, kind: str = "UUID", name: str = "made", **spec: Any) -> None:
    rewrite = spec.pop("rewrite", None)
    entry = {"sourceRef": {"generatorRef": {"kind": kind, "name": name}}, **({"rewrite": rewrite} if rewrite else {})}
    bench.external(**{"data": None, "secretStoreRef": None, "dataFrom": [entry], **spec})


async def test_values_are_made_once_for_each_refresh(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench)
    await bench.settle()
    first = bench.data()

    assert bench.ready() == ("True", "SecretSynced", "secret synced")
    assert re.fullmatch(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", (first or {})["uuid"])
    bench.pass_by(1800)
    await bench.settle()
    assert bench.data() == first
    bench.pass_by(1900)
    await bench.settle()
    assert bench.data() not in (first, None)


async def test_an_edited_target_gets_its_values_back_a_deleted_one_new(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench)
    await bench.settle()
    first = bench.data()

    for _ in range(2):
        edited: Any = bench.body(SECRETS, "es")
        bench.api.put(SECRETS, edited | {"data": {"uuid": "ZWRpdGVk"}})
        await bench.settle()
        assert bench.data() == first

    bench.remove(SECRETS, "es")
    await bench.settle()
    assert bench.data() not in (first, None)


async def test_a_target_not_yet_in_the_cache_keeps_its_values(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator(bench)
    asks(bench)
    await bench.settle()
    first, target = bench.data(), Key(SECRETS, "ns", "es")
    edited: Any = bench.body(SECRETS, "es")
    edited["data"] = {"uuid": "ZWRpdGVk"}
    shown = bench.stage.context.cache.get
    with monkeypatch.context() as lagging:
        lagging.setattr(bench.stage.context.cache, "get", lambda key: None if key == target else shown(key))
        await bench.module.controllers[0].reconcile(Key(EXTERNAL_SECRETS, "ns", "es"))

    assert bench.data() == first


async def test_a_new_template_renders_the_existing_values(bench: ExternalModule) -> None:
    generator(bench)
    bench.put(CONFIGMAPS, {"metadata": {"name": "templates", "namespace": "ns"}, "data": {"t": "one {{ .uuid }}"}})
    source = {"configMap": {"name": "templates", "items": [{"key": "t"}]}}
    asks(bench, target={"template": {"templateFrom": [source]}})
    await bench.settle()
    first = (bench.data() or {})["t"].removeprefix(b"one ")

    bench.put(CONFIGMAPS, {"metadata": {"name": "templates", "namespace": "ns"}, "data": {"t": "two {{ .uuid }}"}})
    await bench.settle()

    assert bench.data() == {"t": b"two " + first}


async def test_a_failed_write_is_retried_with_the_same_values(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    generate = UUIDS.generate
    counting = replace(UUIDS, generate=lambda spec: made.append(spec) or generate(spec))
    monkeypatch.setattr("external.generators.loading.KINDS", {"UUID": counting})
    bench.api.fail("create", Invalid(422, "Invalid", "create Secret ns/es"))
    generator(bench)
    asks(bench)
    await bench.settle()
    assert (bench.data(), bench.ready()[0], len(made)) == (None, "False", 1)

    bench.pass_by(700)
    await bench.settle()

    assert (bench.ready()[0], len(made)) == ("True", 1)
    asks(bench, target={"template": {"metadata": {"labels": {"l": "1"}}}})
    await bench.settle()
    assert len(made) == 2, "the user has changed what is asked for"


async def test_a_generator_that_is_missing_is_waited_for(bench: ExternalModule) -> None:
    asks(bench)
    await bench.settle()
    assert "spec.dataFrom[0].sourceRef.generatorRef: " in bench.ready()[2]
    assert "there is no UUID ns/made, or its CRD is not installed" in bench.ready()[2]

    generator(bench)
    bench.pass_by(60)
    await bench.settle()

    assert bench.ready()[0] == "True"


async def test_a_generator_that_may_not_be_read_is_named(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator(bench)
    asks(bench)
    real, refused = bench.api.get, Forbidden(403, "Forbidden", "get UUID ns/made")

    async def get(key: Any) -> Any:
        if key.resource is UUIDS.resource:
            raise refused
        return await real(key)

    monkeypatch.setattr(bench.api, "get", get)
    await bench.settle()

    assert "get UUID ns/made: Forbidden; the chart's roles give the right" in bench.ready()[2]


@pytest.mark.parametrize(
    ("kind", "name", "version", "said"),
    [
        (
            "BeyondtrustWorkloadCredentialsDynamicSecret",
            "made",
            "",
            "generatorRef: kind: this version serves ACRAccessToken, CloudsmithAccessToken, ClusterGenerator, ",
        ),
        ("UUID", "made", "example.com/v1", "apiVersion must be generators.external-secrets.io/v1alpha1"),
        ("UUID", "../../../api/v1/namespaces/other/secrets/x", "", "name: "),
        ("ClusterGenerator", "x/../y", "", "name: "),
    ],
)
async def test_what_is_not_served_is_named_and_nothing_is_read(
    bench: ExternalModule, kind: str, name: str, version: str, said: str
) -> None:
    reference = {"kind": kind, "name": name, **({"apiVersion": version} if version else {})}
    asks(bench, dataFrom=[{"sourceRef": {"generatorRef": reference}}])
    await bench.settle()

    assert bench.ready()[0] == "False"
    assert said in bench.ready()[2]
    assert {place for verb, place in bench.api.calls if verb == "get"} <= {"ExternalSecret ns/es", "Secret ns/es"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {
                "kind": "BeyondtrustWorkloadCredentialsDynamicSecret",
                "generator": {"beyondtrustWorkloadCredentialsDynamicSecretSpec": {}},
            },
            "not BeyondtrustWorkloadCredentialsDynamicSecret; take one of these, or keep",
        ),
        ({"kind": "UUID", "generator": {"fakeSpec": {"data": {}}}}, "spec.kind is UUID, so uuidSpec must stand here"),
        ({"kind": "UUID", "generator": {}}, "spec.generator: exactly one generator must stand here"),
        ({"kind": "UUID"}, "spec.generator: exactly one generator must stand here"),
        (None, "spec.generator: exactly one generator must stand here"),
        ({"kind": "Fake", "generator": {"fakeSpec": {"data": "hunter2"}}}, "spec.generator.fakeSpec.data: "),
    ],
)
async def test_a_cluster_generator_that_makes_no_sense_is_named(bench: ExternalModule, spec: Any, said: str) -> None:
    bench.put(CLUSTER_GENERATORS, {"metadata": {"name": "made"}, "spec": spec})
    asks(bench, "ClusterGenerator")
    await bench.settle()

    assert said in bench.ready()[2]
    assert "hunter2" not in bench.ready()[2]
    assert bench.data() is None


@pytest.mark.parametrize("kind", ["Fake", "ClusterGenerator"])
async def test_a_generator_of_another_class_is_left_to_its_controller(kind: str) -> None:
    bench = ExternalModule(Settings(external=ExternalSettings(controller_class="mine")))
    for controller, data in (("other", None), ("mine", {"k": b"v"})):
        spec: dict[str, Any] = {"controller": controller, "data": {"k": "v"}}
        generator(bench, FAKE, **spec)
        cluster_generator(bench, "Fake", fakeSpec=spec)
        asks(bench, kind, target={"deletionPolicy": "Delete"}, refreshInterval="2h" if data else "1h")
        await bench.settle()
        assert bench.data() == data
        assert bool(bench.ready()[0]) == bool(data)
        assert ("finalizers" in (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"]) == bool(data)
    await bench.close()


async def test_entries_are_merged_in_order_and_rewritten(bench: ExternalModule) -> None:
    generator(bench, FAKE, data={"a": "made", "b": "made", "c": "made"})
    bench.store(values={"doc": '{"a": "read", "z": "read"}', "remote": "last"})
    made = {"sourceRef": {"generatorRef": {"kind": "Fake", "name": "made"}}}
    extract = {"extract": {"key": "doc"}}
    data = [{"secretKey": "b", "remoteRef": {"key": "remote"}}]
    bench.external(dataFrom=[extract, made], data=data)
    bench.external("reversed", dataFrom=[made, extract], data=data)
    bench.external("odd", dataFrom=[{**made, "rewrite": [{"regexp": {"source": "^a$", "target": "a/b"}}]}], data=None)
    renamed = [{"regexp": {"source": "^", "target": "x-"}}]
    bench.external("renamed", dataFrom=[{**made, "rewrite": renamed}], data=None)
    await bench.settle()

    assert bench.data() == {"a": b"made", "b": b"last", "c": b"made", "z": b"read"}
    assert bench.data("reversed") == {"a": b"read", "b": b"last", "c": b"made", "z": b"read"}
    assert bench.data("renamed") == {"x-a": b"made", "x-b": b"made", "x-c": b"made"}
    assert (bench.data("odd"), bench.ready("odd")[0]) == (None, "False")


async def test_generators_make_no_more_than_a_secret_holds(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of the largest passwords would hold a worker until the process counts as stuck."""
    drawn: list[int] = []
    monkeypatch.setattr(password, "_password", lambda _spec, length: [drawn.append(length), "x" * length][1])
    generator(bench, PASSWORDS, length=password.MAX_CHARACTERS, allowRepeat=True)
    entry = {"sourceRef": {"generatorRef": {"kind": "Password", "name": "made"}}}
    bench.external(data=None, secretStoreRef=None, dataFrom=[entry] * 1000)

    await bench.settle()

    assert len(drawn) <= 17
    assert bench.data() is None
    assert "no more than 1 MiB" in bench.ready()[2]


async def test_a_target_deleted_again_and_again_is_given_up(bench: ExternalModule) -> None:
    generator(bench)
    asks(bench)
    await bench.settle()
    for _ in range(6):
        if bench.data() is not None:
            bench.remove(SECRETS, "es")
        await bench.settle()

    assert bench.data() is None
    assert "somebody keeps changing or deleting it" in bench.ready()[2]


def passwords(**spec: Any) -> dict[str, str]:
    return texts(asyncio.run(generate(PASSWORDS, **spec)))


def counts(text: str) -> tuple[int, int, int]:
    digits, symbols = (sum(each in kind for each in text) for kind in (string.digits, SYMBOLS))
    return len(text), digits, symbols


def test_a_password_has_quarters_of_digits_and_symbols() -> None:
    made = [passwords()["password"] for _ in range(50)]

    assert {counts(each) for each in made} == {(24, 6, 6)}
    assert all(len(set(each)) == 24 for each in made)
    assert len(set(made)) == 50
    assert any(each[0] in string.digits for each in made), "in any order"
    assert counts(passwords(length=30, digits=2, symbols=0)["password"]) == (30, 2, 0)
    assert counts(passwords(length=0)["password"]) == (24, 6, 6)
    assert counts(passwords(length=7)["password"]) == (7, 1, 1)


def test_a_password_has_only_what_is_asked_for() -> None:
    lower = passwords(length=20, digits=0, symbols=0, noUpper=True)["password"]
    assert set(lower) <= set(string.ascii_lowercase)
    assert counts(passwords(length=400, allowRepeat=True)["password"]) == (400, 100, 100)
    dashed = passwords(length=8, digits=0, symbols=4, symbolCharacters="-_", allowRepeat=True)["password"]
    assert sum(each in "-_" for each in dashed) == 4
    several = passwords(secretKeys=["a", "b"])
    assert several.keys() == {"a", "b"}
    assert several["a"] != several["b"]


@pytest.mark.parametrize(
    ("encoding", "decode"),
    [
        ("raw", str.encode),
        ("base64", base64.b64decode),
        ("base64url", base64.urlsafe_b64decode),
        ("base32", base64.b32decode),
        ("hex", bytes.fromhex),
    ],
)
def test_a_password_is_encoded_as_asked(encoding: str, decode: Any) -> None:
    assert counts(decode(passwords(encoding=encoding)["password"]).decode()) == (24, 6, 6)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"length": 4, "digits": 3, "symbols": 2}, "more than spec.length together"),
        ({"digits": -1}, "must not be negative"),
        ({"length": 70, "digits": 0, "symbols": 0}, "70 letters are wanted and there are 52"),
        ({"length": 30, "digits": 0, "symbols": 0, "noUpper": True}, "30 letters are wanted and there are 26"),
        ({"length": 20, "digits": 11}, "11 digits are wanted and there are 10"),
        ({"symbols": 3, "symbolCharacters": "--_"}, "3 symbols are wanted and there are 2"),
        ({"secretKeys": ["a", "a"]}, "spec.secretKeys"),
        ({"secretKeys": [""]}, "spec.secretKeys"),
        ({"secretKeys": []}, "spec.secretKeys"),
        ({"length": 100_000, "allowRepeat": True}, "65536 characters at most"),
        ({"encoding": "rot13"}, "spec.encoding"),
    ],
)
def test_a_password_that_cannot_be_made_says_why(spec: Any, said: str) -> None:
    with pytest.raises(ProviderError, match=said):
        passwords(**spec)


def test_a_cluster_generator_can_hold_every_kind() -> None:
    fields = {field.alias: field.annotation for field in EveryGenerator.model_fields.values()}

    assert {each.embedded: each.spec | None for each in ALL}.items() <= fields.items()
