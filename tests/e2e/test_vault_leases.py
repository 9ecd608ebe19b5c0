"""Leases of a real Vault: its RabbitMQ engine makes users of a broker, which are renewed, replaced and revoked."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

import pytest

from external.generators.protocol import NotRevoked
from external.generators.services.vault_dynamic_secret import VAULT_DYNAMIC_SECRETS
from external.generators.states import GENERATOR_STATES, HELD
from external.providers.protocol import ProviderUnavailable
from external.providers.support.shared import SharedConnection
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generate, generator_context, revoke
from tests.builders.manifests import external_secret, generated, generator, secret, vault
from tests.cluster.kube import Object
from tests.cluster.vault import VaultServer
from tests.cluster.wait import wait_until
from tests.doubles.rabbitmq import RabbitMQ
from tests.e2e.world import World

REVOKES = 'path "sys/leases/revoke" { capabilities = ["update"] }'


@pytest.fixture
def broker() -> Iterator[RabbitMQ]:
    with RabbitMQ() as running:
        yield running


class Engine:
    """One engine of Vault over one broker, with a role and a login that may use it."""

    def __init__(self, server: VaultServer, broker: RabbitMQ, ttl: str, max_ttl: str, *, revokes: bool = True) -> None:
        self.server, self.path = server, f"rabbitmq-{uuid4().hex[:8]}"
        server.ask("POST", f"sys/mounts/{self.path}", {"type": "rabbitmq"})
        access = {"connection_uri": broker.url, "username": broker.user, "password": broker.password}
        server.ask("POST", f"{self.path}/config/connection", access | {"verify_connection": False})
        server.ask("POST", f"{self.path}/config/lease", {"ttl": ttl, "max_ttl": max_ttl})
        rights = '{"/": {"configure": ".*", "write": ".*", "read": ".*"}}'
        server.ask("POST", f"{self.path}/roles/app", {"vhosts": rights})
        reads = f'path "{self.path}/creds/app" {{ capabilities = ["read"] }}'
        server.allow(self.path, reads + (REVOKES if revokes else ""))
        self.login = f"approle-{self.path}"
        server.enable("approle", self.login)
        role = {"token_policies": [self.path], "token_ttl": "1h", "token_max_ttl": "24h"}
        server.ask("POST", f"auth/{self.login}/role/app", role)
        self.role_id = server.ask("GET", f"auth/{self.login}/role/app/role-id")["data"]["role_id"]
        self.secret_id = server.ask("POST", f"auth/{self.login}/role/app/secret-id")["data"]["secret_id"]

    def spec(self) -> Object:
        """Return the spec of a generator; its Secret is `vault`, key `id`."""
        auth = {"appRole": {"path": self.login, "roleId": self.role_id, "secretRef": {"name": "vault", "key": "id"}}}
        provider = vault(self.server.url, self.server.ca, {})["vault"]
        return {"provider": {**provider, "auth": auth}, "path": f"{self.path}/creds/app"}

    def seconds(self, lease: str) -> int:
        """Return how long a lease lives still."""
        found: int = self.server.ask("PUT", "sys/leases/lookup", {"lease_id": lease})["data"]["ttl"]
        return found


class Trusting(Desk):
    """Trusts the authority of the test's Vault."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(vault_id=engine.secret_id)
        self._ca = engine.server.ca

    async def authority(self, *_: object) -> Any:
        return self._ca.encode()


def context(engine: Engine, shared: SharedConnection | None = None) -> Any:
    return replace(generator_context(Trusting(engine)), shared=shared)


async def test_a_lease_is_renewed_up_to_two_thirds_of_the_maximum(vault: VaultServer, broker: RabbitMQ) -> None:
    engine, shared = Engine(vault, broker, "600s", "3000s"), SharedConnection()
    made = await generate(VAULT_DYNAMIC_SECRETS, context(engine, shared), **engine.spec())
    state: Any = made.state
    lease = state["leaseID"]
    assert 590 < (made.expires_at or 0) - time.time() <= 600
    assert engine.seconds(lease) <= 600, "asking for the maximum leaves the life as it was"
    assert 2980 < state["endsAt"] - time.time() <= 3000

    assert made.renew is not None
    assert 590 < (made.renew() or 0) - time.time() <= 600

    lease_of: Any = cast("Any", made.renew).__self__
    object.__setattr__(lease_of, "rotate_at", time.time())
    assert made.renew() is None, "it is replaced then"
    await revoke(VAULT_DYNAMIC_SECRETS, state, context(engine), **engine.spec())
    assert broker.users == set()
    await revoke(VAULT_DYNAMIC_SECRETS, state, context(engine), **engine.spec())


async def test_one_token_serves_all_leases_of_a_generator(vault: VaultServer, broker: RabbitMQ) -> None:
    engine, shared = Engine(vault, broker, "600s", "3000s"), SharedConnection()
    calls: list[str] = []
    given = context(engine, shared)
    object.__setattr__(given, "count", lambda _label, call, _status: calls.append(call))
    for _ in range(3):
        await generate(VAULT_DYNAMIC_SECRETS, given, **engine.spec())

    assert (calls.count("Login"), calls.count("DynamicSecret"), len(broker.users)) == (1, 3, 3)
    shared.current().close()
    wait_until(lambda: not broker.users, what="users that Vault revokes with the token that made them")


async def test_a_renewal_after_the_token_is_gone_asks_for_new_values(vault: VaultServer, broker: RabbitMQ) -> None:
    engine, shared = Engine(vault, broker, "600s", "3000s"), SharedConnection()
    made = await generate(VAULT_DYNAMIC_SECRETS, context(engine, shared), **engine.spec())
    token = shared.current().token().reveal().decode()
    vault.ask("POST", "auth/token/revoke", {"token": token})

    assert made.renew is not None
    assert made.renew() is None


async def test_without_the_right_to_revoke_a_lease_ends_by_itself(vault: VaultServer, broker: RabbitMQ) -> None:
    engine = Engine(vault, broker, "600s", "600s", revokes=False)
    made = await generate(VAULT_DYNAMIC_SECRETS, context(engine), **engine.spec())

    with pytest.raises(NotRevoked, match="permission denied; it ends by itself at 20") as raised:
        await revoke(VAULT_DYNAMIC_SECRETS, made.state or {}, context(engine), **engine.spec())

    assert 590 < raised.value.ends_at - time.time() <= 600


async def test_a_service_that_is_broken_is_asked_again_soon(vault: VaultServer, broker: RabbitMQ) -> None:
    engine = Engine(vault, broker, "600s", "600s")
    made = await generate(VAULT_DYNAMIC_SECRETS, context(engine), **engine.spec())
    broker.broken = True
    with pytest.raises(ProviderUnavailable, match="RevokeLease: 400"):
        await revoke(VAULT_DYNAMIC_SECRETS, made.state or {}, context(engine), **engine.spec())

    broker.broken = False
    await revoke(VAULT_DYNAMIC_SECRETS, made.state or {}, context(engine), **engine.spec())

    assert broker.users == set()


async def test_without_credentials_nothing_is_revoked(vault: VaultServer, broker: RabbitMQ) -> None:
    engine = Engine(vault, broker, "600s", "600s")
    with pytest.raises(NeedsHuman, match="vault_id"):
        await revoke(VAULT_DYNAMIC_SECRETS, {"leaseID": "x"}, generator_context(Desk()), **engine.spec())


def test_a_lease_ends_with_its_external_secret(world: World, vault: VaultServer, broker: RabbitMQ) -> None:
    """The control plane's garbage collection deletes the state, whose finalizer waits for the revocation."""
    ns, engine = world.namespace(), Engine(vault, broker, "1h", "24h")
    world.apply(
        secret(ns, "vault", {"id": engine.secret_id}), generator(ns, "VaultDynamicSecret", "user", **engine.spec())
    )
    entry = [generated("VaultDynamicSecret", "user")]
    world.apply(external_secret(ns, "app", "none", {}, dataFrom=entry, refreshInterval="24h"))
    world.await_ready("externalsecrets", ns, "app")
    first = (world.data(ns, "app") or {})["username"]
    assert broker.users == {first}
    plural = GENERATOR_STATES.plural
    (state,) = world.kube.wait_until(
        lambda: world.kube.list(plural, ns),
        lambda found: [each["spec"].get("garbageCollectionDeadline") for each in found] == [None],
        what="the state without a deadline",
    )
    annotations = world.kube.get("secrets", "app", ns)["metadata"]["annotations"]
    assert annotations[HELD] == f"app/0={state['metadata']['name']}"

    world.kube.patch("externalsecrets", "app", ns, {"metadata": {"annotations": {"force": "1"}}})
    second = world.kube.wait_until(
        lambda: (world.data(ns, "app") or {})["username"], lambda now: now != first, what="another user"
    )
    assert broker.users == {first, second}, "the old one lives on for the grace"
    world.kube.wait_until(
        lambda: world.kube.list(plural, ns),
        lambda found: sum("garbageCollectionDeadline" in each["spec"] for each in found) == 1,
        what="a deadline for the old one",
    )

    broker.broken = True
    world.kube.delete("externalsecrets", "app", ns)
    world.kube.wait_until(
        lambda: world.kube.list(plural, ns),
        lambda found: bool(found) and all("deletionTimestamp" in each["metadata"] for each in found),
        what="deleted states that wait",
    )
    broker.broken = False
    world.kube.wait_until(lambda: broker.users, lambda now: not now, what="no user", timeout=120)
    world.kube.wait_until(lambda: world.kube.list(plural, ns), lambda found: not found, what="no state", timeout=120)
