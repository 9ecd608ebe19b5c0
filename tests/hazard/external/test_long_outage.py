"""Ten minutes in which a provider fails in every way: nothing is lost, nobody storms, all is well a minute later."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from external.providers.fake import FakeClient
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretAbsent, SecretRequest
from manager.core.secret_value import SecretValue
from manager.kube.resources import EXTERNAL_SECRETS
from tests.builders.external_module import ExternalModule

NUMBER = 9
STEP = 20.0
OUTAGE = 600.0
Answer = Callable[[Sequence[SecretRequest]], Mapping[SecretRequest, SecretValue | ProviderError]]


def down(_: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
    raise ProviderUnavailable("no answer within 20 s")


def throttled(_: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
    raise ProviderUnavailable("BatchGetSecretValue: ThrottlingException")


def garbage(_: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
    raise ValueError("canary")


def empty(_: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
    return {}


def denied(requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
    return {request: ProviderDenied("GetSecretValue: AccessDeniedException") for request in requests}


class Provider:
    """What the fake provider says instead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.value = "old"
        self.instead: Answer | None = None
        self.missing = False
        self.calls = 0
        monkeypatch.setattr(FakeClient, "read", lambda _, requests: self.read(requests))

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        self.calls += 1
        if self.instead is not None:
            return self.instead(requests)
        return {request: self.one(request) for request in requests}

    def one(self, request: SecretRequest) -> SecretValue | ProviderError:
        if self.missing and int(request.key[1:]) % 2:
            return SecretAbsent("Secret does not exist")
        return SecretValue(self.value.encode())


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    return Provider(monkeypatch)


async def converged(bench: ExternalModule, deletion: str = "") -> None:
    """Place ExternalSecrets that refresh every minute; every third may delete its target."""
    bench.store()
    for at in range(NUMBER):
        policy = deletion or ("Delete" if at % 3 == 0 else "Merge" if at % 3 == 1 else "Retain")
        entry = {"secretKey": "k", "remoteRef": {"key": f"r{at}"}}
        bench.external(f"es{at}", data=[entry], refreshInterval="1m", target={"deletionPolicy": policy})
    await bench.settle()
    assert values(bench) == {"old"}


async def passing(bench: ExternalModule, seconds: float, step: float = STEP) -> None:
    for _ in range(int(seconds / step)):
        bench.pass_by(step)
        await bench.settle()


def values(bench: ExternalModule) -> set[str]:
    """Return the values of all targets; a missing one is a lost one."""
    return {(bench.data(f"es{at}") or {"k": b"lost"})["k"].decode() for at in range(NUMBER)}


@pytest.mark.parametrize("instead", [down, throttled, garbage, empty, denied])
async def test_no_failure_takes_anything_away_and_all_is_well_a_minute_after(
    bench: ExternalModule, provider: Provider, instead: Answer
) -> None:
    await converged(bench)
    provider.instead, provider.calls = instead, 0
    writes = bench.api.counts()

    await passing(bench, OUTAGE)

    assert values(bench) == {"old"}
    for at in range(NUMBER):
        status, reason, message = bench.ready(f"es{at}")
        assert (status, reason) == ("False", "SecretSyncedError")
        assert message.startswith("could not get secret data from provider: spec.data[0]")
        assert "canary" not in message
    assert provider.calls <= OUTAGE / 10, "no storm"
    patches = bench.api.counts()["patch"] - writes["patch"]
    assert patches <= 2 * NUMBER, "a condition that stays is written once"

    provider.instead, provider.value = None, "new"
    await passing(bench, 60, step=5)
    assert values(bench) == {"new"}
    assert {bench.ready(f"es{at}")[0] for at in range(NUMBER)} == {"True"}


async def test_half_of_the_keys_missing_is_said_of_those_and_the_others_go_on(
    bench: ExternalModule, provider: Provider
) -> None:
    await converged(bench, "Retain")
    provider.missing, provider.value = True, "new"

    await passing(bench, OUTAGE)

    for at in range(NUMBER):
        status, _, message = bench.ready(f"es{at}")
        assert status == ("False" if at % 2 else "True")
        assert ("(key: r1)" in message) is (at == 1)
        assert bench.data(f"es{at}") == {"k": b"old" if at % 2 else b"new"}

    provider.missing = False
    await passing(bench, 70, step=5)
    assert values(bench) == {"new"}
    assert bench.body(EXTERNAL_SECRETS, "es1") is not None


async def test_an_outage_at_the_very_start_is_over_a_minute_after_its_end(
    bench: ExternalModule, provider: Provider
) -> None:
    provider.instead = down
    bench.store()
    for at in range(NUMBER):
        bench.external(f"es{at}", data=[{"secretKey": "k", "remoteRef": {"key": f"r{at}"}}])
    await bench.settle()
    await passing(bench, OUTAGE)
    assert provider.calls <= OUTAGE / 10

    provider.instead = None
    await passing(bench, 60, step=5)
    assert values(bench) == {"old"}
