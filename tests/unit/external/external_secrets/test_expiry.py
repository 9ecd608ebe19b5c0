"""Generated values that end: replaced at two thirds of their life, whatever the interval says, also after a restart."""

from datetime import UTC, datetime
from typing import Any

import pytest

from external.external_secrets.view import REFRESH_BY
from external.generators.protocol import Generated, GeneratorKind, Make
from external.generators.uuid import UUIDS, UuidSpec
from external.providers.protocol import ConnectContext
from manager.core.clock import parse_rfc3339
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRETS
from tests.builders.external_module import ExternalModule

LIFE_SECONDS = 9_000.0
WRITES = ("create", "update", "patch", "patch status", "delete")


class Service:
    """Issues tokens that live as long as it is told, and counts them."""

    def __init__(self) -> None:
        self.issued = 0
        self.life: float | None = LIFE_SECONDS
        self.bench: ExternalModule | None = None

    async def connect(self, spec: UuidSpec, context: ConnectContext, at: str) -> Make:
        del spec, context, at
        return self.issue

    def issue(self) -> Generated:
        assert self.bench is not None
        self.issued += 1
        now = self.bench.stage.clock.now().timestamp()
        value = SecretValue(f"token-{self.issued}".encode())
        return Generated({"token": value}, None if self.life is None else now + self.life)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service()
    kind = GeneratorKind(UUIDS.resource, UuidSpec, None, "uuidSpec", "", lambda _: (1, 64), made.connect)
    monkeypatch.setattr("external.generators.loading.KINDS", {"UUID": kind})
    return made


def asks(service: Service, bench: ExternalModule, **spec: Any) -> None:
    service.bench = bench
    bench.put(UUIDS.resource, {"metadata": {"name": "made", "namespace": "ns"}, "spec": {}})
    entry = {"sourceRef": {"generatorRef": {"kind": "UUID", "name": "made"}}}
    bench.external(**{"data": None, "secretStoreRef": None, "dataFrom": [entry], **spec})


def writes(bench: ExternalModule) -> int:
    return sum(bench.api.counts()[verb] for verb in WRITES)


@pytest.mark.parametrize("interval", ["24h", "0", "0s"])
async def test_a_token_is_replaced_before_its_end_and_not_by_a_long_interval(
    bench: ExternalModule, service: Service, interval: str
) -> None:
    asks(service, bench, refreshInterval=interval)
    await bench.settle()
    assert bench.data() == {"token": b"token-1"}

    bench.pass_by(LIFE_SECONDS * 2 / 3 - 100)
    await bench.settle()
    assert bench.data() == {"token": b"token-1"}
    bench.pass_by(300)
    await bench.settle()

    assert (bench.data(), service.issued) == ({"token": b"token-2"}, 2)


async def test_a_short_interval_issues_no_token_and_writes_nothing(bench: ExternalModule, service: Service) -> None:
    asks(service, bench, refreshInterval="5m")
    await bench.settle()
    before = writes(bench)

    bench.pass_by(400)
    await bench.settle()

    assert (service.issued, writes(bench)) == (1, before)


async def test_the_end_survives_a_restart(service: Service) -> None:
    first = ExternalModule()
    asks(service, first, refreshInterval="24h")
    await first.settle()
    target: Any = first.body(SECRETS, "es")
    moment = parse_rfc3339(target["metadata"]["annotations"][REFRESH_BY])
    now = first.stage.clock.now().timestamp()
    assert moment is not None
    assert abs(moment.timestamp() - now - LIFE_SECONDS * 2 / 3) < 5

    second = ExternalModule()
    second.api.objects.update(first.api.objects)
    service.bench = second
    await second.settle()
    assert (service.issued, writes(second)) == (1, 0), "a start is no reason for another token"
    second.pass_by(LIFE_SECONDS)
    await second.settle()

    assert (second.data(), service.issued) == ({"token": b"token-2"}, 2)
    await first.close()
    await second.close()


async def test_an_edited_target_gets_its_token_back(bench: ExternalModule, service: Service) -> None:
    asks(service, bench)
    await bench.settle()
    edited: Any = bench.body(SECRETS, "es")
    bench.api.put(SECRETS, edited | {"data": {"token": "ZWRpdGVk"}})
    await bench.settle()

    assert (bench.data(), service.issued) == ({"token": b"token-1"}, 1)


async def test_who_asks_gets_another_token_before_its_end(bench: ExternalModule, service: Service) -> None:
    asks(service, bench)
    await bench.settle()
    bench.pass_by(5)
    asks(service, bench, refreshInterval="2h")
    await bench.settle()
    assert bench.data() == {"token": b"token-2"}

    bench.pass_by(5)
    bench.remove(SECRETS, "es")
    await bench.settle()

    assert bench.data() == {"token": b"token-3"}


async def test_values_without_an_end_lose_the_annotation(bench: ExternalModule, service: Service) -> None:
    asks(service, bench, refreshInterval="1h")
    await bench.settle()
    service.life = None
    asks(service, bench, refreshInterval="2h")
    await bench.settle()

    target: Any = bench.body(SECRETS, "es")
    assert bench.data() == {"token": b"token-2"}
    assert REFRESH_BY not in target["metadata"]["annotations"]


@pytest.mark.parametrize("policy", ["CreatedOnce", "OnChange"])
async def test_a_policy_that_keeps_values_keeps_a_token(bench: ExternalModule, service: Service, policy: str) -> None:
    asks(service, bench, refreshPolicy=policy)
    await bench.settle()
    bench.pass_by(2 * LIFE_SECONDS)
    await bench.settle()

    assert service.issued == 1


def test_a_token_that_lives_for_a_moment_is_not_replaced_at_once() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

    assert Generated({}, now + 3).refresh_by(now) == now + 10
    assert Generated({}, now + 300).refresh_by(now) == now + 200
    assert Generated({}).refresh_by(now) is None
    assert Generated({}, now - 1).refresh_by(now) is None, "a wrong clock must not ask without end"
