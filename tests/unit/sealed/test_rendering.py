"""`spec.template.data` in the sandbox: what it renders, and what it must not do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from manager.core.errors import SandboxUnavailable, TemplateDelayed, TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Rendered
from manager.gotemplate.render_time import charge
from manager.gotemplate.sandbox import Sandbox
from sealed import rendering
from sealed.crypto.unseal import UnsealFailed
from sealed.reconcile import SLOW_AGAIN_SECONDS
from sealed.rendering import Filled, fill
from tests.builders.sealed_module import OURS, SealedModule, key_secret, sealed_secret

CANARY = "canary-b7e3"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    made = Sandbox()
    yield made
    await made.close()


async def filled(sandbox: Sandbox, values: Mapping[str, str], texts: Any) -> Filled:
    return await fill(sandbox, "ns", {name: SecretValue(text.encode()) for name, text in values.items()}, texts)


async def data(sandbox: Sandbox, values: Mapping[str, str], texts: Any) -> dict[str, str]:
    found = (await filled(sandbox, values, texts)).data
    return {name: value.reveal().decode() for name, value in found.items()}


@pytest.mark.parametrize(
    ("values", "texts", "wanted"),
    [
        ({"k": "v"}, {"p": "plain"}, {"k": "v", "p": "plain"}),
        ({"k": "v"}, {"k": "from template"}, {"k": "v"}),
        ({"k": "v"}, {"k": "{{ fail }}"}, {"k": "v"}),
        ({"k": "v"}, {"k": None}, {}),
        ({"k": "v"}, {"absent": None}, {"k": "v"}),
        ({"k": "v"}, None, {"k": "v"}),
        ({"k": "v"}, "odd", {"k": "v"}),
        ({}, {"only": "{{ len . }}"}, {"only": "1"}),
        ({"a": "x"}, {"t": '{{ index . "a" }}'}, {"a": "x", "t": "x"}),
        ({"a": "x"}, {"host": "db", "url": "{{ .a }}@{{ .host }}"}, {"a": "x", "host": "db", "url": "x@db"}),
        ({"a": "x"}, {"a": None, "t": "{{ .a }}"}, {"t": "x"}),
        ({"a": "x"}, {"one": "{{ .a }}", "two": "{{ .one }}"}, {"a": "x", "one": "x", "two": "{{ .a }}"}),
        ({"a": "x"}, {"t": "{{ .missing }}"}, {"a": "x", "t": "<no value>"}),
        ({"a": 'say "x"'}, {"t": "{{ toJson .a }}"}, {"a": 'say "x"', "t": '"say \\"x\\""'}),
        ({"n": "12"}, {"t": "{{ .n | int | add 1 }}"}, {"n": "12", "t": "13"}),
        ({"a": "x"}, {"t": "{{- .a -}}  z"}, {"a": "x", "t": "xz"}),
    ],
)
async def test_values_and_templates_become_one_secret(
    sandbox: Sandbox, values: dict[str, str], texts: Any, wanted: dict[str, str]
) -> None:
    assert await data(sandbox, values, texts) == wanted


async def test_without_an_action_the_sandbox_is_not_even_loaded() -> None:
    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    untouchable: Any = Untouchable()

    assert await data(untouchable, {"k": "v"}, {"p": "plain }}"}) == {"k": "v", "p": "plain }}"}


FAILING = ["{{", "{{ nofunc }}", "{{ .a.b }}", '{{ fail "x" }}', "{{ env }}", '{{ template "nope" }}']


@pytest.mark.parametrize("template", FAILING)
async def test_a_failing_template_is_named_by_its_key_without_a_value(sandbox: Sandbox, template: str) -> None:
    with pytest.raises(UnsealFailed) as failed:
        await filled(sandbox, {"a": CANARY, "b": CANARY}, {"cfg": template, "good": "{{ .b }}"})

    assert str(failed.value).startswith("template: cfg:1")
    assert str(failed.value).endswith("(cfg)")
    assert CANARY not in str(failed.value)


async def test_a_template_cannot_show_a_value_by_failing(sandbox: Sandbox) -> None:
    with pytest.raises(UnsealFailed) as failed:
        await filled(sandbox, {"a": CANARY}, {"t": "{{ fail .a }}", "u": "{{ .a | int64 | fail }}"})

    assert CANARY not in str(failed.value)


async def test_a_template_that_reaches_a_limit_ends_the_others_too(sandbox: Sandbox) -> None:
    """A hundred of them would hold a worker for minutes."""
    endless = "{{ range until 1000000000 }}{{ end }}"

    with pytest.raises(UnsealFailed) as failed:
        await filled(sandbox, {}, {f"t{at:03}": endless for at in range(100)})

    assert len(failed.value.problems) == 1
    assert str(failed.value).endswith("(t000)")


async def test_waiting_for_others_is_not_blamed_on_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        async def render(self, *_: Any) -> Any:
            await asyncio.Event().wait()

    monkeypatch.setattr(rendering, "WAIT_SECONDS", 0.01)
    busy: Any = Slow()

    with pytest.raises(TemplateDelayed, match="busy with others"):
        await filled(busy, {}, {"t": "{{ . }}"})


async def test_slow_templates_end_together_and_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        async def render(self, *_: Any) -> Any:
            charge(rendering.RENDER_BUDGET_SECONDS / 2 + 1)
            return Rendered(SecretValue(b"x"), random=False)

    slow: Any = Slow()

    with pytest.raises(UnsealFailed, match="seconds together") as caught:
        await filled(slow, {}, dict.fromkeys("abc", "{{ . }}"))

    assert caught.value.slow


async def test_what_is_random_is_named(sandbox: Sandbox) -> None:
    found = await filled(sandbox, {"a": "x"}, {"r": "{{ randAlphaNum 9 }}", "t": "{{ .a }}"})

    assert found.unstable == {"r"}
    assert len(found.data["r"]) == 9


async def worked(template: Any, **values: str) -> SealedModule:
    bench = SealedModule()
    await bench.registry.put(key_secret())
    bench.place(sealed_secret(values, template=template))
    await bench.work()
    await bench.context.sandbox.close()
    return bench


async def test_a_sealed_secret_with_a_template_becomes_a_secret() -> None:
    bench = await worked(
        {"data": {"url": "https://{{ .user }}:{{ .password }}@db", "user": None}}, user="u", password="p"
    )

    assert bench.data() == {"password": "p", "url": "https://u:p@db"}
    assert bench.condition()["status"] == "True"


async def test_a_template_that_fails_keeps_all_back_and_says_why() -> None:
    bench = await worked({"data": {"bad": "{{ .k.x }}", "good": "x"}}, k=CANARY)

    assert bench.condition()["reason"] == "ErrUnsealFailed"
    assert "(bad)" in bench.condition()["message"]
    assert not [key for key in bench.api.objects if key.resource.kind == "Secret"]
    assert CANARY not in bench.everything_said()


async def test_waiting_for_the_sandbox_causes_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    async def compiling(*_: Any) -> Any:
        raise TemplateDelayed("being compiled")

    async def rendered(*_: Any) -> Any:
        return Rendered(SecretValue(b"v"), random=False)

    monkeypatch.setattr(Sandbox, "render", compiling)
    bench = SealedModule()
    await bench.registry.put(key_secret())
    bench.place(sealed_secret({}, template={"data": {"t": "{{ . }}"}}))

    [again] = await bench.work()

    assert again.gate is not None
    assert "status" not in bench.api.objects[OURS], "no condition: nothing is wrong with the object"
    assert bench.api.events == []

    monkeypatch.setattr(Sandbox, "render", rendered)
    bench.queue.add(OURS)
    [later] = await bench.work()

    assert later.answered == again.gate, "whoever waits there goes on"
    assert bench.data() == {"t": "v"}


async def test_a_template_that_is_too_slow_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: Any) -> Any:
        raise TemplateLimit("deadline", "rendering took longer than 2 s")

    monkeypatch.setattr(Sandbox, "render", slow)
    bench = SealedModule()
    await bench.registry.put(key_secret())
    bench.place(sealed_secret({}, template={"data": {"t": "{{ . }}"}}))

    [again] = await bench.work()

    assert again.after == SLOW_AGAIN_SECONDS
    assert "took longer" in bench.condition()["message"]


@pytest.mark.parametrize("error", [SandboxUnavailable("run `make template`"), TemplateLimit("memory", "too much")])
async def test_only_a_missing_sandbox_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def refuse(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Sandbox, "render", refuse)
    bench = SealedModule()
    await bench.registry.put(key_secret())
    bench.place(sealed_secret({}, template={"data": {"t": "{{ . }}"}}))

    [again] = await bench.work()

    assert again.backoff is isinstance(error, SandboxUnavailable)
    assert str(error) in bench.condition()["message"]
