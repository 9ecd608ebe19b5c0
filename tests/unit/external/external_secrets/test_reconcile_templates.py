"""Templates on the whole way from the store to the Secret: what wakes them, and what never loads the sandbox."""

from typing import Any

import pytest

from external.values.templates import Renderer
from manager.gotemplate.pool import Pool
from manager.kube.resources import CONFIGMAPS
from manager.settings.model import ExternalSettings, Settings
from tests.builders.external_module import ExternalModule

FROM_MAP = {"template": {"templateFrom": [{"configMap": {"name": "map", "items": [{"key": "k"}]}}]}}


def config_map(bench: ExternalModule, text: str) -> None:
    bench.put(CONFIGMAPS, {"metadata": {"name": "map", "namespace": "ns"}, "data": {"k": text}})


async def test_a_source_edited_during_a_render_is_rendered_again(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark of the edit must survive the work that was under way when it came."""
    bench.store(values={"remote": "v"})
    config_map(bench, "one-{{ .k }}")
    bench.external(target=FROM_MAP)
    await bench.settle()
    assert bench.data() == {"k": b"one-v"}
    real, edits = Renderer.content, ["three-{{ .k }}"]

    async def edited_meanwhile(*given: Any, **more: Any) -> Any:
        content = await real(*given, **more)
        if edits:
            config_map(bench, edits.pop())
            bench.observe()
        return content

    monkeypatch.setattr(Renderer, "content", edited_meanwhile)
    config_map(bench, "two-{{ .k }}")
    await bench.settle()

    assert bench.data() == {"k": b"three-v"}


async def test_a_mark_outlives_a_pass_that_fails(bench: ExternalModule) -> None:
    bench.store(values={"remote": "v"})
    config_map(bench, "one")
    bench.external(target=FROM_MAP)
    await bench.settle()

    config_map(bench, "{{ .absent }}")
    await bench.settle()
    assert bench.ready()[0] == "False"
    config_map(bench, "two")
    await bench.settle()

    assert bench.data() == {"k": b"two"}


async def test_without_templates_the_sandbox_is_never_loaded(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 45 MB: a cluster without templates does not pay for them."""

    async def loaded(_pool: Pool, _namespace: str, _request: bytes) -> bytes:
        raise AssertionError("the sandbox is loaded")

    monkeypatch.setattr(Pool, "run", loaded)
    bench.store(values={"remote": '{"user": "u", "db": {"port": 1}}'})
    references = {"user": "user", "port": "db.port"}
    data = [{"secretKey": key, "remoteRef": {"key": "remote", "property": each}} for key, each in references.items()]
    rewrite = [{"regexp": {"source": "^", "target": "x-"}}]
    sources = [{"extract": {"key": "remote"}}, {"find": {"name": {"regexp": "re"}}, "rewrite": rewrite}]
    metadata = {"labels": {"plain": "text"}}
    bench.external(data=data, dataFrom=sources, target={"template": {"metadata": metadata}})

    await bench.settle()

    assert bench.ready()[0] == "True", bench.ready()
    assert set(bench.data() or ()) == {"user", "port", "db", "x-remote"}


async def test_a_target_of_another_kind_leaves_nothing_behind() -> None:
    bench = ExternalModule(Settings(external=ExternalSettings(generic_targets=True)))
    bench.store(values={"remote": "v"})
    manifest = {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}
    bench.external(target=manifest)
    await bench.settle()
    bench.put(CONFIGMAPS, {"metadata": {"name": "theirs", "namespace": "ns"}, "data": {"k": "x"}})

    bench.external(target=manifest | {"name": "renamed"})
    await bench.settle()
    assert bench.body(CONFIGMAPS, "es") is None
    assert (bench.body(CONFIGMAPS, "renamed") or {})["data"] == {"k": "v"}
    bench.external()
    await bench.settle()

    assert bench.body(CONFIGMAPS, "renamed") is None
    assert bench.data() == {"k": b"v"}
    assert bench.body(CONFIGMAPS, "theirs")
    await bench.close()
