"""Connects stores to Vault and OpenBao."""

from external.api.providers.vault import OpenBaoProvider, VaultProvider, VaultTls
from external.providers.protocol import Client, ConnectContext
from external.providers.support.lookup import INVALID
from external.providers.vault.client import KeyValue
from external.providers.vault.connection import Connection, Server
from external.providers.vault.login import Login, login_of
from external.providers.vault.push import VaultKeyValue
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

OPEN_BAO_PATH = "kv"
VAULT = "HashiCorp/Vault"
OPEN_BAO = "OpenBao"


async def connect_vault(spec: VaultProvider, context: ConnectContext) -> Client:
    """Return the client of a key-value engine of Vault."""
    at = "spec.provider.vault"
    if spec.check_and_set is not None and spec.check_and_set.required and spec.version == "v1":
        raise NeedsHuman(INVALID, f"{at}.checkAndSet.required: only version v2 of the engine knows it")
    server, login = await vault_server(spec, context, at)
    return await _opened(VaultKeyValue, server, login, context, (spec.path or "", spec.version))


async def vault_server(spec: VaultProvider, context: ConnectContext, at: str) -> tuple[Server, Login | None]:
    """Return a server of Vault, and the login there. Raises NeedsHuman."""
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, at)
    login = await login_of(spec.auth, context, at)
    shown = await _certificate(spec.tls, context, at) or (login.certificate if login else None)
    headers = dict(spec.headers or {})
    if spec.read_your_writes and spec.forward_inconsistent:
        headers["X-Vault-Inconsistent"] = "forward-active-node"
    namespace = spec.namespace or ""
    server = Server(
        url=spec.server,
        namespace=namespace,
        login_namespace=(spec.auth.namespace if spec.auth else None) or namespace,
        headers=headers,
        authorities=authorities,
        certificate=shown,
        label=VAULT,
    )
    return server, login


async def connect_open_bao(spec: OpenBaoProvider, context: ConnectContext) -> Client:
    """Return the client of a key-value engine of OpenBao."""
    at = "spec.provider.openBao"
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, at)
    if spec.auth is None:
        raise NeedsHuman(INVALID, f"{at}.auth is missing")
    namespace = spec.namespace or ""
    server = Server(
        url=spec.server,
        namespace=namespace,
        login_namespace=spec.auth.namespace or namespace,
        headers={},
        authorities=authorities,
        certificate=None,
        label=OPEN_BAO,
    )
    login = await login_of(spec.auth, context, at)
    return await _opened(KeyValue, server, login, context, (spec.path or OPEN_BAO_PATH, spec.version))


async def _opened(
    kind: type[KeyValue], server: Server, login: Login | None, context: ConnectContext, engine: tuple[str, str]
) -> Client:
    def make() -> Client:
        connection = Connection(server, login, context.egress, context.count, context.timeout)
        return kind(connection, *engine, context.timeout)

    return await context.run(make)


async def _certificate(
    tls: VaultTls | None, context: ConnectContext, at: str
) -> tuple[SecretValue, SecretValue] | None:
    if tls is None or (tls.cert_secret_ref is None and tls.key_secret_ref is None):
        return None
    certificate = await context.lookup.secret(tls.cert_secret_ref, f"{at}.tls.certSecretRef", "tls.crt")
    key = await context.lookup.secret(tls.key_secret_ref, f"{at}.tls.keySecretRef", "tls.key")
    return certificate, key
