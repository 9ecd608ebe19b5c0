"""Memory that is kept for tenants: charged before it is taken, the oldest goes first, nobody's beside his own."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import MAX_VALUES, parse
from external.generators import fake, loading, password, runner
from external.generators.fake import FAKE
from external.generators.password import PASSWORDS
from external.generators.protocol import GeneratorKind
from external.generators.uuid import UUIDS
from external.reading.memory_budget import MemoryBudget
from manager.core.errors import NeedsHuman
from manager.kube.resources import SECRETS, Key
from tests.builders.external_module import ExternalModule
from tests.builders.generators import generate, generator_contexts
from tests.unit.external.generators.test_runner import generator


def entry(kind: str, name: str = "made") -> dict[str, Any]:
    return {"sourceRef": {"generatorRef": {"kind": kind, "name": name}}}


def test_of_a_tenant_that_has_too_much_the_oldest_goes() -> None:
    gone: list[str] = []
    weights: MemoryBudget[str] = MemoryBudget(100, 1000, gone.append)
    for name in "abc":
        weights.put("evil", name, 40)
    weights.put("good", "z", 90)

    assert gone == ["a"]
    assert weights.total == 170


def test_of_all_together_the_oldest_of_whoever_has_most_goes() -> None:
    gone: list[str] = []
    weights: MemoryBudget[str] = MemoryBudget(100, 150, gone.append)
    weights.put("small", "s", 30)
    weights.put("large", "a", 60)
    weights.put("large", "b", 40)
    weights.put("other", "o", 40)

    assert gone == ["a"]


def test_an_item_counts_once_and_stays_while_it_is_used() -> None:
    gone: list[str] = []
    weights: MemoryBudget[str] = MemoryBudget(100, 1000, gone.append)
    weights.put("t", "a", 40)
    weights.put("t", "a", 50)
    weights.put("t", "b", 50)
    weights.touch("a")
    weights.put("t", "c", 10)

    assert gone == ["b"]
    for name in "acx":
        weights.drop(name)
    assert weights.total == 0


def test_an_item_that_is_larger_than_a_share_goes_at_once() -> None:
    gone: list[str] = []
    weights: MemoryBudget[str] = MemoryBudget(100, 1000, gone.append)
    weights.put("t", "a", 101)

    assert (gone, weights.total) == (["a"], 0)


GENERATORS: list[tuple[GeneratorKind[Any], dict[str, Any], int]] = [
    (FAKE, {"data": {f"k{at}": "" for at in range(50_000)}}, 5_000),
    (PASSWORDS, {"length": 1, "secretKeys": [f"k{at}" for at in range(50_000)], "allowRepeat": True}, 16),
    (PASSWORDS, {"length": 65_536, "allowRepeat": True, "encoding": "hex"}, 1_000),
    (UUIDS, {}, 5_000),
]


@pytest.mark.parametrize(("kind", "spec", "times"), GENERATORS, ids=["names", "password names", "long", "many"])
async def test_generated_values_are_charged_before_they_are_made(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, kind: GeneratorKind[Any], spec: Any, times: int
) -> None:
    made: list[int] = []
    generate = kind.generate

    def counted(given: Any) -> Any:
        values = generate(given)
        made.append(sum(250 + len(name) + len(value) for name, value in values.items()))
        return values

    counting = replace(kind, generate=counted)
    monkeypatch.setattr(loading, "KINDS", {kind.resource.kind: counting})
    generator(bench, kind, **spec)
    bench.external(data=None, secretStoreRef=None, dataFrom=[entry(kind.resource.kind)] * times)
    await bench.settle()

    assert sum(made) <= runner.MAX_OBJECT_BYTES
    if times * 314 > runner.MAX_OBJECT_BYTES or len(spec) > 0:
        assert "no more than 1 MiB is made for one ExternalSecret" in bench.ready()[2]


async def test_what_is_kept_of_one_namespace_is_bounded(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MAX_NAMESPACE_BYTES", 3_000)
    generator(bench, FAKE, data={f"k{at}": "v" for at in range(8)})
    inert: Any = None
    generators = runner.Generators(bench.stage.context, inert, generator_contexts, None)
    recipe = FAKE.prepare({"data": {f"k{at}": "v" for at in range(8)}}, "spec")

    class Direct:
        async def run(self, _tenant: object, work: Any) -> Any:
            return work()

    generators._threads = Direct()  # type: ignore[assignment]
    found = loading.LoadedGenerator("u 1", recipe, Key(FAKE.resource, "evil", "made"), False, frozenset())
    reference = ("v1", "Fake", "made")
    for at in range(5):
        run = runner.GeneratorRun({reference: found}, None, due=True, asked=False, now=0.0)
        key = Key(SECRETS, "evil", f"es-{at}")
        results = await generators.make(key, {"spec.dataFrom[0]": reference}, run)
        assert isinstance(results.entries["spec.dataFrom[0]"], dict)

    assert [key.name for key in generators._made] == ["es-4"]
    assert generators._kept.total <= 3_000


async def test_at_most_a_hundred_generators_are_read_per_object(bench: ExternalModule) -> None:
    generator(bench, UUIDS)
    entries = [entry("UUID", f"g{at}") for at in range(600)]
    bench.external(data=None, secretStoreRef=None, dataFrom=entries)
    before = bench.api.counts()["get"]
    await bench.settle()

    assert bench.api.counts()["get"] - before < 3 * loading.MAX_GENERATORS
    assert bench.ready()[0] == "False"


@pytest.mark.parametrize("spec", [given for _, given, _ in GENERATORS], ids=["names", "names", "long", "none"])
@pytest.mark.parametrize("kind", [FAKE, PASSWORDS, UUIDS])
def test_a_weight_is_never_below_what_is_made(kind: GeneratorKind[Any], spec: Any) -> None:
    known = {field.alias for field in kind.spec.model_fields.values()}
    given = {name: value for name, value in spec.items() if name in known}
    recipe = kind.prepare(given, "spec")
    try:
        values = asyncio.run(generate(kind, **given)).values
    except Exception:
        return

    assert recipe.weight >= sum(200 + len(name) + len(value) for name, value in values.items())


WRONG: dict[str, Any] = {
    "entries of nothing": {"data": [{}] * 20_000},
    "entries of numbers": {"data": [1] * 50_000},
    "wrong names": {"dataFrom": [{"extract": {"key": 5}} for _ in range(10_000)]},
}


@pytest.mark.parametrize("spec", WRONG.values(), ids=list(WRONG))
def test_thousands_of_errors_are_not_worded(spec: Any) -> None:
    """To word them takes half a second in which nothing else runs."""
    with pytest.raises(NeedsHuman, match="more than 1000 fields are wrong"):
        parse(ExternalSecretSpec, spec, reason="r")


def test_a_spec_without_end_is_not_read() -> None:
    with pytest.raises(NeedsHuman, match=f"more than {MAX_VALUES} values"):
        parse(ExternalSecretSpec, {"data": [{}] * 500_000}, reason="r")


def test_the_kinds_weigh_what_they_give() -> None:
    assert fake.weigh(fake.FakeSpec(data={"a": "bc"})) == (1, 3)
    assert password.weigh(password.PasswordSpec.model_validate({"length": 10, "secretKeys": ["a", "b"]}))[0] == 2
