"""A provider that does not answer, as ExternalSecrets live through it; what it says is scripted."""

from collections.abc import Mapping, Sequence

import pytest

from external.providers.fake import FakeClient
from external.providers.protocol import ProviderError, ProviderUnavailable, SecretRequest
from manager.core.secret_value import SecretValue
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS
from tests.builders.external_module import ExternalModule


class Line:
    """The way to the fake provider; counts what is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.up = True
        self.asked: list[str] = []
        answer = FakeClient.read

        def read(
            client: FakeClient, requests: Sequence[SecretRequest]
        ) -> Mapping[SecretRequest, SecretValue | ProviderError]:
            self.asked.extend(request.key for request in requests)
            if not self.up:
                raise ProviderUnavailable("busy")
            return answer(client, requests)

        monkeypatch.setattr(FakeClient, "read", read)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


async def waiting(bench: ExternalModule, line: Line, *names: str) -> None:
    """Let ExternalSecrets that read the key of their own name wait for the provider."""
    bench.store(values={"a": "1", "b": "2"})
    await bench.settle()
    line.up = False
    for name in names:
        bench.external(name, data=[{"secretKey": "k", "remoteRef": {"key": name}}])
        await bench.settle()
    assert {bench.ready(name)[2] for name in names} == {
        "could not get secret data from provider: spec.data[0]: busy",
    }


async def recover(bench: ExternalModule, line: Line) -> None:
    line.up = True
    for _ in range(12):
        bench.pass_by(5)
        await bench.settle()


@pytest.mark.parametrize("first", ["a", "absent"])
async def test_all_recover_whoever_is_the_first_to_ask_again(bench: ExternalModule, line: Line, first: str) -> None:
    await waiting(bench, line, first, "b")

    await recover(bench, line)

    assert bench.ready("b")[0] == "True"


async def test_those_who_wait_do_not_depend_on_one_that_is_deleted(bench: ExternalModule, line: Line) -> None:
    await waiting(bench, line, "a", "b")

    bench.remove(EXTERNAL_SECRETS, "a")
    await recover(bench, line)

    assert bench.ready("b")[0] == "True"


async def test_one_that_asks_nothing_lets_nobody_through(bench: ExternalModule, line: Line) -> None:
    bench.store(values={"a": "1"})
    bench.external("settled", refreshInterval="10h", data=[{"secretKey": "k", "remoteRef": {"key": "a"}}])
    await bench.settle()
    await waiting(bench, line, *"bcdef")
    target = bench.body(SECRETS, "settled") or {}
    before = len(bench.api.calls)

    target["metadata"]["annotations"]["theirs"] = "1"
    bench.api.put(SECRETS, target)
    await bench.settle()

    looked_at = {place for _, place in bench.api.calls[before:]}
    assert looked_at == {"ExternalSecret ns/settled", "Secret ns/settled"}


async def test_a_changed_store_is_read_once_for_all(
    bench: ExternalModule, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store(values={"a": "1"})
    for at in range(20):
        bench.external(f"es-{at}", data=[{"secretKey": "k", "remoteRef": {"key": "a"}}])
    await bench.settle()
    monkeypatch.setattr(
        bench.stage.clock, "monotonic", lambda: bench.stage.clock.pass_by(1e-6) or bench.stage.clock.seconds
    )
    line.asked.clear()

    bench.store(values={"a": "2"})
    await bench.settle()

    assert {bench.data(f"es-{at}")["k"] for at in range(20)} == {b"2"}
    assert line.asked == ["a"]
