"""kopf's settings, our hands on its session, logs without texts, health and metrics."""

import asyncio
import copy
import io
import json
import logging
import os
import resource
import signal
import sys
from importlib.metadata import version
from itertools import islice
from typing import Any, cast

import aiohttp
import kopf
import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from manager.core.errors import SettingsError
from manager.core.secret_value import SecretValue
from manager.kube.cache import MetadataCache
from manager.kube.resources import SECRETS
from manager.runtime.http import health
from manager.runtime.http.health import Health, serve
from manager.runtime.informer import Informer
from manager.runtime.kopf_host import (
    UNUSED_FINALIZER,
    Backoffs,
    EphemeralMemories,
    KopfHost,
    LentSession,
    NoDiffBase,
    NoProgress,
    Quiet,
    _own_signals,
    configure,
)
from manager.runtime.logging import MAX_VALUE_CHARACTERS, redact, setup
from manager.runtime.metrics import Metrics
from manager.runtime.watch_guard import WatchGuard
from tests.builders.api_in_memory import HandClock, no_jitter


def test_kopf_is_the_version_whose_inside_we_know() -> None:
    assert version("kopf") == "1.45.2"


def test_kopf_keeps_nothing_on_objects_and_posts_nothing() -> None:
    settings = configure(no_jitter())

    assert isinstance(settings.persistence.diffbase_storage, NoDiffBase)
    assert isinstance(settings.persistence.progress_storage, NoProgress)
    assert settings.persistence.finalizer == UNUSED_FINALIZER
    assert settings.posting.enabled is False


def test_kopf_neither_scans_crds_nor_streams_initially_nor_kills() -> None:
    settings = configure(no_jitter())

    assert settings.scanning.disabled is True
    assert settings.watching.initial_streaming is False
    assert settings.watching.chunk_size == 500
    assert settings.process.ultimate_exiting_timeout is None
    assert 0 < settings.queueing.idle_timeout <= 0.05
    assert settings.queueing.worker_limit is None


def test_outages_of_any_length_are_waited_for_again_and_again() -> None:
    backoffs = Backoffs(no_jitter())

    for _ in range(2):
        waits = list(islice(backoffs, 1000))
        assert waits[0] == 0.5
        assert waits[-1] == 30.0


def test_a_users_annotation_is_never_parsed() -> None:
    body: Any = {"metadata": {"annotations": {"kopf.zalando.org/last-handled-configuration": "garbage{"}}}

    differences: Any = NoDiffBase()
    progress: Any = NoProgress()

    assert differences.build(body=body) == {}
    assert differences.fetch(body=body) is None
    assert progress.fetch(key="x", body=body, record=None) is None
    assert progress.clear(essence={"a": 1}) == {"a": 1}


async def test_memories_are_forgotten_at_once() -> None:
    memories = EphemeralMemories()
    await memories.recall({"metadata": {"uid": "u", "name": "a"}})

    assert list(memories.iter_all_memories()) == []


def test_the_memo_costs_nothing_to_copy() -> None:
    memo = Quiet()

    assert copy.copy(memo) is memo


async def test_a_lent_session_is_not_closed_by_its_borrower() -> None:
    async with aiohttp.ClientSession() as session:
        lent: Any = LentSession(session)
        await lent.close()

        assert not session.closed
        assert lent.headers is session.headers


async def test_kopf_watches_every_resource_and_does_nothing_with_what_comes() -> None:
    feed, nothing = Informer(MetadataCache(), {SECRETS: []}), cast("Any", None)
    streams = WatchGuard((SECRETS,), HandClock(), no_jitter(), nothing, nothing)
    host = KopfHost(nothing, feed, streams, (SECRETS,), no_jitter())
    registry = kopf.OperatorRegistry()
    host._listen(registry, SECRETS)
    (handler,) = registry._watching.get_all_handlers()

    function: Any = handler.fn
    assert asyncio.iscoroutinefunction(function)
    assert await function(event={"type": "ADDED", "object": {}}, patch={}, logger=None) is None


def test_only_short_simple_values_are_logged() -> None:
    event = redact(
        None,
        "info",
        {
            "event": "e",
            "n": 5,
            "none": None,
            "p": SecretValue(b"canary"),
            "d": {"canary": 1},
            "b": b"canary",
            "l": "x" * 5000,
        },
    )

    shown = json.dumps(event)
    assert "canary" not in shown
    assert event["p"] == "<SecretValue>"
    assert len(event["l"]) < MAX_VALUE_CHARACTERS + 40
    assert event["n"] == 5


def test_foreign_records_are_reduced_to_places(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config(), logging.getLogger().handlers[:], logging.getLogger().level
    try:
        setup("INFO", "json")
        logger = logging.getLogger("kopf.objects")
        logger.warning("the body was %s", "canary-a")
        try:
            raise ValueError("canary-b")
        except ValueError:
            logger.exception("failed with canary-c")
        logger.info("canary-d")
    finally:
        structlog.configure(**before[0])
        logging.getLogger().handlers[:] = before[1]
        logging.getLogger().setLevel(before[2])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "canary" not in json.dumps(lines)
    assert [line["level"] for line in lines] == ["warning", "error"]
    assert lines[0]["at"].startswith("kopf.objects:")
    assert lines[1]["error"].startswith("ValueError at test_kopf_host.py:")


async def answer(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as found:
        return found.status, await found.text()


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/health/live", "/readyz", "/health/ready"])
async def test_health_is_green_until_something_is_wrong(path: str) -> None:
    wrong = {"text": ""}
    checks = {"workers": lambda: wrong["text"]}
    runner = await serve("127.0.0.1:0", Health(checks, checks).routes())
    url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    try:
        assert await answer(url) == (200, "ok\n")
        wrong["text"] = "Secret a/b hangs"
        assert await answer(url) == (503, "workers: Secret a/b hangs\n")
    finally:
        await runner.cleanup()


async def test_liveness_and_readiness_have_checks_of_their_own() -> None:
    runner = await serve("127.0.0.1:0", Health({"a": lambda: ""}, {"b": lambda: "not yet"}).routes())
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        assert (await answer(f"{url}/healthz"))[0] == 200
        assert (await answer(f"{url}/readyz"))[0] == 503
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "127.0.0.1:x", "nonsense"])
async def test_an_address_that_cannot_be_had_is_named(address: str) -> None:
    with pytest.raises(SettingsError, match="cannot listen"):
        await serve(address, [])


async def test_a_body_beyond_the_limit_is_refused() -> None:
    async def read(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    runner = await serve("127.0.0.1:0", [web.post("/", read)])
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data=io.BytesIO(b"x" * 1_100_000)) as found:
            assert found.status == 413
    finally:
        await runner.cleanup()


async def test_of_too_many_connections_the_oldest_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CONNECTION_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(health, "MAX_CONNECTIONS", 5)
    runner = await serve("127.0.0.1:0", Health({}, {}).routes())
    port = runner.addresses[0][1]
    try:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]

        assert [await reader.read() for reader, _ in opened[:15]] == [b""] * 15
        assert (await answer(f"http://127.0.0.1:{port}/healthz"))[0] == 200
        assert not opened[-1][0].at_eof()
    finally:
        for _, writer in opened:
            writer.close()
        await runner.cleanup()


def test_as_many_files_as_the_system_permits_may_be_open() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        health.allow_files()

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == min(hard, health.MAX_OPEN_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_metrics_count_without_naming_objects() -> None:
    metrics = Metrics()
    metrics.requested("get", "secrets", 200)
    metrics.reconciled("sealed", "success", 0.01)

    text = metrics.render().decode()
    assert 'coffer_api_requests_total{resource="secrets",status="200",verb="get"} 1.0' in text
    assert 'coffer_reconcile_total{controller="sealed",result="success"} 1.0' in text
    assert "_created" not in text


def test_every_replica_has_a_registry_of_its_own() -> None:
    assert isinstance(Metrics().registry, CollectorRegistry)
    assert Metrics().registry is not Metrics().registry
    assert sys.modules["prometheus_client"]


async def test_a_signal_that_comes_while_the_event_source_starts_is_ours() -> None:
    """kopf puts its own handlers in the place of those that are there, and takes long to end while it lists."""
    loop, ours, theirs = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR2, ours.set)
    try:
        with _own_signals(loop):
            loop.add_signal_handler(signal.SIGUSR2, theirs.set)
            os.kill(os.getpid(), signal.SIGUSR2)
            await asyncio.wait_for(ours.wait(), 5)
        assert not theirs.is_set()
        loop.add_signal_handler(signal.SIGUSR2, theirs.set)
        os.kill(os.getpid(), signal.SIGUSR2)
        await asyncio.wait_for(theirs.wait(), 5)
    finally:
        loop.remove_signal_handler(signal.SIGUSR2)
