"""1,000 ExternalSecrets over 100 secrets of services whose lists tell what has changed: cold, unchanged and rotated.

Calls are counted by the doubles; they do not depend on the machine.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from tests.bench.external import FLAGS, NUMBER, QUIET_SECONDS, REMOTE, ROTATED
from tests.bench.scene import TIMEOUT_SECONDS, Row, Scene, ready, timed, until
from tests.builders.manifests import encoded, external_secret, secret, store
from tests.cluster.wait import wait_until
from tests.controller import Coffer
from tests.doubles.azure.key_vault import KeyVault
from tests.doubles.onepassword import OnePassword

OURS = "one per ExternalSecret at least, as external-secrets makes, and its logins"


class Service(NamedTuple):
    """A double with its store."""

    name: str
    provider: dict[str, Any]
    calls: Callable[[], int]
    put: Callable[[int, str], None]


def run(scene: Scene) -> Iterator[Row]:
    """Measure 1,000 at a refreshInterval of one minute, at each service."""
    with ExitStack() as stack:
        services = [_azure(stack), _onepassword(stack)]
        flags = (*FLAGS, "--external-egress-allowed=127.0.0.0/8")
        with Coffer(scene.installation, flags=flags, environment=scene.moto.environment()) as coffer:
            coffer.wait_leading()
            for each in services:
                yield from _measured(scene, each)


def _azure(stack: ExitStack) -> Service:
    vault = stack.enter_context(KeyVault())
    for at in range(REMOTE):
        vault.put(f"key-{at}", "old")

    def put(at: int, value: str) -> None:
        vault.put(f"key-{at}", value)["attributes"]["updated"] = int(time.time())

    named = {"clientId": {"name": "login", "key": "id"}, "clientSecret": {"name": "login", "key": "secret"}}
    spec = {"vaultUrl": vault.url, "tenantId": vault.tenant, "authSecretRef": named, "useAzureSDK": True}
    spec |= {"environmentType": "AzureStackCloud", "customCloudConfig": {"activeDirectoryEndpoint": vault.url}}
    return Service("Azure Key Vault", {"azurekv": spec}, lambda: vault.calls.total(), put)


def _onepassword(stack: ExitStack) -> Service:
    server = stack.enter_context(OnePassword())
    server.vault("v")
    items = [server.put("v", f"key-{at}", {"password": "old"}) for at in range(REMOTE)]
    auth = {"secretRef": {"connectTokenSecretRef": {"name": "login", "key": "onepassword"}}}
    spec = {"connectHost": server.url, "vaults": {"v": 1}, "auth": auth}

    def put(at: int, value: str) -> None:
        server.change(items[at], "password", value)

    return Service("1Password Connect", {"onepassword": spec}, lambda: server.calls.total(), put)


def _measured(scene: Scene, service: Service) -> Iterator[Row]:
    (namespace,) = scene.namespaces(f"bench-{service.name.split()[0].lower()}", 1)
    held = {"id": KeyVault.client, "secret": KeyVault.secret, "onepassword": OnePassword.token}
    scene.create([secret(namespace, "login", held), store(namespace, "cloud", service.provider)])
    manifests = [
        external_secret(namespace, f"item-{at:05}", "cloud", {"v": f"key-{at % REMOTE}"}, refreshInterval="1m")
        for at in range(NUMBER)
    ]
    before = service.calls()
    seconds = timed(
        lambda: (
            scene.create(manifests),
            until(lambda: ready(scene.kube.list("externalsecrets", namespace), "Ready"), NUMBER, "all"),
        )
    )
    yield Row(f"{NUMBER} ExternalSecrets over {REMOTE} secrets of {service.name}, cold", seconds, "s")
    yield Row("  calls", service.calls() - before, "", NUMBER, OURS)
    before = service.calls()
    time.sleep(QUIET_SECONDS)
    spent = (service.calls() - before) / (QUIET_SECONDS / 60)
    yield Row(f"{QUIET_SECONDS:.0f} s at refreshInterval 1m: calls a minute", spent, "", NUMBER, OURS)
    started = time.monotonic()
    for at in range(ROTATED):
        service.put(at, "new")
    wanted = NUMBER // REMOTE * ROTATED

    def arrived() -> int:
        found = scene.kube.list("secrets", namespace)
        return sum(each.get("data", {}).get("v") == encoded("new") for each in found)

    wait_until(arrived, lambda number: number >= wanted, timeout=TIMEOUT_SECONDS, what="the rotated values")
    yield Row(f"{ROTATED} secrets rotated: all {wanted} targets updated after", time.monotonic() - started, "s")
    scene.kube.delete("namespaces", namespace)
