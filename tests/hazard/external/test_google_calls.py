"""What many ExternalSecrets over few secrets of Google cost: one access a secret and interval, one token an hour."""

import base64
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from external.providers.gcp.connection import ENDPOINT_VARIABLE
from manager.kube.resources import SECRET_STORES
from manager.settings.model import ExternalSettings, Settings
from tests.builders.external_module import ExternalModule
from tests.doubles.google import Google

OBJECTS, KEYS = 100, 10
INTERVALS = 3
PLACE = "projects/project"


@pytest.fixture
def google() -> Iterator[Google]:
    with Google() as made, patch.dict("os.environ", {ENDPOINT_VARIABLE: made.url}):
        for number in range(KEYS):
            put(made, number, b"first")
        yield made


def put(google: Google, number: int, value: bytes) -> None:
    api, name = google.secret_manager, f"key-{number}"
    if (PLACE, name) not in api.secrets:
        api._create(PLACE, name, {"replication": {"automatic": {}}})
    api._add((PLACE, name), {"payload": {"data": base64.b64encode(value).decode()}})


async def test_objects_that_read_one_secret_share_its_reads(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BATCH_WINDOW_SECONDS", "LULL_SECONDS"):
        monkeypatch.setattr(f"external.reading.rate_limit.{name}", 0.001)
    bench = ExternalModule(Settings(external=ExternalSettings(egress_allowed=("127.0.0.0/8",))))
    ref = {"secretAccessKeySecretRef": {"name": "google", "key": "key"}}
    spec = {"provider": {"gcpsm": {"projectID": "project", "auth": {"secretRef": ref}}}}
    bench.secret("google", key=google.key_file())
    bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": "ns"}, "spec": spec})
    for number in range(OBJECTS):
        entry = {"secretKey": "k", "remoteRef": {"key": f"key-{number % KEYS}"}}
        bench.external(f"es-{number}", refreshInterval="1m", data=[entry])
    calls = google.secret_manager.calls
    try:
        await bench.settle()
        assert calls == {"AccessSecretVersion": KEYS}
        assert {bench.data(f"es-{number}") and True for number in range(OBJECTS)} == {True}

        calls.clear()
        for _ in range(INTERVALS):
            bench.pass_by(61)
            await bench.settle()
        assert calls["AccessSecretVersion"] <= KEYS * (INTERVALS + 1)
        assert set(calls) == {"AccessSecretVersion"}, "nothing else is asked for an unchanged value"

        put(google, 0, b"second")
        bench.pass_by(61)
        await bench.settle()
        assert bench.data("es-0") == {"k": b"second"}
        assert bench.data(f"es-{OBJECTS - KEYS}") == {"k": b"second"}
        assert bench.data("es-1") == {"k": b"first"}
    finally:
        await bench.close()
