"""What one ExternalSecret may ask for: a Secret holds 1 MiB, and one tenant must not hold everybody up."""

import asyncio
from typing import Any

import pytest

from tests.builders.external_module import ExternalModule


@pytest.mark.parametrize(
    ("limit", "spec"),
    [
        ("fetch.MAX_BYTES", {}),
        ("fetch.MAX_KEYS", {"data": [], "dataFrom": [{"find": {"name": {"regexp": "."}}, "rewrite": []}]}),
    ],
)
async def test_what_no_secret_can_hold_is_told(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, limit: str, spec: Any
) -> None:
    monkeypatch.setattr(f"external.external_secrets.{limit}", 1)
    bench.store(values={"remote": "canary-one", "other": "2"})
    bench.external(**spec)

    await bench.settle()

    assert "; a Secret holds 1 MiB" in bench.ready()[2]
    assert bench.data() is None


async def test_the_number_of_entries_has_an_end(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("external.api.validation.MAX_ENTRIES", 1)
    entries = [{"secretKey": each, "remoteRef": {"key": "remote"}} for each in "ab"]
    bench.external(data=entries)

    await bench.settle()

    assert bench.ready()[2] == "spec.data and spec.dataFrom have 2 entries, more than 1"


async def test_taking_values_apart_has_a_deadline(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("external.external_secrets.fetch.MAX_PARSE_SECONDS", 0.01)
    monkeypatch.setattr("external.values.documents.Documents.find", slow)
    bench.store(values={"remote": "{}"})
    bench.external(data=[{"secretKey": "k", "remoteRef": {"key": "remote", "property": "a"}}])

    await bench.settle()

    assert "it takes more than 0.01 seconds to take the values apart" in bench.ready()[2]
