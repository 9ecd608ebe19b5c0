"""What many ExternalSecrets over few secrets cost at services whose lists tell what has changed: a list an interval."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from manager.kube.resources import SECRET_STORES
from manager.settings.model import ExternalSettings, Settings
from tests.builders.external_module import ExternalModule
from tests.doubles.azure.key_vault import KeyVault
from tests.doubles.doppler import Doppler
from tests.doubles.onepassword import OnePassword

OBJECTS, KEYS, INTERVALS = 100, 10, 3


class Service(NamedTuple):
    """A service with its store, and how a value changes there."""

    provider: dict[str, Any]
    put: Callable[[int, str], None]
    requests: Callable[[], int]
    """How many requests it has answered."""
    cold: int
    """Requests for all values at first: logins and lists too."""
    steady: int
    """Requests in an interval in which nothing has changed."""


def azure(stack: ExitStack) -> Service:
    vault = stack.enter_context(KeyVault())

    def put(number: int, value: str) -> None:
        before = vault.objects["secrets"].get(f"key-{number}")
        stored = vault.put(f"key-{number}", value)
        if before and len(before) > 1:
            stored["attributes"]["updated"] += 60

    secret = {"clientId": {"name": "login", "key": "id"}, "clientSecret": {"name": "login", "key": "secret"}}
    spec = {"vaultUrl": vault.url, "tenantId": vault.tenant, "authSecretRef": secret, "useAzureSDK": True}
    spec |= {"environmentType": "AzureStackCloud", "customCloudConfig": {"activeDirectoryEndpoint": vault.url}}
    return Service({"azurekv": spec}, put, lambda: vault.calls.total(), cold=KEYS + 1, steady=1)


def onepassword(stack: ExitStack) -> Service:
    server = stack.enter_context(OnePassword())
    server.vault("v")
    items = [server.put("v", f"key-{number}", {"password": ""}) for number in range(KEYS)]
    auth = {"secretRef": {"connectTokenSecretRef": {"name": "login", "key": "onepassword"}}}
    spec = {"connectHost": server.url, "vaults": {"v": 1}, "auth": auth}

    def put(number: int, value: str) -> None:
        server.change(items[number], "password", value)

    return Service({"onepassword": spec}, put, lambda: server.calls.total(), cold=KEYS + 2, steady=1)


def doppler(stack: ExitStack) -> Service:
    server = stack.enter_context(Doppler())
    stack.enter_context(patch.dict("os.environ", {"DOPPLER_BASE_URL": server.url}))
    path = "/v3/configs/config/secrets/download"

    def put(number: int, value: str) -> None:
        server.secrets[f"key-{number}"] = value

    spec = {"auth": {"secretRef": {"dopplerToken": {"name": "login", "key": "doppler"}}}}
    return Service({"doppler": spec}, put, lambda: server.calls[path], cold=1, steady=1)


@pytest.fixture(params=[azure, onepassword, doppler], ids=lambda each: each.__name__)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with ExitStack() as stack:
        made: Service = request.param(stack)
        for number in range(KEYS):
            made.put(number, "first")
        yield made


async def test_an_interval_without_a_change_costs_a_list(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """external-secrets makes a request for each of the objects, and a login."""
    for name in ("BATCH_WINDOW_SECONDS", "LULL_SECONDS"):
        monkeypatch.setattr(f"external.reading.rate_limit.{name}", 0.01)
    bench = ExternalModule(Settings(external=ExternalSettings(egress_allowed=("127.0.0.0/8",))))
    held: dict[str, Any] = {
        "id": KeyVault.client,
        "secret": KeyVault.secret,
        "onepassword": OnePassword.token,
        "doppler": Doppler.token,
    }
    bench.secret("login", **held)
    bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": "ns"}, "spec": {"provider": service.provider}})
    for number in range(OBJECTS):
        entry = {"secretKey": "k", "remoteRef": {"key": f"key-{number % KEYS}"}}
        bench.external(f"es-{number}", refreshInterval="1m", data=[entry])
    try:
        before = service.requests()
        await bench.settle()
        assert service.requests() - before <= 2 * service.cold
        assert {str(bench.data(f"es-{number}")) for number in range(OBJECTS)} == {str({"k": b"first"})}

        before = service.requests()
        for _ in range(INTERVALS):
            bench.pass_by(61)
            await bench.settle()
        spent = service.requests() - before
        assert spent <= OBJECTS * INTERVALS / 10, "a tenth of one request an object"
        assert spent >= service.steady * INTERVALS

        service.put(0, "second")
        bench.pass_by(61)
        await bench.settle()
        assert [bench.data(f"es-{number}") for number in (0, OBJECTS - KEYS, 1)] == [
            {"k": b"second"},
            {"k": b"second"},
            {"k": b"first"},
        ]
    finally:
        await bench.close()
