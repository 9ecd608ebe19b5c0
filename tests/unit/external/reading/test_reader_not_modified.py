"""A provider that says "not modified": believed only while its earlier answer is still there."""

from typing import Any

import pytest

from external.providers.fake import FakeClient
from external.providers.protocol import NotModified, SecretRequest
from manager.kube.resources import SECRETS
from tests.builders.external_module import ExternalModule

TWO = [{"secretKey": each, "remoteRef": {"key": each}} for each in ("a", "b")]


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the remote keys that are answered by 304."""
    keys: set[str] = set()
    value = FakeClient._value

    def answered(client: FakeClient, request: SecretRequest) -> Any:
        return NotModified("304") if request.key in keys else value(client, request)

    monkeypatch.setattr(FakeClient, "_value", answered)
    return keys


async def test_an_absent_entry_is_told_whatever_another_one_says(bench: ExternalModule, unchanged: set[str]) -> None:
    unchanged.add("a")
    bench.store(values={"a": "1"})
    bench.external(data=TWO)

    await bench.settle()

    assert bench.data() is None
    assert bench.ready()[0] == "False"
    assert "spec.data[1] (key: b): Secret does not exist" in bench.ready()[2]


@pytest.mark.parametrize("policy", ["Owner", "Orphan", "Merge"])
async def test_what_was_never_written_is_no_success(bench: ExternalModule, unchanged: set[str], policy: str) -> None:
    unchanged.add("a")
    bench.store(values={"a": "1", "b": "2"})
    bench.external(data=TWO, target={"creationPolicy": policy})

    await bench.settle()

    assert bench.ready()[0] == "False"
    assert "let the provider answer in full" in bench.ready()[2]


async def test_what_stands_as_it_was_written_is_a_success(bench: ExternalModule, unchanged: set[str]) -> None:
    bench.store(values={"a": "1", "b": "2"})
    bench.external(data=TWO)
    await bench.settle()
    unchanged.add("a")

    bench.pass_by(3700)
    bench.external(data=TWO, meta={"annotations": {"force-sync": "now"}})
    await bench.settle()
    assert bench.ready()[0] == "True"
    assert bench.data() == {"a": b"1", "b": b"2"}

    bench.external(data=[*TWO, {"secretKey": "c", "remoteRef": {"key": "b"}}])
    await bench.settle()
    assert bench.ready()[0] == "False", "another spec was never written"


async def test_what_is_gone_is_no_success(bench: ExternalModule, unchanged: set[str]) -> None:
    bench.store(values={"a": "1", "b": "2"})
    bench.external(data=TWO)
    await bench.settle()
    unchanged.add("a")

    bench.pass_by(3700)
    bench.remove(SECRETS, "es")
    await bench.settle()
    assert (bench.ready()[0], bench.data()) == ("False", None)

    unchanged.clear()
    bench.pass_by(120)
    await bench.settle()
    assert bench.data() == {"a": b"1", "b": b"2"}
