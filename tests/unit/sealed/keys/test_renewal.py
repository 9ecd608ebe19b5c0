"""When a sealing key is made: as often as the schedule says, never on an old picture, never in a loop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from manager.core.errors import SettingsError, Unreachable
from manager.kube.resources import SECRETS, Key
from manager.kube.writer import SEALING_KEY_LABEL
from manager.runtime.controller import Requeue
from manager.settings.model import SealedSettings, Settings
from sealed.keys.registry import KeyRegistry, SealingKey
from sealed.keys.renewal import SIGNAL_SECONDS, UNUSABLE, Renewal, Schedule, go_duration, schedule_of
from sealed.keys.watch import KeyWatch
from tests.builders.api_in_memory import EPOCH, Stage, no_jitter
from tests.builders.sealed_module import Inline, key_secret
from tests.builders.sealed_vectors import private_key

THE_KEYS = Key(SECRETS, "coffer", "sealed-secrets-key")
DAY = timedelta(days=1)


def key(ordered_at: datetime) -> SealingKey:
    return SealingKey("id", ("coffer", "key"), b"", private_key(), ordered_at, ordered_at + 99 * DAY)


@pytest.mark.parametrize(
    ("period", "cutoff", "age", "due"),
    [
        (30 * DAY, None, DAY, 29 * DAY),
        (30 * DAY, None, 31 * DAY, timedelta(0)),
        (None, None, 99 * DAY, None),
        (None, -DAY, 2 * DAY, timedelta(0)),
        (None, -2 * DAY, DAY, None),
        (30 * DAY, -2 * DAY, DAY, 29 * DAY),
        (None, 5 * DAY, DAY, 5 * DAY),
        (30 * DAY, 5 * DAY, DAY, 5 * DAY),
        (30 * DAY, 40 * DAY, DAY, 29 * DAY),
    ],
)
def test_a_key_is_due_by_age_and_by_cutoff(
    period: timedelta | None, cutoff: timedelta | None, age: timedelta, due: timedelta | None
) -> None:
    schedule = Schedule(period, None if cutoff is None else EPOCH + cutoff)

    assert schedule.due(key(EPOCH - age), EPOCH) == due


def test_without_a_key_one_is_due_at_once() -> None:
    assert Schedule(None, None).due(None, EPOCH) == timedelta(0)


@pytest.mark.parametrize("text", ["", "x", "5", "²h", "1..2h", "1h x", "999999999999999h"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^sealed\.key_ttl: not a duration"):
        go_duration("sealed.key_ttl", text)


@pytest.mark.parametrize(("text", "seconds"), [("720h", 2_592_000), ("1h30m", 5400), ("0", 0), ("300ms", 0.3)])
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert go_duration("x", text) == timedelta(seconds=seconds)


def test_the_schedule_is_read_from_the_settings() -> None:
    settings = SealedSettings(key_renew_period="0", key_cutoff_time="Mon, 02 Jan 2006 15:04:05 -0700")

    assert schedule_of(settings) == Schedule(None, datetime(2006, 1, 2, 22, 4, 5, tzinfo=UTC))


@pytest.mark.parametrize("text", ["yesterday", "2006-01-02", "Mon, 99 Jan 2006"])
def test_a_cutoff_that_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^sealed\.key_cutoff_time"):
        schedule_of(SealedSettings(key_cutoff_time=text))


class Keys:
    """The stage of the renewal; the memory API knows no selectors, so that all its Secrets are sealing keys."""

    def __init__(self, **settings: Any) -> None:
        chosen = replace(SealedSettings(key_size=2048), **settings)
        self.stage = Stage(Settings(sealed=chosen))
        client: Any = self.stage.api
        self.registry = KeyRegistry(Inline(), "CertNotBefore", lambda: None)
        self.watch = KeyWatch(client, self.registry, "coffer", (), chosen.key_prefix, no_jitter())
        self.renewal = Renewal(self.stage.context, self.watch, self.registry, Inline())

    async def look(self) -> Requeue:
        return await self.renewal.reconcile(THE_KEYS)

    def made(self) -> list[Any]:
        return [body for key, body in self.stage.api.objects.items() if key.resource is SECRETS]


async def test_nothing_is_made_before_the_keys_have_been_read() -> None:
    keys = Keys()

    assert (await keys.look()).after is not None
    assert keys.made() == []


async def test_the_first_key_is_laid_out_as_the_originals() -> None:
    keys = Keys()
    await keys.watch.refresh()

    again = await keys.look()

    [made] = keys.made()
    assert made["metadata"]["name"].startswith("sealed-secrets-key")
    assert made["metadata"]["labels"] == {SEALING_KEY_LABEL: "active"}
    assert made["type"] == "kubernetes.io/tls"
    assert again.after == DAY.total_seconds()
    assert keys.registry.current is not None


async def test_new_keys_have_the_configured_labels_and_annotations() -> None:
    keys = Keys(privatekey_labels=("team=ops", f"{SEALING_KEY_LABEL}=other"), privatekey_annotations=("note=a=b",))
    await keys.watch.refresh()
    await keys.look()

    [made] = keys.made()
    assert made["metadata"]["labels"] == {"team": "ops", SEALING_KEY_LABEL: "active"}
    assert made["metadata"]["annotations"] == {"note": "a=b"}


@pytest.mark.parametrize("field", ["privatekey_labels", "privatekey_annotations"])
def test_an_entry_without_a_value_is_refused_at_the_start(field: str) -> None:
    """The original panics when it makes the next key."""
    with pytest.raises(SettingsError, match=f"sealed.{field}"):
        Keys(**{field: ("team",)})


async def test_an_old_key_gets_a_successor_and_stays() -> None:
    keys = Keys()
    await keys.watch.refresh()
    await keys.look()

    keys.stage.clock.pass_by((31 * DAY).total_seconds())
    await keys.look()
    await keys.look()

    assert len(keys.made()) == len(keys.registry.keys) == 2
    assert keys.registry.current is not None
    assert keys.registry.current.ordered_at == EPOCH + 31 * DAY


async def test_a_cutoff_still_to_come_makes_no_key_after_key() -> None:
    keys = Keys(key_cutoff_time="Mon, 05 Jan 2026 00:00:00 +0000")
    await keys.watch.refresh()
    for _ in range(3):
        await keys.look()
    assert len(keys.made()) == 1

    keys.stage.clock.pass_by((5 * DAY).total_seconds())
    for _ in range(3):
        await keys.look()

    assert len(keys.made()) == 2


async def test_a_key_made_by_another_replica_prevents_a_second_one() -> None:
    keys = Keys()
    await keys.watch.refresh()
    keys.stage.api.put(SECRETS, key_secret())  # the watch has not shown it yet

    await keys.look()

    assert len(keys.made()) == 1
    assert len(keys.registry.keys) == 1


async def test_no_key_is_made_while_the_api_server_does_not_answer() -> None:
    keys = Keys()
    await keys.watch.refresh()
    keys.stage.api.fail("list", Unreachable(0, "", "list secrets"))

    with pytest.raises(Unreachable):
        await keys.look()

    assert keys.made() == []


async def test_a_new_key_that_is_not_current_causes_no_further_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unusable(*_: object) -> Any:
        raise ValueError("spoiled by an admission webhook")

    keys = Keys()
    await keys.watch.refresh()
    monkeypatch.setattr("sealed.keys.registry.read_key", unusable)

    assert (await keys.look()).backoff


async def test_a_key_that_cannot_be_used_is_told_at_its_secret_once() -> None:
    keys = Keys()
    keys.stage.api.put(SECRETS, key_secret("broken", **dict[str, Any]({"tls.key": b"canary-90aa"})))
    await keys.watch.refresh()

    for _ in range(2):
        await keys.look()

    [event] = keys.stage.api.events
    assert (event["type"], event["reason"], event["involvedObject"]["name"]) == ("Warning", UNUSABLE, "broken")
    assert event["metadata"]["namespace"] == "coffer"
    assert "no private key found" in event["message"]
    assert "tls.crt" in event["message"]
    assert "canary" not in event["message"]
    assert len(keys.made()) == 2, "a key that can be used is made all the same"


async def test_a_signal_makes_a_key_though_none_is_due_and_only_one() -> None:
    """SIGUSR1 is how the original's users renew early; it works where renewal is switched off, too."""
    keys = Keys(key_renew_period="0")
    await keys.watch.refresh()
    await keys.look()
    task = asyncio.create_task(keys.renewal.follow_signals())
    await asyncio.sleep(0)

    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.01)
    for _ in range(3):
        await keys.look()
    task.cancel()

    assert len(keys.made()) == 2


async def test_a_signal_that_a_standby_got_long_ago_makes_no_key() -> None:
    keys = Keys(key_renew_period="0")
    await keys.watch.refresh()
    await keys.look()

    keys.renewal.ask()
    keys.stage.clock.pass_by(SIGNAL_SECONDS)
    await keys.look()

    assert len(keys.made()) == 1


async def test_a_signal_that_comes_while_a_key_is_made_makes_another(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(key_renew_period="0")
    await keys.watch.refresh()
    await keys.look()
    create = keys.stage.api.create

    async def asked_meanwhile(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(keys.stage.api, "create", create)
        keys.renewal.ask()
        return await create(*args, **more)

    monkeypatch.setattr(keys.stage.api, "create", asked_meanwhile)
    keys.renewal.ask()
    for _ in range(3):
        await keys.look()

    assert len(keys.made()) == 3


async def test_a_signal_is_obeyed_though_the_first_attempt_fails() -> None:
    keys = Keys(key_renew_period="0")
    await keys.watch.refresh()
    await keys.look()
    keys.stage.api.fail("create", Unreachable(0, "", "create"))
    keys.renewal.ask()

    with pytest.raises(Unreachable):
        await keys.look()
    for _ in range(2):
        await keys.look()

    assert len(keys.made()) == 2


async def test_a_key_that_is_there_is_reused() -> None:
    keys = Keys(key_renew_period="0")
    keys.stage.api.put(SECRETS, key_secret("there"))
    await keys.watch.refresh()

    assert (await keys.look()).after == DAY.total_seconds()
    assert len(keys.made()) == 1


async def test_the_unlabelled_key_of_old_releases_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def labelled(*_: object, **__: object) -> AsyncIterator[tuple[list[Any], str]]:
        yield [], "1"

    keys = Keys(key_renew_period="0")
    monkeypatch.setattr(keys.stage.api, "pages", labelled)
    old = key_secret("sealed-secrets-key")
    del old["metadata"]["labels"]
    keys.stage.api.put(SECRETS, old)
    await keys.watch.refresh()
    await keys.look()

    assert [each.secret for each in keys.registry.keys] == [("coffer", "sealed-secrets-key")]
    assert len(keys.made()) == 1
