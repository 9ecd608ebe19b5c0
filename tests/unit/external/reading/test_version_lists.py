"""What a list of versions saves, and that nothing is taken for unchanged that a list cannot know."""

import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest
import structlog

from external.providers.fake import FakeClient
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretRequest, Versioned
from external.reading.version_lists import LIST_LAG_SECONDS, REFUSED_SECONDS
from manager.core.secret_value import SecretValue
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS
from tests.builders.external_module import ExternalModule

HOUR = 3600.0
NUMBER = 8  # ExternalSecrets with a secret each; the stand-in reads one a call, so that a list may take two


class Account:
    """What an account holds and what it is asked; its lists show what was there `lag` seconds ago."""

    def __init__(self, bench: ExternalModule) -> None:
        self.bench = bench
        self.history: list[tuple[float, dict[str, str]]] = [(float("-inf"), {f"r{at}": "v1" for at in range(NUMBER)})]
        self.lag = 0.0
        self.reads: list[str] = []
        self.lists = 0
        self.pages = 1
        self.error: ProviderError | None = None

    def rotate(self, key: str, value: str) -> None:
        self.history.append((self.now, self.history[-1][1] | {key: value}))

    @property
    def now(self) -> float:
        return self.bench.stage.clock.monotonic()

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        self.reads += [request.key for request in requests]
        values = self.history[-1][1]
        return {request: Versioned(values[request.key].encode(), values[request.key]) for request in requests}

    def list_versions(self, requests: Sequence[SecretRequest], most: int) -> Mapping[SecretRequest, str] | None:
        if self.pages > most:
            return None
        self.lists += 1
        if self.error is not None:
            raise self.error
        shown = [values for at, values in self.history if at <= self.now - self.lag][-1]
        return {request: shown[request.key] for request in requests}


@pytest.fixture
def account(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account(bench)
    monkeypatch.setattr(FakeClient, "read", lambda _, requests: made.read(requests))
    monkeypatch.setattr(
        FakeClient, "list_versions", lambda _, requests, most: made.list_versions(requests, most), raising=False
    )
    monkeypatch.setattr(FakeClient, "reads", lambda _, number: number, raising=False)
    return made


async def converged(bench: ExternalModule, interval: str = "1h", **more: object) -> None:
    """Place ExternalSecrets, one a secret, and let them be read."""
    bench.store()
    for at in range(NUMBER):
        entry = {"secretKey": "k", "remoteRef": {"key": f"r{at}", **more}}
        bench.external(f"es{at}", data=[entry], refreshInterval=interval)
    await bench.settle()


async def passing(bench: ExternalModule, seconds: float, step: float = 60) -> None:
    """Let time pass in steps, as refreshes come."""
    for _ in range(int(seconds // step)):
        bench.pass_by(step)
        await bench.settle()


async def test_a_day_without_changes_reads_nothing_again(bench: ExternalModule, account: Account) -> None:
    await converged(bench)
    account.reads.clear()

    for _ in range(24):
        bench.pass_by(HOUR)
        await bench.settle()

    assert account.reads == []
    assert 12 <= account.lists <= 48, "one list for all of them, every hour less its lag"
    status = (bench.body(EXTERNAL_SECRETS, "es0") or {})["status"]
    assert status["refreshTime"] > "2026-01-01T20:00:00Z", "and a restart knows of it"


async def test_a_rotation_arrives_in_time_although_lists_lag(bench: ExternalModule, account: Account) -> None:
    account.lag = 300.0
    await converged(bench)
    await passing(bench, HOUR)
    account.rotate("r3", "v2")
    account.reads.clear()

    await passing(bench, HOUR + 120)

    assert bench.data("es3") == {"k": b"v2"}
    assert bench.data("es4") == {"k": b"v1"}
    assert set(account.reads) == {"r3"}


async def test_a_value_newer_than_the_list_is_not_taken_back(bench: ExternalModule, account: Account) -> None:
    account.lag = 300.0
    await converged(bench, "10m")
    bench.pass_by(1)
    account.rotate("r3", "v2")
    entry = {"secretKey": "k", "remoteRef": {"key": "r3"}}
    bench.external("es3", {"annotations": {"force-sync": "1"}}, data=[entry], refreshInterval="10m")
    await bench.settle()
    assert bench.data("es3") == {"k": b"v2"}

    await passing(bench, HOUR)

    assert bench.data("es3") == {"k": b"v2"}


async def test_force_sync_reads_whatever_the_list_says(bench: ExternalModule, account: Account) -> None:
    await converged(bench)
    account.reads.clear()
    bench.pass_by(1)
    entry = {"secretKey": "k", "remoteRef": {"key": "r3"}}
    bench.external("es3", {"annotations": {"force-sync": "1"}}, data=[entry], refreshInterval="1h")
    await bench.settle()

    assert account.reads == ["r3"]


async def test_a_target_that_was_edited_is_mended_at_once(bench: ExternalModule, account: Account) -> None:
    await converged(bench)
    secret = bench.body(SECRETS, "es3") or {}
    bench.api.put(SECRETS, secret | {"data": {"k": "eA=="}})
    await bench.settle()

    assert bench.data("es3") == {"k": b"v1"}


@pytest.mark.parametrize("more", [{"version": "v1"}, {"metadataPolicy": "Fetch"}], ids=["pinned", "tags"])
async def test_what_no_list_tells_is_read(bench: ExternalModule, account: Account, more: dict[str, str]) -> None:
    await converged(bench, **more)
    account.reads.clear()
    bench.pass_by(HOUR + 120)
    await bench.settle()

    assert sorted(account.reads) == sorted(f"r{at}" for at in range(NUMBER))
    assert account.lists == 0


async def test_below_ten_minutes_lists_are_too_late_to_be_of_use(bench: ExternalModule, account: Account) -> None:
    await converged(bench, "5m")
    bench.pass_by(400)
    await bench.settle()

    assert account.lists == 0
    assert len(account.reads) == 2 * NUMBER


@pytest.mark.parametrize("error", [ProviderDenied("ListSecrets: AccessDenied"), ProviderUnavailable("throttled")])
async def test_who_may_not_list_reads_and_seldom_tries_again(
    bench: ExternalModule, account: Account, error: ProviderError
) -> None:
    account.error = error
    await converged(bench, "10m")
    account.reads.clear()

    await passing(bench, HOUR, step=310)

    assert len(account.reads) >= 5 * NUMBER, "nobody's refresh fails for it"
    most = HOUR / (REFUSED_SECONDS if isinstance(error, ProviderDenied) else LIST_LAG_SECONDS)
    assert 1 <= account.lists <= most + 1
    assert bench.ready("es0")[0] == "True"


async def test_a_list_that_costs_more_than_reading_is_not_made(bench: ExternalModule, account: Account) -> None:
    account.pages = NUMBER // 4 + 1
    await converged(bench)
    account.reads.clear()
    bench.pass_by(HOUR + 120)
    await bench.settle()

    assert account.lists == 0
    assert len(account.reads) == NUMBER


async def test_an_unforeseen_fault_of_a_list_is_logged_by_place_only(
    bench: ExternalModule, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("canary")

    await converged(bench)
    account.reads.clear()
    monkeypatch.setattr(FakeClient, "list_versions", broken)
    bench.pass_by(HOUR + 120)
    with structlog.testing.capture_logs() as logs:
        await bench.settle()

    assert len(account.reads) == NUMBER
    told = [each for each in logs if each["event"] == "version list failed unexpectedly"]
    assert [each["error"].partition(":")[0] for each in told] == ["ValueError at test_version_lists.py"]
    assert "canary" not in str(logs)


async def test_a_list_that_hangs_keeps_nobody_from_reading(
    bench: ExternalModule, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("external.reading.version_check.SLOW_AFTER_SECONDS", 0.02)
    hang = threading.Event()
    await converged(bench)
    account.reads.clear()
    monkeypatch.setattr(FakeClient, "list_versions", lambda *_: hang.wait(10))
    bench.pass_by(HOUR + 120)

    await bench.settle()

    hang.set()
    assert sorted(account.reads) == sorted(f"r{at}" for at in range(NUMBER))
